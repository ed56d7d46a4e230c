"""Values of records on a page: an act of an operator who asks for them (law 9).

A page has them once, below its live part, and no frame of its stream reads them again. A reading is
on record before it is made; where it cannot be put on record, no value is shown.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from api.console.live import Visit
from schemas.ingest.messages import Act

T = TypeVar("T")
READ_RECORD = "record.read"
READ_WRITEBACK = "writeback.read"


def asks_for_values(visit: Visit) -> bool:
    """True for the page of an operator who has asked for them, and for no frame of its stream."""
    return visit.session.is_operator and bool(visit.word("values")) and not visit.word("stream")


def on_record(visit: Visit, act: str, target: str, read: Callable[[], T]) -> T:
    """Put the reading on record, then make it. Blocks. Raises `UnavailableError` when the audit log
    cannot be written.
    """
    by, detail = visit.session.caller.name, "values, on a page of the console"
    visit.parts.audit.append(Act(act=act, by=by, target=target, detail=detail, at=datetime.now(UTC)))
    return read()
