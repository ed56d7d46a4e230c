"""Spending by class: others' spending is distinguished from ours by the org's counts alone."""

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.builders.metered import BEGIN, HOUR, MeteredOrg, even, wave
from transforms.governor.budget import BudgetBook
from transforms.governor.usage import Usage

FIRST = BEGIN // HOUR


def spent_by_others(org: MeteredOrg, hours: range) -> list[tuple[float, float]]:
    """Told and true, by hour."""
    return [(org.book.usage.others.hours.get(hour, 0.0), org.others_by_hour.get(hour, 0)) for hour in hours]


def test_what_others_spend_is_known_by_the_hour_within_three_percent() -> None:
    org = MeteredOrg(own=wave(2_000, 0.5), others=wave(3_000, 0.9, shift_hours=7), step=240)
    org.run(hours=72)
    for told, true in spent_by_others(org, range(FIRST + 1, FIRST + 72)):
        assert abs(told - true) <= 0.03 * true + 40


def test_others_who_spend_nothing_are_not_blamed_for_our_late_reports() -> None:
    org = MeteredOrg(own=wave(4_000, 1.0), step=240)
    org.run(hours=48)
    told = sum(org.book.usage.others.hours.values())
    assert told <= 0.01 * sum(org.book.usage.ours.hours.values())


def test_what_was_used_before_the_first_reading_is_not_taken_for_new_spending() -> None:
    org = MeteredOrg(others=even(600))
    org.spent_before(24_000, hours_ago=5)
    org.run(hours=30)
    for told, true in spent_by_others(org, range(FIRST + 1, FIRST + 30)):
        assert abs(told - true) <= 20


def test_of_an_uneven_yesterday_only_what_is_still_used_is_left() -> None:
    org = MeteredOrg(others=even(600))
    org.spent_before(20_000, hours_ago=20)
    org.spent_before(1_000, hours_ago=2)
    org.run(hours=8.5)
    window = org.book.usage.window(org.used)
    before = sum(tokens for hour, tokens in window.items() if hour < FIRST)
    assert abs(before - 1_000) <= 100


def test_what_was_used_before_the_first_reading_is_spread_evenly_over_the_day() -> None:
    usage = Usage()
    usage.read(2_400, BEGIN + 100.0)
    assert usage.window(2_400) == dict.fromkeys(range(FIRST - 23, FIRST + 1), 100.0)
    assert usage.others_rate(BEGIN + 100.0) == 100.0


@pytest.mark.parametrize("own", [0, 2_000])
def test_an_org_that_forgets_minute_by_minute_is_recognised(own: float) -> None:
    org = MeteredOrg(own=even(own), others=wave(3_000, 0.5), sliding=True, step=240)
    org.run(hours=60)
    usage = org.book.usage
    assert usage.sliding
    told = sum(usage.others.hours.get(hour, 0.0) for hour in range(FIRST + 36, FIRST + 60))
    true = sum(org.others_by_hour[hour] for hour in range(FIRST + 36, FIRST + 60))
    assert told == pytest.approx(true, rel=0.1)


@pytest.mark.parametrize("own", [0, 2_000])
def test_such_an_org_is_recognised_on_the_first_day_too(own: float) -> None:
    org = MeteredOrg(own=even(own), others=wave(3_000, 0.5), sliding=True, step=240)
    org.forgets_evenly(115_000)
    org.run(hours=23)
    for told, true in spent_by_others(org, range(FIRST + 2, FIRST + 23)):
        assert told == pytest.approx(true, rel=0.1)


@pytest.mark.parametrize("own", [0, 2_000])
@pytest.mark.parametrize("others", [0, 3_000])
def test_an_org_that_counts_by_whole_hours_is_not_taken_for_one_that_forgets_by_the_minute(
    own: float, others: float
) -> None:
    org = MeteredOrg(own=wave(own, 0.9), others=wave(others, 0.5, shift_hours=5), step=240)
    for _ in range(30):
        org.run(hours=1.6)
        assert not org.book.usage.sliding


@pytest.mark.parametrize("own", [0, 2_000])
def test_readings_that_are_minutes_late_tell_the_same(own: float) -> None:
    org = MeteredOrg(own=wave(own, 0.5), others=wave(3_000, 0.5, shift_hours=5), late_steps=2, step=240)
    org.run(hours=60)
    for told, true in spent_by_others(org, range(FIRST + 1, FIRST + 60)):
        assert told == pytest.approx(true, rel=0.1, abs=30)


def test_hours_without_a_reading_are_told_as_a_whole() -> None:
    usage = Usage()
    usage.read(0, float(BEGIN))
    usage.spend(50, BEGIN + 10.0)
    usage.read(4_050, BEGIN + 4.0 * HOUR)
    assert [round(usage.others.hours.get(FIRST + hour, 0)) for hour in range(4)] == [1_000] * 4


def test_an_older_reading_changes_nothing() -> None:
    usage = Usage()
    usage.read(100, float(BEGIN))
    usage.read(160, BEGIN + 60.0)
    before = usage.model_copy(deep=True)
    usage.read(130, BEGIN + 30.0)
    assert usage == before


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 400), st.integers(-300, 400), st.integers(1, 20_000)),
        min_size=1,
        max_size=80,
    )
)
def test_whatever_the_org_says_nobody_spends_less_than_nothing_and_hours_add_up(
    steps: list[tuple[int, int, int]],
) -> None:
    usage, now, used = Usage(), float(BEGIN), 500
    usage.read(used, now)
    for ours, more, seconds in steps:
        now += seconds
        usage.spend(ours, now)
        used = max(0, used + ours + more)
        usage.read(used, now)
        window = usage.window(used)
        assert min(usage.others.hours.values(), default=0) >= 0
        assert min(window.values()) >= 0
        counted = sum(usage.share(hour, now) * tokens for hour, tokens in window.items())
        assert not any(window.values()) or abs(counted - used) < 1e-3


def test_the_books_keep_eight_days_and_no_more() -> None:
    org = MeteredOrg(own=even(500), others=even(700), step=600)
    org.run(hours=12 * 24)
    usage = org.book.usage
    assert max(len(usage.ours.hours), len(usage.others.hours)) <= 8 * 24
    assert max(len(usage.ours.slots), len(usage.others.slots)) <= 8
    assert len(org.book.model_dump_json()) < 20_000


def test_usage_survives_being_written_and_read_back() -> None:
    org = MeteredOrg(own=even(500), others=even(700))
    org.run(hours=3)
    assert BudgetBook.model_validate_json(org.book.model_dump_json()) == org.book
