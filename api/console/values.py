"""Values of records on a page: an act of an operator who asks for them (law 9).

A page has them once, below its live part, and no frame of its stream reads them again.
"""

from collections.abc import Callable
from typing import TypeVar

from api.console.live import Visit
from workers import value_readings

T = TypeVar("T")


def asks_for_values(visit: Visit) -> bool:
    """True for the page of an operator who has asked for them, and for no frame of its stream."""
    return visit.session.is_operator and bool(visit.word("values")) and not visit.word("stream")


def on_record(visit: Visit, act: str, target: str, read: Callable[[], T]) -> T:
    """Put the reading of this page on record, then make it. Blocks. Raises `UnavailableError` when
    the audit log cannot be written.
    """
    by = visit.session.caller.name
    return value_readings.on_record(visit.parts.audit, act, target, by, "on a page of the console", read)
