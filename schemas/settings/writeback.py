"""Settings of writebacks."""

from datetime import timedelta

from pydantic import Field

from schemas.settings.base import SettingsGroup, renamed
from schemas.writeback.messages import MAX_OPEN_BATCHES, ConflictPolicy

BATCH_LINGER = timedelta(seconds=10)
ABANDONED_CALL_TIMEOUT = timedelta(minutes=2)
CHANGE_LOG_TIMEOUT = timedelta(minutes=4)
JOB_STALL_TIMEOUT = timedelta(minutes=10)


class WritebackSettings(SettingsGroup):
    """How writebacks are sent."""

    max_open_batches: int = Field(
        default=MAX_OPEN_BATCHES, ge=1, le=20, validation_alias=renamed("max_open_batches", old="most_open")
    )
    """Batches of one object that are sent at once. Applies to queues that start after the change.
    """
    linger: timedelta = Field(default=BATCH_LINGER, ge=timedelta(0))
    """Time that a batch waits to fill up, at most a thirtieth of the time to its nearest deadline.
    0 = send at once.
    """
    conflict_policy: dict[str, ConflictPolicy] = Field(
        default={}, validation_alias=renamed("conflict_policy", old="newer")
    )
    """`Object` or `Object.Field` -> what to do when Salesforce has a newer change: `holds` the
    writeback for an operator, `wins` over it, or `yields` to it. Objects and fields not listed:
    `holds`.
    """
    abandoned_call_timeout: timedelta = Field(
        default=ABANDONED_CALL_TIMEOUT,
        ge=timedelta(0),
        validation_alias=renamed("abandoned_call_timeout", old="settled_after"),
    )
    """How long Salesforce may keep executing a call after we timed out. Nothing is sent again
    before this has passed.
    """
    change_log_timeout: timedelta = Field(
        default=CHANGE_LOG_TIMEOUT,
        ge=timedelta(0),
        validation_alias=renamed("change_log_timeout", old="patience"),
    )
    """After a lost response, how long to wait for the change log to show who made a change. Raise
    it when lanes lag.
    """
    job_stall_timeout: timedelta = Field(
        default=JOB_STALL_TIMEOUT,
        ge=timedelta(0),
        validation_alias=renamed("job_stall_timeout", old="job_patience"),
    )
    """How long an ingest job may make no progress before it is aborted. The rows that it did not
    write are sent again.
    """
