"""Who spent a budget, hour by hour: we, whose tokens are counted one by one, and others, who show only in the org's readings.

What is assumed of the org: `used` is counted in whole clock hours (UTC) and the oldest hour drops out of it at the turn of
the hour. The sandbox org does so (`sandbox/org/meters.py`); how finely the real one counts its "rolling 24 hours" is not
documented (Salesforce Developer Limits, "API Requests"). Within an hour `used` then only grows, and what it grew by more
than we spent is what others spent. Over the turn of an hour it falls by what the oldest hour had held; nothing is concluded
from that fall, others are taken to have gone on as before. So an error about an hour does not come back a day later.

Before the first reading nothing is known of any hour: what was used by then is taken to be spread evenly over the day.
"""

import math
from collections.abc import Iterator

from pydantic import BaseModel, Field

HOUR = 3_600
DAY_HOURS = 24
_KEPT_HOURS = 8 * DAY_HOURS
_SLOT = 600
_KEPT_SLOTS = 8
_LATELY = 3_600
_BLIND = 900
"""Seconds between two readings beyond which the rate before them says nothing of what lay between."""


class Spending(BaseModel):
    """Tokens of one side: by hour for eight days, and by ten minutes for the last hour. Times are seconds since the epoch."""

    since: float | None = None
    """From when on every token is in here; None before anything is."""
    hours: dict[int, float] = {}
    slots: dict[int, float] = {}

    def begin(self, at: float) -> None:
        """From now on everything is told; a second call changes nothing."""
        self.since = at if self.since is None else self.since

    def add(self, tokens: float, begin: float, end: float) -> None:
        """Tokens that were spent at some time between `begin` and `end`: evenly, for want of better knowledge."""
        for size, kept, parts in ((HOUR, _KEPT_HOURS, self.hours), (_SLOT, _KEPT_SLOTS, self.slots)):
            for number, fraction in _pieces(begin, end, size):
                if number not in parts:
                    for old in [each for each in parts if each <= number - kept]:
                        del parts[old]
                parts[number] = parts.get(number, 0.0) + tokens * fraction

    def take_back(self, tokens: float, now: float) -> float:
        """Undo what was added of late, as far as there is any; returns what there was not."""
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
        """Tokens an hour, over the last hour; `otherwise` fills up what is known of less than ten minutes."""
        if self.since is None:
            return otherwise
        oldest = int((now - _LATELY) // _SLOT) + 1
        known = now - max(oldest * _SLOT, self.since)
        spent = sum(tokens for slot, tokens in self.slots.items() if slot >= oldest)
        missing = max(0.0, _SLOT - known)
        return (spent * HOUR + otherwise * missing) / (max(known, 0.0) + missing)

    def usual(self, hour: int, now: float) -> float | None:
        """Tokens of the same hour of the day, as the mean of the days of which it is known; None when of none."""
        if self.since is None:
            return None
        present = int(now // HOUR)
        first = max(math.ceil(self.since / HOUR), present - _KEPT_HOURS + 1)
        days = [each for each in range(hour - 9 * DAY_HOURS, hour, DAY_HOURS) if first <= each < present]
        return sum(self.hours.get(each, 0.0) for each in days) / len(days) if days else None


class Usage(BaseModel):
    """Both sides of one budget, and the reading from which the next one is told apart."""

    ours: Spending = Field(default_factory=Spending)
    others: Spending = Field(default_factory=Spending)
    used: int = 0
    """As the last reading had it."""
    read_at: float | None = None
    """None until the org has been read."""
    unread: int = 0
    """What we counted since that reading."""
    early: float = 0.0
    """What we counted and the org has not shown yet, or never will: it comes off what others seem to spend next."""

    def spend(self, tokens: int, now: float) -> None:
        """Count our own."""
        self.ours.begin(now)
        self.ours.add(tokens, now, now)
        self.unread += tokens

    def read(self, used: int, at: float) -> None:
        """Take in what the org says, and give others what we did not spend. A reading older than the last is passed over."""
        if self.read_at is None:
            self.ours.begin(at)
            self.others.begin(at)
        elif at <= self.read_at:
            return
        else:
            self._tell_apart(used - self.used - self.unread, self.read_at, at)
        self.used, self.read_at, self.unread = used, at, 0

    def others_rate(self, now: float) -> float:
        """Tokens that others spend an hour at present."""
        if self.read_at is None:
            return 0.0
        return self.others.rate(min(now, self.read_at), otherwise=max(0, self.used) / DAY_HOURS)

    def window(self, used: int) -> dict[int, float]:
        """Hour -> tokens by everybody: the 24 hours up to the last reading and what we counted since; their sum is `used`."""
        newest = max(self.ours.hours, default=0)
        read = newest if self.read_at is None else int(self.read_at // HOUR)
        window = range(read - DAY_HOURS + 1, max(read, newest) + 1)
        known = {hour: self.ours.hours.get(hour, 0.0) + self.others.hours.get(hour, 0.0) for hour in window}
        total = sum(known.values())
        unknown = [hour for hour in window if hour * HOUR < (self.others.since or 0.0)]
        if used > total and unknown:
            return known | {hour: known[hour] + (used - total) / len(unknown) for hour in unknown}
        return {hour: tokens * used / total for hour, tokens in known.items()} if total > 0 else known

    def _tell_apart(self, grown: float, begin: float, end: float) -> None:
        """`grown`: by how much `used` rose from `begin` to `end` beyond what we counted; negative when it fell."""
        expected = self.others_rate(begin) * (end - begin) / HOUR
        if int(begin // HOUR) == int(end // HOUR):
            spent = self._within_an_hour(grown, expected, end)
        elif end - begin <= _BLIND:
            # An hour has dropped out, and hides it.
            spent = max(expected, grown)
        else:
            spent = self._across_hours(grown, end)
        self.others.add(spent, begin, end)

    def _within_an_hour(self, grown: float, expected: float, now: float) -> float:
        rest = grown - self.early
        if rest >= 0:
            self.early = 0.0
            return rest
        if -rest > self.ours.lately(now):
            # Later than all our reports: the org let go of something. What others spent is hidden by it.
            self.early = 0.0
            return expected
        self.early = self.others.take_back(-rest, now)
        return 0.0

    def _across_hours(self, grown: float, end: float) -> float:
        """Nobody looked for long: what dropped out is what we believe those hours to have held."""
        gone = int(end // HOUR) - DAY_HOURS
        dropped = sum(tokens for hour, tokens in self.window(self.used).items() if hour <= gone)
        return max(0.0, grown + dropped)


def _pieces(begin: float, end: float, size: int) -> Iterator[tuple[int, float]]:
    """The periods of `size` seconds from `begin` to `end`, by number, and which fraction of the time lies in each."""
    first, last = math.floor(begin / size), math.floor(end / size)
    if first == last:
        yield first, 1.0
        return
    for number in range(first, last + 1):
        inside = min(end, (number + 1) * size) - max(begin, number * size)
        if inside > 0:
            yield number, inside / (end - begin)
