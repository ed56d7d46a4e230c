"""Project a budget over the coming hours. Pure: from the governor's books, the terms and the time.

Demand is assumed to go on as it is: that classes are slowed is what is forecast, and asked of
the books themselves, as they will be. So this cannot disagree with what the governor then does.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from schemas.governor import OTHERS, Expected, Forecast, GovernorConfig, LeaseClass, Slowed, Spender
from transforms.governor.account import GOVERNOR
from transforms.governor.budget import BudgetBook
from transforms.governor.projection import Projection, clock_hours, overlap, project_usage
from transforms.governor.spending import DAY_HOURS, HOUR

_MINUTE = 60
_SPENDERS: tuple[LeaseClass | str, ...] = (*LeaseClass, GOVERNOR)


def forecast(
    book: BudgetBook, terms: GovernorConfig, now: float, horizon: timedelta = timedelta(hours=DAY_HOURS)
) -> Forecast:
    """The rest of a budget, its spenders, and its forecast.

    Args:
        book: As the governor has it.
        terms: By which it is kept.
        now: Seconds since the epoch.
        horizon: How far to look; at most 24 hours, after which everything that is known has
            dropped out.
    """
    known, spendable = _present(book, terms, now), book.spendable(terms)
    if book.maximum is None or book.budget.is_concurrency:
        return known
    ends = now + horizon.total_seconds()
    present, usual = project_usage(book.usage, book.used_at_most(), now, ends)
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
            "slowed": _slowed(book, terms, [present] if usual == present else [present, usual], ends),
        }
    )


def _present(book: BudgetBook, terms: GovernorConfig, now: float) -> Forecast:
    """How the budget stands, without what is to come."""
    read_at, is_paused = book.usage.read_at, book.paused_until > now
    return Forecast(
        budget=book.budget,
        maximum=book.maximum,
        used=book.used_at_most(),
        granted=book.alive(),
        margin=(book.maximum or 0) - book.spendable(terms),
        left=max(0, book.room(terms)),
        read_at=None if read_at is None else _time(read_at),
        paused_until=_time(book.paused_until) if is_paused else None,
        paused_because=book.paused_because if is_paused else "",
    )


def _expected(course: Projection, maximum: int, ends: float) -> tuple[Expected, ...]:
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


def _slowed(
    book: BudgetBook, terms: GovernorConfig, ways: list[Projection], ends: float
) -> tuple[Slowed, ...]:
    found = []
    for lease_class in LeaseClass:
        times = [_slowed_on(book, terms, course, lease_class, ends) for course in ways]
        found += sorted((each for each in times if each), key=lambda slowed: slowed.at)[:1]
    return tuple(sorted(found, key=lambda slowed: (slowed.at, -slowed.lease_class.rank)))


def _slowed_on(
    book: BudgetBook, terms: GovernorConfig, course: Projection, lease_class: LeaseClass, ends: float
) -> Slowed | None:
    """Found by asking the books as they will be: within an hour they fill up, so halving finds the
    minute.
    """
    a_minute = _last_hour(_hours_of(book, lease_class), course.now) / 60
    spends = a_minute > 0 or course.now - book.asked_at.get(lease_class, 0.0) < HOUR

    def refused(at: float) -> str | None:
        then = book if at <= course.now else _book_at(book, course, at)
        allowed, reason = then.allowed(lease_class, terms, at)
        return reason if allowed < max(1, a_minute) else None

    for begin, end in clock_hours(course.now, ends):
        if refused(end) is None:
            continue
        low, high = begin, end
        if refused(low) is not None:
            high = low
        while high - low > _MINUTE:
            middle = (low + high) / 2
            low, high = (middle, high) if refused(middle) is None else (low, middle)
        return Slowed(lease_class=lease_class, at=_time(high), reason=refused(high) or "", spends=spends)
    return None


def _book_at(book: BudgetBook, course: Projection, at: float) -> BudgetBook:
    """The books as they will be: each class goes on spending its part of our own."""
    lately = {name: _last_hour(_hours_of(book, name), course.now) for name in _SPENDERS}
    total = sum(lately.values())
    hours = {hour: dict(spent) for hour, spent in book.hours.items() if hour > int(at // HOUR) - DAY_HOURS}
    if total > 0:
        for hour in range(int(course.now // HOUR), int(at // HOUR) + 1):
            tokens = course.own.get(hour, 0.0) * overlap(hour, course.now, at)
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


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
