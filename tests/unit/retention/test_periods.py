"""Months: sealed, out of the warehouse, expired."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from transforms.retention.periods import (
    Month,
    expires_at,
    leaves_at,
    months_before,
    sealed_at,
    sealed_months,
)
from transforms.retention.slices import slices

MOMENTS = st.integers(950_000_000, 4_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(MOMENTS, st.integers(0, 100))
def test_a_month_is_never_sealed_before_it_is_over(at: datetime, months: int) -> None:
    for month in sealed_months(at, at + timedelta(days=months * 20), timedelta(days=3)):
        assert month.end + timedelta(days=3) <= at + timedelta(days=months * 20)


@given(MOMENTS)
def test_a_moment_lies_in_its_month_and_in_one_of_its_days(at: datetime) -> None:
    month = Month.of(at)
    assert month.begin <= at < month.end
    assert sum(begin <= at < end for begin, end in month.days()) == 1
    assert Month.parse(str(month)) == month


def test_the_days_of_a_month_follow_each_other_from_its_begin_to_its_end() -> None:
    for month, count in ((Month(2028, 2), 29), (Month(2026, 11), 30), (Month(2026, 12), 31)):
        days = list(month.days())
        assert len(days) == count
        assert (days[0][0], days[-1][1]) == (month.begin, month.end)
        assert [end for _, end in days[:-1]] == [begin for begin, _ in days[1:]]


def test_the_sealed_months_begin_with_the_first_rows_and_leave_out_none() -> None:
    first, now = datetime(2026, 11, 30, tzinfo=UTC), datetime(2027, 2, 4, tzinfo=UTC)
    sealed = list(sealed_months(first, now, timedelta(days=3)))
    assert sealed == [Month(2026, 11), Month(2026, 12), Month(2027, 1)]
    assert list(sealed_months(first, datetime(2026, 12, 4, tzinfo=UTC), timedelta(days=3))) == sealed[:1]
    assert list(sealed_months(first, datetime(2026, 12, 3, tzinfo=UTC), timedelta(days=3))) == []


def test_a_december_leaves_and_expires_in_january() -> None:
    month = Month(2026, 12)
    assert sealed_at(month, timedelta(days=3)) == datetime(2027, 1, 4, tzinfo=UTC)
    assert leaves_at(month, 24) == datetime(2029, 1, 1, tzinfo=UTC)
    assert expires_at(month, 7) == datetime(2034, 1, 1, tzinfo=UTC)


def test_thirteen_months_before_the_end_of_march_is_the_end_of_february() -> None:
    assert months_before(datetime(2028, 3, 31, 5, tzinfo=UTC), 13) == datetime(2027, 2, 28, 5, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(0, 86_399), st.integers(1, 40)), max_size=40, unique_by=lambda s: s[0]))
def test_slices_follow_each_other_and_hold_every_row_once(counts: list[tuple[int, int]]) -> None:
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    end = begin + timedelta(days=1)
    cut = list(slices(sorted(counts), begin=begin, end=end, most=50))
    assert sum(rows for _, _, rows in cut) == sum(rows for _, rows in counts)
    assert [one[1] for one in cut[:-1]] == [other[0] for other in cut[1:]]
    for since, until, rows in cut:
        inside = [n for second, n in counts if since <= begin + timedelta(seconds=second) < until]
        assert sum(inside) == rows
        assert rows <= 50 or len(inside) == 1


def test_a_slice_is_full_before_the_next_one_begins() -> None:
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    counts = [(0, 25), (1, 25), (2, 1), (3, 49), (4, 60), (5, 1)]
    cut = slices(counts, begin=begin, end=begin + timedelta(days=1), most=50)
    assert [rows for _, _, rows in cut] == [50, 50, 60, 1]
