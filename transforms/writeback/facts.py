"""Facts for a decision about a writeback: the data to send, the present record, the change log's
rows, and the conclusion.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas.writeback.messages import WritebackState


@dataclass(frozen=True)
class Outcome:
    """The outcome of an entry's writebacks."""

    state: WritebackState
    code: str = ""
    """Salesforce's, or one of ours in lower case; empty when there is nothing to say."""
    reason: str = ""
    """The error, and the remedy. Never a value."""
    words: str = ""
    """Salesforce's own, which may quote any value: kept encrypted only."""
    record_id: str | None = None
    created: bool | None = None
    """None: not known."""
    retry_in: timedelta = timedelta(0)
    """Of those that wait for another try."""
    is_try: bool = True
    """False: nothing was tried, so it does not count as an attempt."""
    looked_up: bool = False


@dataclass(frozen=True)
class SeenRecord:
    """A record as it is in the org now."""

    record_id: str
    values: Mapping[str, Any]
    """Of the fields that were asked for, in REST's JSON."""
    modified_at: datetime
    """LastModifiedDate: whole seconds."""
    modified_by: str
    foreign_at: datetime | None = None
    """The latest time at which somebody else may have changed it; None: `modified_at`."""
    deleted_at: datetime | None = None
    """When it was put into the recycle bin: whole seconds; None: it is not there."""
    is_ambiguous: bool = False
    """Other records have the same external id."""

    @property
    def foreign(self) -> datetime:
        """`foreign_at`, whatever is known."""
        return self.modified_at if self.foreign_at is None else self.foreign_at

    @property
    def touched_at(self) -> datetime:
        """When anything was last done to it."""
        return max(self.modified_at, self.deleted_at or self.modified_at)


@dataclass(frozen=True)
class OtherChange:
    """A change of a record, as the change log has it."""

    at: datetime
    fields: frozenset[str] | None
    """Fields that it carries; None: the whole record."""
    user: str
    origin: str


@dataclass(frozen=True)
class ToSend:
    """An entry, with its values in plaintext. In memory only."""

    numbers: tuple[int, ...]
    record: str
    external_id: str
    fields: Mapping[str, Any]
    accepted: Mapping[str, datetime]
    """Field -> when the writeback was accepted whose value it is; or retried, when an operator has
    said that it is to be sent.
    """
    deadline: datetime
    may_create: bool = True
    only_if: Mapping[str, Any] = field(default_factory=dict)
    unchanged_since: datetime | None = None
    attempts: int = 0
    record_id: str = ""
    """Of the record as it was just read; empty when there is none."""
    existed: bool = False
    """True when the record was there when the batch was sent."""

    @property
    def first_accepted(self) -> datetime:
        """The earliest of its fields."""
        return min(self.accepted.values())


@dataclass(frozen=True)
class SentAt:
    """A call without an answer."""

    at: datetime
    """When the batch was about to be sent, by the org's clock."""
    now: datetime
    client: str
    """Text in the origin of its changes; empty when they do not show it (an ingest job)."""
    settled_after: timedelta
    """From when on the org is no longer at a call that was given up."""
    patience: timedelta
    """Waiting time for the change log."""

    @property
    def second(self) -> datetime:
        """The second in which it was sent."""
        return whole_second(self.at)


def whole_second(moment: datetime) -> datetime:
    """The second in which it is, as Salesforce keeps times of change."""
    return moment.replace(microsecond=0)
