"""Values of records that somebody sees: each reading is an act in the audit log (law 9).

A reading is on record before it is made. Where it cannot be put on record, no value is shown.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from schemas.ingest.messages import Act

T = TypeVar("T")
READ_RECORD = "record.read"
READ_WRITEBACK = "writeback.read"
READ_QUARANTINE = "quarantine.read"


class TakesActs(Protocol):
    """The audit log, as far as a reading needs it."""

    def append(self, act: Act, /) -> object: ...


def on_record(log: TakesActs, act: str, target: str, by: str, where: str, read: Callable[[], T]) -> T:
    """Put the reading on record, then make it. Blocks.

    Args:
        log: Where acts are recorded.
        act: `READ_RECORD`, `READ_WRITEBACK` or `READ_QUARANTINE`.
        target: Whose values, as acts name their targets.
        by: Who reads.
        where: The page or command, for the act's detail.
        read: Makes the reading.

    Raises:
        UnavailableError: The audit log cannot be written; nothing was read.
    """
    log.append(Act(act=act, by=by, target=target, detail=f"values, {where}", at=datetime.now(UTC)))
    return read()
