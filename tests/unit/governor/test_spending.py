"""Spending by time: each token lies in the hour and the ten minutes in which it was spent, and
nowhere else.
"""

import pytest
from hypothesis import given, strategies as st

from transforms.governor.spending import Spending, pieces

HOUR, SLOT = 3_600, 600
FIRST = 500_000
BEGIN = float(FIRST * HOUR)
KEPT_HOURS, KEPT_SLOTS = 8 * 24, 8


@pytest.mark.parametrize(
    ("second", "hour", "slot"), [(0, 0, 0), (-0.5, -1, -1), (599, 0, 0), (600, 0, 1), (3_599, 0, 5)]
)
def test_what_is_spent_at_once_lies_in_one_hour_and_one_slot(second: float, hour: int, slot: int) -> None:
    made = Spending()
    made.add(12, BEGIN + second, BEGIN + second)
    assert made.hours == {FIRST + hour: 12.0}
    assert made.slots == {FIRST * 6 + slot: 12.0}


def test_what_is_spent_over_a_turn_is_divided_by_time() -> None:
    made = Spending()
    made.add(100, BEGIN - 450, BEGIN + 150)
    assert made.hours == {FIRST - 1: 75.0, FIRST: 25.0}
    made.add(8, BEGIN, BEGIN)
    assert made.hours[FIRST] == 33.0


def test_nothing_and_less_than_nothing_is_not_spent() -> None:
    made = Spending()
    made.add(0, BEGIN, BEGIN)
    made.add(-5, BEGIN, BEGIN)
    assert (made.hours, made.slots) == ({}, {})


def test_a_fraction_of_a_token_is_spent() -> None:
    made = Spending()
    made.add(0.5, BEGIN, BEGIN)
    assert made.hours == {FIRST: 0.5}


def test_hours_are_kept_for_eight_days_and_slots_for_eighty_minutes() -> None:
    made = Spending()
    made.add(1, BEGIN, BEGIN)
    made.add(1, BEGIN + (KEPT_HOURS - 1) * HOUR, BEGIN + (KEPT_HOURS - 1) * HOUR)
    assert set(made.hours) == {FIRST, FIRST + KEPT_HOURS - 1}
    made.add(1, BEGIN + KEPT_HOURS * HOUR, BEGIN + KEPT_HOURS * HOUR)
    assert set(made.hours) == {FIRST + KEPT_HOURS - 1, FIRST + KEPT_HOURS}
    short = Spending()
    for slot in (0, KEPT_SLOTS - 1, KEPT_SLOTS):
        short.add(1, BEGIN + slot * SLOT, BEGIN + slot * SLOT)
    assert set(short.slots) == {FIRST * 6 + KEPT_SLOTS - 1, FIRST * 6 + KEPT_SLOTS}


@given(st.floats(-1e4, 1e4), st.floats(0, 3e4), st.sampled_from([HOUR, SLOT]))
def test_the_pieces_of_a_time_are_all_of_it(begin: float, lasts: float, size: int) -> None:
    found = list(pieces(BEGIN + begin, BEGIN + begin + lasts, size))
    assert sum(fraction for _, fraction in found) == pytest.approx(1)
    assert all(0 < fraction <= 1 for _, fraction in found)
    numbers = [number for number, _ in found]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))


def test_a_piece_of_less_than_a_second_is_one() -> None:
    assert list(pieces(BEGIN - 0.5, BEGIN + 1.5, HOUR)) == [(FIRST - 1, 0.25), (FIRST, 0.75)]


def test_a_time_that_ends_at_a_turn_has_no_piece_behind_it() -> None:
    assert list(pieces(BEGIN + 1_800, BEGIN + HOUR, HOUR)) == [(FIRST, 1.0)]


def test_only_the_last_two_slots_are_lately() -> None:
    made = Spending()
    assert made.lately(BEGIN) == 0
    for slot in range(4):
        made.add(10**slot, BEGIN + slot * SLOT, BEGIN + slot * SLOT)
    assert made.lately(BEGIN + 2 * SLOT) == 110
    assert made.lately(BEGIN + 3 * SLOT - 1) == 110


def test_what_is_taken_back_is_taken_from_the_newest_first_and_the_rest_is_told() -> None:
    made = Spending()
    made.add(5, BEGIN, BEGIN)
    made.add(7, BEGIN + SLOT, BEGIN + SLOT)
    assert made.take_back(9, BEGIN + SLOT) == 0
    assert made.slots == {FIRST * 6: 3.0, FIRST * 6 + 1: 0.0}
    assert made.hours == {FIRST: 3.0}
    assert made.take_back(9, BEGIN + SLOT) == 6
    assert made.hours == {FIRST: 0.0}
    assert made.take_back(2, BEGIN + SLOT) == 2


def test_a_fraction_of_a_token_is_taken_back() -> None:
    made = Spending()
    made.add(2, BEGIN, BEGIN)
    assert made.take_back(0.5, BEGIN) == 0
    assert (made.hours, made.lately(BEGIN)) == ({FIRST: 1.5}, 1.5)


def test_nothing_older_than_two_slots_is_taken_back() -> None:
    made = Spending()
    made.add(5, BEGIN, BEGIN)
    assert made.take_back(5, BEGIN + 2 * SLOT) == 5
    assert made.hours == {FIRST: 5.0}


def test_what_is_taken_back_over_a_turn_is_taken_from_each_slots_own_hour() -> None:
    made = Spending()
    made.add(5, BEGIN - 1, BEGIN - 1)
    made.add(7, BEGIN, BEGIN)
    assert made.take_back(10, BEGIN) == 0
    assert made.hours == {FIRST - 1: 2.0, FIRST: 0.0}


def test_the_rate_is_that_of_the_last_hour() -> None:
    made = Spending()
    made.begin(BEGIN - HOUR)
    assert made.rate(BEGIN, otherwise=77) == 0
    for slot in range(-7, 1):
        made.add(10, BEGIN + slot * SLOT, BEGIN + slot * SLOT)
    # Five slots that are over, and 300 seconds of the present one.
    assert made.rate(BEGIN + 300) == pytest.approx(60 * HOUR / 3_300)


def test_the_rate_of_less_than_ten_minutes_is_filled_up_with_what_is_known_otherwise() -> None:
    made = Spending()
    assert made.rate(BEGIN, otherwise=120) == 120
    made.begin(BEGIN)
    made.begin(BEGIN + 5_000)
    made.add(30, BEGIN + 10, BEGIN + 10)
    assert made.rate(BEGIN, otherwise=120) == pytest.approx((30 * HOUR + 120 * SLOT) / SLOT)
    assert made.rate(BEGIN + 450, otherwise=120) == pytest.approx((30 * HOUR + 120 * 150) / SLOT)
    assert made.rate(BEGIN + 600, otherwise=120) == pytest.approx(30 * HOUR / 600)


def test_the_usual_of_an_hour_is_the_mean_of_the_days_that_are_known_whole() -> None:
    made = Spending()
    assert made.usual(FIRST, BEGIN) is None
    made.begin(BEGIN + 1)
    now = BEGIN + 72 * HOUR
    for day, tokens in enumerate((100, 20, 40, 900)):
        made.add(tokens, BEGIN + day * 24 * HOUR + 60, BEGIN + day * 24 * HOUR + 60)
    # The first hour is not known whole, the present one is not over.
    assert made.usual(FIRST + 96, now) == 30
    assert made.usual(FIRST + 97, now) == 0
    assert made.usual(FIRST + 72, now) == 30
    assert made.usual(FIRST + 24, now) is None


def test_an_hour_that_was_known_from_its_beginning_counts() -> None:
    made = Spending()
    made.begin(BEGIN)
    made.add(100, BEGIN, BEGIN)
    assert made.usual(FIRST + 24, BEGIN + HOUR) == 100
    assert made.usual(FIRST + 24, BEGIN + HOUR - 1) is None


def test_the_usual_forgets_after_eight_days() -> None:
    made = Spending()
    made.begin(BEGIN)
    made.add(100, BEGIN, BEGIN)
    last = KEPT_HOURS - 1
    assert made.usual(FIRST + KEPT_HOURS, BEGIN + last * HOUR) == 100 / 8
    assert made.usual(FIRST + KEPT_HOURS + 24, BEGIN + (last + 1) * HOUR) == 0
