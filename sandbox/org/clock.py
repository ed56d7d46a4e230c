"""The org's clock: it never goes back, and what is stored has one-second resolution, as in Salesforce."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime


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
    """Reads the wall clock, and holds still when that goes back."""

    def __init__(self, not_before_ms: int = 0) -> None:
        self._last_ms = not_before_ms
        self._second = -1
        self._stored = ""

    def seconds(self) -> float:
        """Seconds since the epoch, as this org counts them."""
        return max(self._last_ms, time.time_ns() // 1_000_000) / 1_000

    def now(self) -> Moment:
        self._last_ms = now_ms = max(self._last_ms, time.time_ns() // 1_000_000)
        second = now_ms // 1000
        if second != self._second:
            self._second = second
            self._stored = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return Moment(now_ms, second * 1000, self._stored)
