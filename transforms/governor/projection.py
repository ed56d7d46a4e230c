"""Project a budget's usage, if every hour is spent as expected.

Usage at time t is the sum of the 24 hours before t: actual usage for past hours, expected usage for
future ones. So yesterday's spending drops out while new spending comes in, and a budget that is
nearly used up may recover by itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from transforms.governor.spending import DAY_HOURS, HOUR
from transforms.governor.usage import Usage

_FROM_PRESENT_TO_USUAL = 3 * HOUR
"""Seconds ahead from which on only the usual rate counts."""


@dataclass(frozen=True)
class Projection:
    """Forecast a budget from now on."""

    past: Mapping[int, float]
    """Hour -> tokens in it so far."""
    now: float
    read_at: float
    """From here on the spending of others is a guess."""
    own: Mapping[int, float]
    """Clock hour -> tokens an hour that we spend in it."""
    others: Mapping[int, float]
    share: Callable[[int, float], float]
    """The part of an hour's tokens that still counts at a time."""

    def used(self, at: float) -> float:
        """Tokens of the 24 hours up to `at`."""
        last = int(at // HOUR)
        window = range(last - DAY_HOURS, last + 1)
        return sum(self.share(hour, at) * self._hour(hour, at) for hour in window)

    def _hour(self, hour: int, at: float) -> float:
        tokens = self.past.get(hour, 0.0)
        if hour in self.own:
            tokens += self.own[hour] * overlap(hour, self.now, at)
            tokens += self.others[hour] * overlap(hour, self.read_at, at)
        return tokens

    def reaches(self, most: float, horizon: float) -> float | None:
        """When `most` are used; None when never within the horizon. Exact, because within an hour
        rates are constant.
        """
        for begin, end in clock_hours(self.now, horizon):
            first, last = self.used(begin), self.used(end)
            if first >= most:
                return begin
            if last >= most:
                return begin + (end - begin) * (most - first) / (last - first)
        return None


def project_usage(usage: Usage, used: int, now: float, ends: float) -> tuple[Projection, Projection]:
    """At the present rates, and at those that go over to the usual ones of the hour of the day.

    Args:
        usage: Who spent what.
        used: Now, as the budget's book has it.
        now: Seconds since the epoch.
        ends: How far to look.
    """
    read_at = now if usage.read_at is None else min(now, usage.read_at)
    hours = range(int(read_at // HOUR), int(ends // HOUR) + 1)
    past = usage.window(used)
    sides = ((usage.ours, usage.ours.rate(now)), (usage.others, usage.others_rate(now)))
    own, others = (dict.fromkeys(hours, rate) for _, rate in sides)
    usual_own, usual_others = (
        {hour: _blended(rate, spending.usual(hour, now), hour, now) for hour in hours}
        for spending, rate in sides
    )
    return (
        Projection(past=past, now=now, read_at=read_at, own=own, others=others, share=usage.share),
        Projection(
            past=past, now=now, read_at=read_at, own=usual_own, others=usual_others, share=usage.share
        ),
    )


def _blended(present: float, usual: float | None, hour: int, now: float) -> float:
    """The present rate for what is near, the usual one for what is far."""
    if usual is None:
        return present
    weight = min(1.0, max(0.0, (hour + 0.5) * HOUR - now) / _FROM_PRESENT_TO_USUAL)
    return (1 - weight) * present + weight * usual


def clock_hours(begin: float, end: float) -> Iterator[tuple[float, float]]:
    """The time from `begin` to `end` in pieces that turn with the clock's hours; a piece ends just
    before its turn.
    """
    while begin < end:
        turn = min(end, (begin // HOUR + 1) * HOUR)
        yield begin, turn - 1e-3
        begin = turn


def overlap(hour: int, begin: float, end: float) -> float:
    """Hours of the time from `begin` to `end` that lie in a clock hour."""
    return max(0.0, min(end, (hour + 1) * HOUR) - max(begin, hour * HOUR)) / HOUR
