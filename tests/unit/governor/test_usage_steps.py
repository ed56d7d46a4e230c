"""Two readings and what lies between them, number by number: whose spending it was."""

import pytest

from transforms.governor.spending import Spending
from transforms.governor.usage import Mark, Usage

HOUR = 3_600
FIRST = 500_000
BEGIN = float(FIRST * HOUR)


def read_usage(*, used: int = 0, second: float = 0.0, days: int = 2) -> Usage:
    """Read so many days ago and again at a second of the hour, with nothing spent between."""
    made = Usage()
    made.read(used, BEGIN - days * 24 * HOUR)
    made.read_at, made.used = BEGIN + second, used
    return made


def others(made: Usage) -> float:
    return sum(made.others.hours.values())


def test_the_first_reading_tells_of_no_spending() -> None:
    made = Usage()
    assert made.others_rate(BEGIN) == 0
    made.read(4_800, BEGIN)
    assert (made.used, made.read_at, made.unread) == (4_800, BEGIN, 0)
    assert (made.ours.since, made.others.since) == (BEGIN, BEGIN)
    assert others(made) == 0
    assert made.others_rate(BEGIN) == 200


def test_of_an_org_that_nobody_has_called_others_have_no_rate() -> None:
    made = Usage()
    made.read(0, BEGIN)
    assert made.others_rate(BEGIN) == 0


def test_where_every_hour_is_known_one_token_is_taken_for_all_that_is_used() -> None:
    made = read_usage()
    made.spend(1, BEGIN - 1)
    assert made.window(3) == pytest.approx(dict.fromkeys(range(FIRST - 23, FIRST + 1), 0) | {FIRST - 1: 3})


@pytest.mark.parametrize(("second", "is_kept"), [(600, False), (601, True)])
def test_a_reading_is_compared_with_once_no_hour_may_drop_out_any_more(second: int, *, is_kept: bool) -> None:
    made = read_usage(second=1)
    made.read(5, BEGIN + second)
    assert (made.in_hour is not None) is is_kept


def test_what_grew_beyond_our_count_was_spent_by_others() -> None:
    made = read_usage(used=100)
    made.spend(30, BEGIN + 10)
    assert (made.unread, made.ours.hours) == (30, {FIRST: 30.0})
    made.read(180, BEGIN + 60)
    assert (made.used, made.read_at, made.unread) == (180, BEGIN + 60, 0)
    assert made.others.hours == {FIRST: 50.0}


@pytest.mark.parametrize("second", [0, -1])
def test_a_reading_of_no_later_time_is_passed_over(second: float) -> None:
    made = read_usage(used=100)
    made.spend(30, BEGIN)
    made.read(900, BEGIN + second)
    assert (made.used, made.unread, others(made)) == (100, 30, 0)


def test_what_the_org_shows_late_is_taken_from_others_next() -> None:
    made = read_usage(used=100)
    made.spend(30, BEGIN + 10)
    made.read(110, BEGIN + 60)
    assert (others(made), made.early) == (0, 20)
    made.read(135, BEGIN + 120)
    assert (others(made), made.early) == (5, 0)


def test_all_that_we_reported_may_be_late_and_half_a_token_is_others() -> None:
    made = read_usage(used=100)
    made.spend(20, BEGIN + 10)
    made.read(100, BEGIN + 60)
    assert made.early == 20
    made.early = 19.5
    made.read(120, BEGIN + 120)
    assert (others(made), made.early) == (0.5, 0)


def test_what_others_got_too_much_is_taken_back_first() -> None:
    made = read_usage(used=100)
    made.read(150, BEGIN + 60)
    assert others(made) == 50
    made.spend(40, BEGIN + 70)
    made.read(160, BEGIN + 120)
    assert (others(made), made.early) == (20, 0)


def test_a_fall_beyond_all_our_reports_is_the_orgs_release() -> None:
    made = read_usage(used=1_000)
    made.others.add(360, BEGIN - HOUR, BEGIN - 1)
    expected = made.others_rate(BEGIN) * 60 / HOUR
    made.read(500, BEGIN + 60)
    assert made.others.lately(BEGIN + 60) - 60 == pytest.approx(expected, abs=1)
    assert made.early == 0


def test_over_a_turn_others_go_on_as_before_whatever_the_fall() -> None:
    made = read_usage(used=1_000, second=-60)
    made.others.add(600, BEGIN - HOUR, BEGIN - 61)
    before, rate = others(made), made.others_rate(BEGIN - 60)
    made.read(400, BEGIN + 60)
    assert others(made) - before == pytest.approx(rate * 120 / HOUR)


def test_over_a_turn_a_rise_beyond_the_usual_is_others() -> None:
    made = read_usage(used=1_000, second=-60)
    made.read(1_090, BEGIN + 60)
    assert others(made) == pytest.approx(90)


def test_after_a_blind_quarter_hour_what_dropped_out_is_reckoned() -> None:
    made = read_usage(used=240, second=-600)
    made.others.hours = {FIRST - 24: 100.0, FIRST - 1: 140.0}
    made.read(180, BEGIN + 301)
    assert others(made) - 240 == pytest.approx(40)
    short = read_usage(used=240, second=-600)
    short.others.hours = {FIRST - 24: 100.0, FIRST - 1: 140.0}
    short.read(180, BEGIN + 300)
    assert others(short) - 240 == pytest.approx(short.others_rate(BEGIN - 600) * 900 / HOUR, abs=1)


@pytest.mark.parametrize(
    ("hours", "whole", "sliding"), [(23.99, 1, 1), (24, 0, 1), (24.25, 0, 0.75), (25, 0, 0), (26, 0, 0)]
)
def test_an_hour_counts_for_24_hours_and_then_little_by_little_or_not_at_all(
    hours: float, whole: float, sliding: float
) -> None:
    made = Usage()
    assert made.share(FIRST, BEGIN + hours * HOUR) == whole
    made.sliding = True
    assert made.share(FIRST, BEGIN + hours * HOUR) == pytest.approx(sliding)


def test_a_window_adds_up_to_what_is_used() -> None:
    made = read_usage(used=100)
    made.others.hours = {FIRST - 24: 50.0, FIRST - 23: 30.0, FIRST: 20.0}
    assert made.window(50) == {
        hour: {FIRST - 23: 30.0, FIRST: 20.0}.get(hour, 0.0) for hour in range(FIRST - 23, FIRST + 1)
    }
    assert sum(made.window(100).values()) == pytest.approx(100)
    assert made.window(100)[FIRST - 23] == pytest.approx(60)
    empty = read_usage(used=100)
    assert set(empty.window(100).values()) == {0.0}


def test_what_nobody_knows_lies_evenly_before_the_first_reading() -> None:
    made = Usage()
    made.read(240, BEGIN + 60)
    made.spend(60, BEGIN + 70)
    window = made.window(300)
    assert window[FIRST] == pytest.approx(60 + 10)
    assert window[FIRST - 1] == pytest.approx(10)
    assert sum(window.values()) == pytest.approx(300)


def test_a_window_reaches_to_what_was_counted_since_the_reading() -> None:
    made = read_usage(used=0)
    made.spend(60, BEGIN + HOUR)
    assert made.window(60)[FIRST + 1] == 60
    unread = Usage(ours=Spending(since=BEGIN, hours={FIRST: 7.0}))
    assert set(unread.window(7)) == set(range(FIRST - 23, FIRST + 1))
    assert unread.window(7)[FIRST] == pytest.approx(7)


def test_within_an_hour_less_growth_than_we_spent_shows_an_org_that_slides() -> None:
    def grown(used: int, *, spent: int = 400) -> bool:
        made = read_usage(used=10_000, second=700)
        made.in_hour = Mark(at=BEGIN + 700, used=10_000)
        made.spend(spent, BEGIN + 710)
        made.ours.slots = {}
        made.read(used, BEGIN + 2_400)
        return made.sliding

    assert not grown(10_400)
    assert not grown(10_200)
    assert grown(10_199)


@pytest.mark.parametrize(("missing", "is_sliding"), [(10, False), (11, True)])
def test_ten_tokens_may_be_missing_without_meaning_anything(missing: int, is_sliding: bool) -> None:
    made = read_usage(used=1_000, second=700)
    made.in_hour = Mark(at=BEGIN + 700, used=1_000)
    made.read(1_000 - missing, BEGIN + 760)
    assert made.sliding == is_sliding


def test_over_a_turn_an_org_that_does_not_fall_slides() -> None:
    def turned(used: int) -> bool:
        made = read_usage(used=1_000, second=-30)
        made.others.hours = {FIRST - 24: 200.0}
        made.read(used, BEGIN + 30)
        marks = [made.before_turn]
        made.read(used, BEGIN + 601)
        marks.append(made.before_turn)
        assert marks == [Mark(at=BEGIN - 30, used=1_000), None]
        return made.sliding

    assert turned(1_000)
    assert not turned(800)
    assert turned(901)
    assert not turned(900)


def test_over_a_turn_others_are_taken_to_have_spent_as_before() -> None:
    def turned(used: int) -> bool:
        made = read_usage(used=1_000, second=-30)
        made.others.add(600, BEGIN - HOUR, BEGIN - 30)
        made.others.hours[FIRST - 24] = 200.0
        made.read(810, BEGIN + 30)
        made.read(used, BEGIN + 601)
        return made.sliding

    # Some 105 were spent meanwhile, and 200 dropped out.
    assert not turned(905)
    assert turned(1_105)


def test_an_hour_that_held_no_more_than_what_we_spend_lately_says_nothing() -> None:
    def turned(lately: float) -> bool:
        made = read_usage(used=1_000, second=-30)
        made.others.hours = {FIRST - 24: 200.0}
        made.read(1_000, BEGIN + 30)
        made.ours.slots = {int(BEGIN // 600) + 1: lately}
        made.read(1_000, BEGIN + 601)
        return made.sliding

    assert turned(199)
    assert not turned(200)


def test_a_turn_that_was_not_watched_closely_says_nothing() -> None:
    made = read_usage(used=1_000, second=-901)
    made.read(1_000, BEGIN)
    assert made.before_turn is None
    near = read_usage(used=1_000, second=-900)
    near.read(1_000, BEGIN)
    assert near.before_turn is not None


def test_a_wrong_conclusion_is_mended_at_the_next_turn() -> None:
    def fallen(used: int, second: float) -> bool:
        made = read_usage(used=1_000, second=-30)
        made.sliding = True
        made.others.hours = {FIRST - 24: 400.0, FIRST - 10: 600.0}
        made.read(used, BEGIN + second)
        return not made.sliding

    assert fallen(799, 30)
    assert not fallen(800, 30)
    assert not fallen(600, 600)
