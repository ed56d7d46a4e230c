"""The expected load of the coming 24 hours: the present for a while, then the usual one."""

import math

import pytest
from hypothesis import given, strategies as st

from transforms.planner.load import BURST, RECENT, Measured, expected_load

NOW = 1_790_000_000.0
THIS_HOUR = int(NOW // 3_600)


def week(rate: float) -> dict[int, float]:
    """The same in every hour of the last seven days."""
    return dict.fromkeys(range(THIS_HOUR - 7 * 24, THIS_HOUR), rate)


def test_an_object_of_which_nothing_came_has_no_load() -> None:
    load = expected_load("Case", Measured(), NOW)
    assert (load.changes_per_day, load.changes_per_minute) == (0, 0)


def test_without_a_past_the_present_is_taken_to_go_on() -> None:
    load = expected_load("Case", Measured(recent=100), NOW)
    assert math.isclose(load.changes_per_day, 100 * 6 * 24)


def test_a_rate_that_is_usual_goes_on() -> None:
    measured = Measured(recent=100, hours=week(600), known_from=0)
    load = expected_load("Case", measured, NOW)
    assert math.isclose(load.changes_per_day, 600 * 24)
    assert math.isclose(load.changes_per_minute, 10 * BURST)


def test_a_surge_is_not_believed_for_a_day() -> None:
    measured = Measured(recent=100_000, hours=week(600), known_from=0)
    assert expected_load("Case", measured, NOW).changes_per_day < 100_000 * 6 * 3


def test_a_quiet_night_does_not_hide_the_busy_day_to_come() -> None:
    days = {hour: 60_000.0 if 8 <= hour % 24 < 18 else 0.0 for hour in week(0)}
    load = expected_load("Case", Measured(recent=0, hours=days, known_from=0), NOW)
    assert load.changes_per_day >= 60_000 * 7
    assert load.changes_per_minute == 1_000 * BURST


def quiet_now(hours: dict[int, float], *, known_from: float = 0) -> float:
    """Changes of the coming day; the present rate of none fades within its first three hours."""
    return expected_load("Case", Measured(hours=hours, known_from=known_from), NOW).changes_per_day


@pytest.mark.parametrize("day", range(1, 8))
def test_each_of_the_last_seven_days_counts_for_a_seventh(day: int) -> None:
    hours = dict.fromkeys(range(THIS_HOUR - day * 24, THIS_HOUR - day * 24 + 24), 700.0)
    assert math.isclose(quiet_now(hours), 100 * 22)


def test_a_day_before_the_last_seven_does_not_count() -> None:
    assert quiet_now(dict.fromkeys(range(THIS_HOUR - 8 * 24, THIS_HOUR - 7 * 24), 700.0)) == 0


def test_an_hour_that_is_missing_had_no_changes() -> None:
    assert quiet_now({}) == 0


def test_hours_of_which_nothing_is_known_are_taken_to_go_on_as_at_present() -> None:
    fourth = (THIS_HOUR - 24 + 3) * 3_600
    assert math.isclose(quiet_now(week(600), known_from=fourth), 600 * 21)


def test_what_is_known_for_a_minute_is_not_spread_over_ten() -> None:
    short, whole = Measured(recent=100, recent_seconds=60), Measured(recent=100)
    assert math.isclose(
        expected_load("Case", short, NOW).changes_per_day,
        10 * expected_load("Case", whole, NOW).changes_per_day,
    )


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 2))
def test_more_changes_lately_are_never_less_to_come(recent: float, usual: float, more: float) -> None:
    hours = week(usual)
    first = expected_load("Case", Measured(recent, RECENT.total_seconds(), hours, 0), NOW)
    second = expected_load("Case", Measured(recent * (1 + more), RECENT.total_seconds(), hours, 0), NOW)
    assert second.changes_per_day >= first.changes_per_day * (1 - 1e-9)
    assert second.changes_per_minute >= first.changes_per_minute * (1 - 1e-9)
