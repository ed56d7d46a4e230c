"""Date words (TODAY, LAST_N_DAYS:30, THIS_QUARTER) as half-open ranges of days, in UTC, the org's
time zone.

Weeks begin on Sunday and fiscal years are calendar years, as in an org of the United States with
standard settings (SOQL and SOSL Reference, "Date Formats and Date Literals").
"""

from collections.abc import Callable
from datetime import date, timedelta

Range = tuple[date, date]
"""First day, and the day after the last."""

_Start = Callable[[date, int], date]


def _day(today: date, offset: int) -> date:
    return today + timedelta(days=offset)


def _week(today: date, offset: int) -> date:
    sunday = today - timedelta(days=(today.weekday() + 1) % 7)
    return sunday + timedelta(weeks=offset)


def _month(today: date, offset: int) -> date:
    months = today.year * 12 + today.month - 1 + offset
    return date(months // 12, months % 12 + 1, 1)


def _quarter(today: date, offset: int) -> date:
    quarter_start = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    return _month(quarter_start, 3 * offset)


def _year(today: date, offset: int) -> date:
    return date(today.year + offset, 1, 1)


_UNITS: dict[str, _Start] = {
    "WEEK": _week, "MONTH": _month, "QUARTER": _quarter, "YEAR": _year,
    "FISCAL_QUARTER": _quarter, "FISCAL_YEAR": _year,
}  # fmt: skip
_FIXED = {
    "YESTERDAY": (-1, 0),
    "TODAY": (0, 1),
    "TOMORROW": (1, 2),
    "LAST_90_DAYS": (-90, 1),
    "NEXT_90_DAYS": (1, 91),
}


def takes_count(word: str) -> bool:
    """True for words that need `:n`."""
    return "_N_" in f"_{word.upper()}"


def date_range(word: str, count: int | None, *, today: date) -> Range | None:
    """The days that a date word means; None when there is no such word.

    `LAST_N_DAYS:n` ends with today and `NEXT_N_DAYS:n` begins with tomorrow; `LAST_N_WEEKS:n`
    and larger units are whole units before the present one. `count` is None for words without a
    number.
    """
    word = word.upper()
    if takes_count(word) != (count is not None):
        return None
    if word in _FIXED:
        first, after = _FIXED[word]
        return _day(today, first), _day(today, after)
    return _counted(word, count, today) if count is not None else _relative(word, today)


def _relative(word: str, today: date) -> Range | None:
    which, _, unit = word.partition("_")
    start = _UNITS.get(unit)
    offset = {"LAST": -1, "THIS": 0, "NEXT": 1}.get(which)
    if start is None or offset is None:
        return None
    return start(today, offset), start(today, offset + 1)


def _counted(word: str, count: int, today: date) -> Range | None:
    if word.startswith("N_") and word.endswith("S_AGO"):
        start = _unit(word[2:-5])
        return None if start is None else (start(today, -count), start(today, 1 - count))
    which, _, units = word.partition("_N_")
    start = _unit(units.removesuffix("S"))
    if start is None or not units.endswith("S"):
        return None
    if which == "LAST":
        return start(today, -count), start(today, 1 if start is _day else 0)
    return (start(today, 1), start(today, 1 + count)) if which == "NEXT" else None


def _unit(name: str) -> _Start | None:
    return _day if name == "DAY" else _UNITS.get(name)
