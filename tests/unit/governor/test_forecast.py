"""A forecast's claims, against the later facts."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from schemas.governor import OTHERS, Budget, LeaseClass, LeaseLine, Refusal, RefusalKind, Terms
from tests.support.builders.metered import BEGIN, HOUR, MeteredOrg, Rate, even, wave
from transforms.governor.budget import BudgetBook
from transforms.governor.forecast import forecast
from transforms.governor.usage import Usage

AHEAD = 6


def noisy(rate: Rate, noise: float) -> Rate:
    """Each step strays by up to `noise` from the rate, and each hour by up to half of that as a
    whole.
    """
    chance, hours = Random(7), Random(8)
    by_hour = [1 + noise / 2 * hours.uniform(-1, 1) for _ in range(24 * 10)]
    return lambda at: rate(at) * (1 + noise * chance.uniform(-1, 1)) * by_hour[int(at // HOUR)]


def errors_ahead(org: MeteredOrg, *, hours: int) -> list[float]:
    """Relative errors of `used` six hours ahead, asked every hour for so many hours."""
    asked: dict[int, int] = {}
    errors = []
    for hour in range(hours):
        expected = forecast(org.book, org.terms, org.now).expected
        asked[hour + AHEAD] = expected[AHEAD - 1].used
        if hour in asked:
            errors.append(abs(asked[hour] - org.used) / org.used)
        org.run(hours=1)
    return errors


@pytest.mark.parametrize(("noise", "shift"), [(0, 9), (0.4, 0), (0.4, 16)])
def test_after_two_days_used_is_known_six_hours_ahead_within_a_tenth(noise: float, shift: float) -> None:
    org = MeteredOrg(
        own=wave(2_000, 0.8, shift_hours=3),
        others=noisy(wave(3_000, 0.9, shift_hours=shift), noise),
        step=240,
    )
    org.run(hours=48.4)
    assert max(errors_ahead(org, hours=24)) <= 0.10


def test_of_an_org_that_forgets_minute_by_minute_it_is_known_as_well() -> None:
    org = MeteredOrg(own=wave(2_000, 0.5), others=wave(3_000, 0.5, shift_hours=9), step=240, sliding=True)
    org.run(hours=48.4)
    assert max(errors_ahead(org, hours=24)) <= 0.10


def test_on_the_first_day_a_neighbour_that_swings_is_known_within_a_tenth() -> None:
    org = MeteredOrg(own=even(2_000), others=wave(2_000, 0.5))
    for hours_ago in range(1, 24):
        org.spent_before(4_000, hours_ago=hours_ago)
    org.run(hours=1.4)
    assert max(errors_ahead(org, hours=20)) <= 0.10


@settings(max_examples=15, deadline=None)
@given(
    own=st.integers(0, 3_000),
    others=st.integers(60, 3_000),
    minutes=st.integers(61, 300),
    part=st.floats(0.3, 0.9),
)
def test_at_a_constant_rate_it_runs_out_in_the_hour_that_was_forecast(
    own: int, others: int, minutes: int, part: float
) -> None:
    org = MeteredOrg(maximum=int(24 * (own + others) * part), own=even(own), others=even(others))
    org.run(hours=minutes / 60)
    spendable = org.book.spendable(org.terms)
    true = org.now + HOUR * (spendable - org.book.used_at_most()) / (own + others)
    told = forecast(org.book, org.terms, org.now).runs_out_at
    assert told is not None
    # Calls are whole: of a slow spender the hour that was measured has up to one too many or too
    # few.
    off = 0.02 + 2 / (own + others)
    assert abs(told.timestamp() - true) <= off * (true - org.now) + 120


def test_a_rate_that_the_window_can_carry_never_runs_out() -> None:
    org = MeteredOrg(maximum=100_000, own=even(1_000), others=even(2_500))
    org.run(hours=5.9)
    told = forecast(org.book, org.terms, org.now)
    assert (told.runs_out_at, told.runs_out_at_usual) == (None, None)
    assert told.expected[-1].used == pytest.approx(24 * 3_500, rel=0.03)


def test_what_was_spent_yesterday_drops_out_of_what_is_expected() -> None:
    org = MeteredOrg(others=lambda at: 46_000 if at < HOUR else 100)
    org.now += HOUR / 2  # of an hour that was not seen whole nothing is concluded for the next day
    org.run(hours=20)
    used = [expected.used for expected in forecast(org.book, org.terms, org.now).expected]
    assert used[2] > 23_000
    assert used[3] == pytest.approx(2_350, rel=0.1)


def test_who_spends_it_adds_up_to_what_is_used() -> None:
    org = MeteredOrg(own=even(400), others=even(600))
    org.spent_before(1_000, hours_ago=3)
    org.run(hours=5)
    told = forecast(org.book, org.terms, org.now)
    assert sum(spender.last_day for spender in told.spenders) == told.used
    assert [spender.name for spender in told.spenders] == [OTHERS, LeaseClass.POLLING]
    hour = {spender.name: spender.last_hour for spender in told.spenders}
    assert hour[OTHERS] == pytest.approx(600, rel=0.05)
    assert hour[LeaseClass.POLLING] == pytest.approx(400, rel=0.05)
    assert told.others_rate == pytest.approx(600, rel=0.05)
    assert told.rate == pytest.approx(1_000, rel=0.05)


def test_writebacks_are_slowed_last() -> None:
    org = MeteredOrg(maximum=20_000, own=even(400), others=even(1_000))
    org.run(hours=3)
    told = forecast(org.book, org.terms, org.now)
    times = {slowed.lease_class: slowed.at for slowed in told.slowed}
    assert list(times) == [slowed.lease_class for slowed in sorted(told.slowed, key=lambda each: each.at)]
    assert max(times[LeaseClass.GUEST], times[LeaseClass.POLLING]) < times[LeaseClass.WRITEBACK]
    assert told.runs_out_at is not None
    assert times[LeaseClass.WRITEBACK] <= told.runs_out_at + timedelta(minutes=1)
    assert [slowed.lease_class for slowed in told.slowed if slowed.spends] == [LeaseClass.POLLING]


def test_a_class_is_slowed_when_the_forecast_said() -> None:
    org = MeteredOrg(maximum=20_000, own=even(400), others=even(1_000))
    org.run(hours=3)
    slowed = forecast(org.book, org.terms, org.now).slowed
    at = next(each.at for each in slowed if each.lease_class is LeaseClass.POLLING).timestamp()
    org.run(hours=(at - org.now) / HOUR - 0.25)
    assert org.book.allowed(LeaseClass.POLLING, org.terms, org.now)[0] >= 7
    org.run(hours=0.5)
    assert org.book.allowed(LeaseClass.POLLING, org.terms, org.now)[0] < 7


def test_a_budget_that_was_not_read_yet_has_no_forecast() -> None:
    told = forecast(BudgetBook(budget=Budget.API_CALLS), Terms(), float(BEGIN))
    assert (told.maximum, told.left, told.expected, told.slowed) == (None, 0, (), ())


def test_of_a_concurrency_budget_only_what_is_held_is_told() -> None:
    book = BudgetBook(budget=Budget.LONG_CALLS, maximum=25)
    told = forecast(book, Terms(), float(BEGIN))
    assert (told.maximum, told.margin, told.left, told.expected) == (25, 2, 23, ())


def test_a_budget_that_the_org_says_nothing_of_is_forecast_from_our_own_spending() -> None:
    usage = Usage()
    for minute in range(60):
        usage.spend(100, BEGIN + 60.0 * minute)
    book = BudgetBook(budget=Budget.INGEST_ROWS, maximum=30_000, usage=usage, recent={BEGIN + HOUR: 6_000})
    told = forecast(book, Terms(), BEGIN + HOUR - 60.0)
    assert told.read_at is None
    assert told.rate == pytest.approx(6_000, rel=0.2)
    assert told.runs_out_at is not None


def test_after_a_refusal_it_is_told_until_when_nothing_is_granted() -> None:
    org = MeteredOrg(others=even(100))
    org.run(hours=0.5)
    at = datetime.fromtimestamp(org.now + 1, UTC)
    org.book.refuse(
        Refusal(budget=Budget.API_CALLS, kind=RefusalKind.QUOTA, at=at, retry_after=timedelta(minutes=5))
    )
    told = forecast(org.book, org.terms, org.now)
    assert told.paused_until == at + timedelta(minutes=5)
    assert told.left == 0
    assert LeaseClass.WRITEBACK in [slowed.lease_class for slowed in told.slowed]


def test_what_was_spent_of_a_budget_that_is_never_read_comes_back_after_a_day() -> None:
    book = BudgetBook(budget=Budget.INGEST_ROWS, maximum=30_000)
    line = LeaseLine(budget=book.budget, lease_class=LeaseClass.BACKFILL, granted=5_000, spent=5_000, want=0)
    book.exchange("process", line.model_copy(update={"granted": 0, "spent": 0}), Terms(), float(BEGIN))
    book.exchange("process", line, Terms(), BEGIN + 30.0)
    assert forecast(book, Terms(), BEGIN + 60.0).used == 5_000
    book.let_time_pass(BEGIN + 25.1 * HOUR)
    assert forecast(book, Terms(), BEGIN + 25.1 * HOUR).used == 0
