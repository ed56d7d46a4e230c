"""The org's clock: it never goes back, and what is stored has one-second resolution, as in
Salesforce.
"""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import formatdate


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading of the clock."""

    epoch_ms: int
    """The true time, for retention."""
    second_ms: int
    """Floored to the second: `commitTimestamp` of events."""
    stored: str
    """`YYYY-MM-DDTHH:MM:SS.000Z`, as columns hold it."""


class Clock:
    """Reads the wall clock, and holds still when that goes back.

    Args:
        not_before_ms: The latest time that was read before a restart.
        ahead_ms: How far the org is ahead of the wall clock.
    """

    def __init__(self, not_before_ms: int = 0, ahead_ms: int = 0) -> None:
        self._last_ms = not_before_ms
        self.ahead_ms = ahead_ms
        self._second = -1
        self._stored = ""
        self._http_date = (-1, b"")

    def seconds(self) -> float:
        """Seconds since the epoch, as this org counts them."""
        return max(self._last_ms, time.time_ns() // 1_000_000 + self.ahead_ms) / 1_000

    def today(self) -> date:
        """The day, in UTC, the org's time zone."""
        return datetime.fromtimestamp(self.seconds(), UTC).date()

    def http_date(self) -> bytes:
        """The time as a Date header tells it (RFC 9110, "Date/Time Formats")."""
        second = int(self.seconds())
        if second != self._http_date[0]:
            self._http_date = (second, formatdate(second, usegmt=True).encode())
        return self._http_date[1]

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self.ahead_ms += int(seconds * 1_000)

    def now(self) -> Moment:
        self._last_ms = now_ms = max(self._last_ms, time.time_ns() // 1_000_000 + self.ahead_ms)
        second = now_ms // 1000
        if second != self._second:
            self._second = second
            self._stored = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return Moment(now_ms, second * 1000, self._stored)
