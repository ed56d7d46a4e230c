"""What becomes of a budget in the coming hours. Pure: from the governor's books, the terms and the time.

What is used at a time is the sum of the 24 hours up to it: those that are over with what they held, those to come with
what is expected of them. So what was spent yesterday drops out while new spending comes in, and a budget that is
nearly used up may recover by itself. Demand is assumed to go on as it is: that classes are slowed is what is forecast.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.budgets import LeaseClass, Terms
from schemas.forecasts import OTHERS, Expected, Forecast, Slowed, Spender
from transforms.budget import GOVERNOR, BudgetBook
from transforms.spending import DAY_HOURS, HOUR

_FROM_PRESENT_TO_USUAL = 3 * HOUR
"""Seconds ahead from which on only the usual rate counts."""
_MINUTE = 60
_SPENDERS: tuple[LeaseClass | str, ...] = (*LeaseClass, GOVERNOR)


@dataclass(frozen=True)
class _Course:
    """How a budget goes on from now."""

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
            tokens += self.own[hour] * _overlap(hour, self.now, at)
            tokens += self.others[hour] * _overlap(hour, self.read_at, at)
        return tokens

    def reaches(self, most: float, horizon: float) -> float | None:
        """When `most` are used; None when never within the horizon. Exact, because within an hour rates are constant."""
        for begin, end in _hours(self.now, horizon):
            first, last = self.used(begin), self.used(end)
            if first >= most:
                return begin
            if last >= most:
                return begin + (end - begin) * (most - first) / (last - first)
        return None


def forecast(
    book: BudgetBook, terms: Terms, now: float, horizon: timedelta = timedelta(hours=DAY_HOURS)
) -> Forecast:
    """What is left of a budget, who spends it, and what becomes of it.

    Args:
        book: As the governor has it.
        terms: By which it is kept.
        now: Seconds since the epoch.
        horizon: How far to look; at most 24 hours, after which everything that is known has dropped out.
    """
    spendable = book.spendable(terms)
    read_at = book.usage.read_at
    known = Forecast(
        budget=book.budget,
        maximum=book.maximum,
        used=book.used_at_most(),
        granted=book.alive(),
        margin=(book.maximum or 0) - spendable,
        left=max(0, book.room(terms)),
        read_at=None if read_at is None else _time(read_at),
        paused_until=_time(book.paused_until) if book.paused_until > now else None,
        paused_because=book.paused_because if book.paused_until > now else "",
    )
    if book.maximum is None or book.budget.is_concurrency:
        return known
    ends = now + horizon.total_seconds()
    present, usual = _courses(book, now, ends)
    others = book.usage.others_rate(now)
    runs_out, runs_out_usual = present.reaches(spendable, ends), usual.reaches(spendable, ends)
    return known.model_copy(
        update={
            "rate": round(book.usage.ours.rate(now) + others, 1),
            "others_rate": round(others, 1),
            "spenders": _spenders(book, now),
            "expected": _expected(usual, book.maximum, ends),
            "runs_out_at": None if runs_out is None else _time(runs_out),
            "runs_out_at_usual": None if runs_out_usual is None else _time(runs_out_usual),
            "slowed": _slowed(book, terms, (present, usual), ends),
        }
    )


def _courses(book: BudgetBook, now: float, ends: float) -> tuple[_Course, _Course]:
    """At the present rates, and at those that go over to the usual ones."""
    usage = book.usage
    read_at = now if usage.read_at is None else min(now, usage.read_at)
    hours = range(int(read_at // HOUR), int(ends // HOUR) + 1)
    past = usage.window(book.used_at_most())
    sides = ((usage.ours, usage.ours.rate(now)), (usage.others, usage.others_rate(now)))
    own, others = (dict.fromkeys(hours, rate) for _, rate in sides)
    usual_own, usual_others = (
        {hour: _blended(rate, spending.usual(hour, now), hour, now) for hour in hours}
        for spending, rate in sides
    )
    return (
        _Course(past=past, now=now, read_at=read_at, own=own, others=others, share=usage.share),
        _Course(past=past, now=now, read_at=read_at, own=usual_own, others=usual_others, share=usage.share),
    )


def _blended(present: float, usual: float | None, hour: int, now: float) -> float:
    """The present rate for what is near, the usual one for what is far."""
    if usual is None:
        return present
    weight = min(1.0, max(0.0, (hour + 0.5) * HOUR - now) / _FROM_PRESENT_TO_USUAL)
    return (1 - weight) * present + weight * usual


def _expected(course: _Course, maximum: int, ends: float) -> tuple[Expected, ...]:
    hours = int((ends - course.now) // HOUR)
    times = [course.now + HOUR * ahead for ahead in range(1, hours + 1)]
    return tuple(Expected(at=_time(at), used=min(maximum, round(course.used(at)))) for at in times)


def _spenders(book: BudgetBook, now: float) -> tuple[Spender, ...]:
    ours = [
        Spender(
            name=str(name),
            last_hour=round(_last_hour(_hours_of(book, name), now)),
            last_day=_last_day(_hours_of(book, name), now),
        )
        for name in _SPENDERS
    ]
    others = max(0, book.used_at_most() - sum(spender.last_day for spender in ours))
    everybody = [
        Spender(name=OTHERS, last_hour=round(_last_hour(book.usage.others.hours, now)), last_day=others),
        *ours,
    ]
    spent = [spender for spender in everybody if spender.last_day or spender.last_hour]
    return tuple(sorted(spent, key=lambda spender: -spender.last_day))


def _hours_of(book: BudgetBook, name: LeaseClass | str) -> dict[int, float]:
    return {hour: spent.get(name, 0) for hour, spent in book.hours.items()}


def _last_hour(hours: Mapping[int, float], now: float) -> float:
    present = int(now // HOUR)
    over = now / HOUR - present
    return hours.get(present, 0) + hours.get(present - 1, 0) * (1 - over)


def _last_day(hours: Mapping[int, float], now: float) -> int:
    return round(sum(spent for hour, spent in hours.items() if hour > int(now // HOUR) - DAY_HOURS))


def _slowed(book: BudgetBook, terms: Terms, courses: tuple[_Course, ...], ends: float) -> tuple[Slowed, ...]:
    found = [
        min(times, key=lambda slowed: slowed.at)
        for lease_class in LeaseClass
        if (
            times := [
                slowed
                for course in courses
                if (slowed := _slowed_on(book, terms, course, lease_class, ends)) is not None
            ]
        )
    ]
    return tuple(sorted(found, key=lambda slowed: (slowed.at, -slowed.lease_class.rank)))


def _slowed_on(
    book: BudgetBook, terms: Terms, course: _Course, lease_class: LeaseClass, ends: float
) -> Slowed | None:
    """Found by asking the books as they will be: within an hour they only fill up, so halving finds the minute."""
    a_minute = _last_hour(_hours_of(book, lease_class), course.now) / 60

    def refused(at: float) -> str | None:
        then = book if at <= course.now else _book_at(book, course, at)
        allowed, reason = then.allowed(lease_class, terms, at)
        return reason if allowed < max(1, a_minute) else None

    for begin, end in _hours(course.now, ends):
        if refused(end) is None:
            continue
        low, high = begin, end
        if refused(low) is not None:
            high = low
        while high - low > _MINUTE:
            middle = (low + high) / 2
            low, high = (middle, high) if refused(middle) is None else (low, middle)
        return Slowed(
            lease_class=lease_class, at=_time(high), reason=refused(high) or "", spends=a_minute > 0
        )
    return None


def _book_at(book: BudgetBook, course: _Course, at: float) -> BudgetBook:
    """The books as they will be: each class goes on spending its part of our own."""
    lately = {name: _last_hour(_hours_of(book, name), course.now) for name in _SPENDERS}
    total = sum(lately.values())
    hours = {hour: dict(spent) for hour, spent in book.hours.items() if hour > int(at // HOUR) - DAY_HOURS}
    if total > 0:
        for hour in range(int(course.now // HOUR), int(at // HOUR) + 1):
            tokens = course.own.get(hour, 0.0) * _overlap(hour, course.now, at)
            spent = hours.setdefault(hour, {})
            for name, part in lately.items():
                spent[name] = spent.get(name, 0) + math.floor(tokens * part / total)
    asks = {each: at for each in LeaseClass if lately[each] > 0}
    return book.model_copy(
        update={
            "used": round(course.used(at)),
            "recent": {},
            "hours": hours,
            "asked_at": book.asked_at | asks,
            "paused_until": 0.0,
        }
    )


def _hours(begin: float, end: float) -> Iterator[tuple[float, float]]:
    """The time from `begin` to `end` in pieces that turn with the clock's hours; a piece ends just before its turn."""
    while begin < end:
        turn = min(end, (begin // HOUR + 1) * HOUR)
        yield begin, turn - 1e-3
        begin = turn


def _overlap(hour: int, begin: float, end: float) -> float:
    """Hours of the time from `begin` to `end` that lie in a clock hour."""
    return max(0.0, min(end, (hour + 1) * HOUR) - max(begin, hour * HOUR)) / HOUR


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
