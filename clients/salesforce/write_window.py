"""Until when a write may be begun.

A lookup of an unanswered write takes it for not carried out after a while. So a process that was
stopped between saying that it writes and writing must not go on where it was: by then somebody
else may have written in its place.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class _Window:
    since: float
    since_by_the_wall: float
    seconds: float


_WINDOW: ContextVar[_Window | None] = ContextVar("window", default=None)


class Stopwatch:
    """The time since it was made, by two clocks: one that nobody sets, and one that goes on while
    the machine sleeps.
    """

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._since_by_the_wall = time.time()

    @property
    def passed(self) -> timedelta:
        """The longer of the two times."""
        seconds = max(time.monotonic() - self._since, time.time() - self._since_by_the_wall)
        return timedelta(seconds=seconds)

    @contextmanager
    def writing_within(self, limit: timedelta) -> Iterator[None]:
        """Writes that the body would begin later than that are not begun; `OrgHttp` raises
        `UnavailableError` for them.
        """
        token = _WINDOW.set(_Window(self._since, self._since_by_the_wall, limit.total_seconds()))
        try:
            yield
        finally:
            _WINDOW.reset(token)


def is_too_late() -> bool:
    """True when no write may be begun any more. Without a limit it never is."""
    window = _WINDOW.get()
    if window is None:
        return False
    passed = max(time.monotonic() - window.since, time.time() - window.since_by_the_wall)
    return passed > window.seconds
