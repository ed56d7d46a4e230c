"""How writebacks are sent, and how patient their steps are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from schemas.settings.writeback import ABANDONED_CALL_TIMEOUT, CHANGE_LOG_TIMEOUT
from schemas.writeback.messages import ConflictPolicy

SEND_WITHIN = timedelta(seconds=20)
COME_AGAIN = timedelta(seconds=5)
READ_WITHIN = timedelta(minutes=2)
READ_WITHIN_BY_JOB = timedelta(minutes=10)


@dataclass(frozen=True)
class WritebackConfig:
    """How writebacks are sent."""

    newer: Mapping[str, ConflictPolicy] = field(default_factory=dict)
    """`Object` or `Object.Field` -> what a newer change in Salesforce does; others: it holds."""
    settled_after: timedelta = ABANDONED_CALL_TIMEOUT
    """The org is taken to be still at a call that was abandoned for so long."""
    send_within: timedelta = SEND_WITHIN
    """A call that does not begin this soon after the batch was marked as sent is not made. With
    what a call may take (connecting, sending, waiting: each less than 20 seconds) it is over
    before `settled_after` is.
    """
    read_within: timedelta = READ_WITHIN
    """Older reads decide nothing any more: the batch is read again, since somebody may have changed
    its records.
    """
    read_within_by_job: timedelta = READ_WITHIN_BY_JOB
    """The same of a batch whose job has to be made and filled in between."""
    patience: timedelta = CHANGE_LOG_TIMEOUT
    """After a call without an answer, how long the change log may take to tell whose a change
    was.
    """
    come_again: timedelta = COME_AGAIN
    """Until what could not be sent is tried again, when the org does not say when."""

    def policy(self, object_name: str) -> Callable[[str], ConflictPolicy]:
        """The configured conflict policy of an object's field, else of the object."""
        usual = self.newer.get(object_name, ConflictPolicy.HOLDS)
        return lambda name: self.newer.get(f"{object_name}.{name}", usual)
