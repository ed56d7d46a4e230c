"""Tokens of a budget by the time at which they were spent: enough for a present rate and for the
usual one of an hour of the day.

Bounded: hours of eight days, ten minutes of the last hour. Times are seconds since the epoch.
"""

import math
from collections.abc import Iterator

from pydantic import BaseModel

HOUR = 3_600
DAY_HOURS = 24
_KEPT_HOURS = 8 * DAY_HOURS
_SLOT = 600
_KEPT_SLOTS = 8
_LATELY = 3_600


class Spending(BaseModel):
    """Tokens of one side: by hour for eight days, and by ten minutes for the last hour. Times are
    seconds since the epoch.
    """

    since: float | None = None
    """From when on every token is in here; None before anything is."""
    hours: dict[int, float] = {}
    slots: dict[int, float] = {}

    def begin(self, at: float) -> None:
        """From now on every event is reported; a second call changes nothing."""
        self.since = at if self.since is None else self.since

    def add(self, tokens: float, begin: float, end: float) -> None:
        """Tokens that were spent at some time between `begin` and `end`: evenly, for want of better
        knowledge.
        """
        if tokens <= 0:
            return
        for size, kept, parts in ((HOUR, _KEPT_HOURS, self.hours), (_SLOT, _KEPT_SLOTS, self.slots)):
            for number, fraction in pieces(begin, end, size):
                if number not in parts:
                    for old in [each for each in parts if each <= number - kept]:
                        del parts[old]
                parts[number] = parts.get(number, 0.0) + tokens * fraction

    def take_back(self, tokens: float, now: float) -> float:
        """Undo what was added recently, as far as there is any; returns what there was not."""
        left = tokens
        for slot in (int(now // _SLOT), int(now // _SLOT) - 1):
            hour = slot * _SLOT // HOUR
            taken = min(left, self.slots.get(slot, 0.0), self.hours.get(hour, 0.0))
            if taken > 0:
                self.slots[slot] -= taken
                self.hours[hour] -= taken
                left -= taken
        return left

    def lately(self, now: float) -> float:
        """Tokens of this ten minutes and the ten before."""
        slot = int(now // _SLOT)
        return self.slots.get(slot, 0.0) + self.slots.get(slot - 1, 0.0)

    def rate(self, now: float, otherwise: float = 0.0) -> float:
        """Tokens an hour, over the last hour; `otherwise` fills up what is known of less than ten
        minutes.
        """
        if self.since is None:
            return otherwise
        oldest = int((now - _LATELY) // _SLOT) + 1
        known = now - max(oldest * _SLOT, self.since)
        spent = sum(tokens for slot, tokens in self.slots.items() if slot >= oldest)
        missing = max(0.0, _SLOT - known)
        return (spent * HOUR + otherwise * missing) / (max(known, 0.0) + missing)

    def usual(self, hour: int, now: float) -> float | None:
        """Tokens of the same hour of the day, as the mean of the days of which it is known; None
        when of none.
        """
        if self.since is None:
            return None
        present = int(now // HOUR)
        first = max(math.ceil(self.since / HOUR), present - _KEPT_HOURS + 1)
        days = [each for each in range(hour - 9 * DAY_HOURS, hour, DAY_HOURS) if first <= each < present]
        return sum(self.hours.get(each, 0.0) for each in days) / len(days) if days else None


def pieces(begin: float, end: float, size: int) -> Iterator[tuple[int, float]]:
    """The periods of `size` seconds from `begin` to `end`, by number, and which fraction of the
    time lies in each.
    """
    first, last = math.floor(begin / size), math.floor(end / size)
    if first == last:
        yield first, 1.0
        return
    for number in range(first, last + 1):
        inside = min(end, (number + 1) * size) - max(begin, number * size)
        if inside > 0:
            yield number, inside / (end - begin)
