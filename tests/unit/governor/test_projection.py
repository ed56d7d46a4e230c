"""A projection, number by number: what drops out of a day, what comes, and when a limit is
reached.
"""

import pytest

from transforms.governor.projection import Projection, clock_hours, overlap, project_usage
from transforms.governor.usage import Usage

HOUR = 3_600
FIRST = 500_000
BEGIN = float(FIRST * HOUR)


def whole_hours(hour: int, at: float) -> float:
    return 1.0 if at / HOUR - hour - 24 < 0 else 0.0


def projection(*, past: dict[int, float] | None = None, own: float = 0, others: float = 0) -> Projection:
    hours = range(FIRST, FIRST + 25)
    return Projection(
        past=past or {},
        now=BEGIN + 1_800,
        read_at=BEGIN + 900,
        own=dict.fromkeys(hours, own),
        others=dict.fromkeys(hours, others),
        share=whole_hours,
    )


@pytest.mark.parametrize(
    ("begin", "end", "inside"),
    [(0, 3_600, 1), (1_800, 9_000, 0.5), (-900, 900, 0.25), (3_600, 7_200, 0), (-2, -1, 0)],
)
def test_of_a_time_that_part_lies_in_an_hour(begin: float, end: float, inside: float) -> None:
    assert overlap(FIRST, BEGIN + begin, BEGIN + end) == inside


def test_pieces_of_a_time_end_just_before_the_turn() -> None:
    found = [
        (begin - BEGIN, round(end - BEGIN, 3)) for begin, end in clock_hours(BEGIN + 1_800, BEGIN + 7_300)
    ]
    assert found == [(1_800, 3_599.999), (3_600, 7_199.999), (7_200, 7_299.999)]
    assert list(clock_hours(BEGIN, BEGIN)) == []


def test_used_is_what_the_day_held_without_what_drops_out() -> None:
    made = projection(past={FIRST - 24: 9.0, FIRST - 23: 100.0, FIRST - 1: 20.0, FIRST: 5.0})
    assert made.used(BEGIN + 1_800) == 125
    assert made.used(BEGIN + HOUR) == 25
    assert made.used(BEGIN + 24 * HOUR) == 0


def test_to_come_is_our_rate_from_now_and_others_from_their_last_reading() -> None:
    made = projection(own=100, others=40)
    assert made.used(BEGIN + 1_800) == pytest.approx(10)
    assert made.used(BEGIN + HOUR) == pytest.approx(50 + 30)
    assert made.used(BEGIN + 2 * HOUR) == pytest.approx(150 + 70)


def test_a_limit_is_reached_at_the_minute_at_which_it_is_used() -> None:
    made = projection(own=100, others=40, past={FIRST - 1: 20.0})
    assert made.reaches(30, BEGIN + HOUR) == BEGIN + 1_800
    assert made.reaches(65, BEGIN + 2 * HOUR) == pytest.approx(BEGIN + 1_800 + 900, abs=1)
    assert made.reaches(170, BEGIN + 2 * HOUR) == pytest.approx(BEGIN + HOUR + 1_800, abs=1)
    assert made.reaches(241, BEGIN + 2 * HOUR) is None


def test_a_limit_that_is_used_already_is_reached_now_though_nobody_spends() -> None:
    made = projection(past={FIRST - 1: 20.0})
    assert made.reaches(20, BEGIN + 2 * HOUR) == BEGIN + 1_800
    assert made.reaches(20.1, BEGIN + 2 * HOUR) is None


def test_a_limit_that_is_used_at_the_horizon_is_reached_there() -> None:
    made = projection(own=100)
    *_, (_, last) = clock_hours(BEGIN + 1_800, BEGIN + 2 * HOUR)
    assert made.reaches(made.used(last), BEGIN + 2 * HOUR) == pytest.approx(last)


def test_a_rate_goes_over_to_the_usual_one_within_three_hours() -> None:
    usage = Usage()
    usage.read(0, BEGIN - 48 * HOUR)
    for hour in range(-48, 0):
        usage.ours.add(600, BEGIN + hour * HOUR, BEGIN + hour * HOUR)
    for part in range(6):
        usage.ours.add(30, BEGIN - 3_599 + 600 * part, BEGIN - 3_599 + 600 * part)
    usage.read_at = BEGIN - 60
    present, usual = project_usage(usage, 1_000, BEGIN, BEGIN + 6 * HOUR)
    rate = usage.ours.rate(BEGIN)
    assert set(present.own.values()) == {rate}
    assert list(present.own) == list(range(FIRST - 1, FIRST + 7))
    assert (present.now, present.read_at) == (BEGIN, BEGIN - 60)
    ahead = [usual.own[FIRST + hour] for hour in range(6)]
    for hour, weight in enumerate((0.5 / 3, 1.5 / 3, 2.5 / 3)):
        assert ahead[hour] == pytest.approx((1 - weight) * rate + weight * 600)
    assert ahead[3:] == [600] * 3
    assert usual.own[FIRST - 1] == rate
    assert sum(present.past.values()) == pytest.approx(1_000)


def test_an_org_that_was_never_read_has_no_others() -> None:
    present, usual = project_usage(Usage(), 0, BEGIN, BEGIN + HOUR)
    assert present.read_at == usual.read_at == BEGIN
    assert set(present.others.values()) == {0.0}
