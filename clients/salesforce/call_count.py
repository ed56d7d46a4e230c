"""Count the API calls of a piece of work: for reports, not for the limits, which the leases
keep.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class CallCount:
    """Calls sent to the org, those that failed included."""

    calls: int = 0


_COUNTS: ContextVar[tuple[CallCount, ...]] = ContextVar("counts", default=())


@contextmanager
def counting_calls() -> Iterator[CallCount]:
    """Count the calls that the body makes, tasks that it starts included. Counts may be nested."""
    count = CallCount()
    token = _COUNTS.set((*_COUNTS.get(), count))
    try:
        yield count
    finally:
        _COUNTS.reset(token)


def note_call() -> None:
    """A call is sent."""
    for count in _COUNTS.get():
        count.calls += 1
