"""A process whose clock is wrong tells of refusals and readings, and is understood."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.governor import (
    Budget,
    Exchange,
    GovernorConfig,
    LeaseClass,
    LeaseLine,
    Reading,
    ReadLimitsResult,
    Refusal,
    RefusalKind,
)
from transforms.governor.clocks import ON_ITS_WAY
from transforms.governor.ledger import BudgetLedger

NOW = 1_800_000_000.0
MAXIMUM = 100_000
PAUSE = timedelta(minutes=15)
WRONG = [timedelta(minutes=-26), timedelta(minutes=-16), timedelta(minutes=16), timedelta(minutes=26)]


def books() -> BudgetLedger:
    made = BudgetLedger(org="o", terms=GovernorConfig(most_at_once=1))
    made.take_in((reading(0, timedelta(0)),), ())
    return made


def told_at(ahead: timedelta, now: float = NOW) -> datetime:
    return datetime.fromtimestamp(now, UTC) + ahead


def reading(used: int, ahead: timedelta, now: float = NOW) -> Reading:
    at = told_at(ahead, now)
    return Reading(budget=Budget.API_CALLS, maximum=MAXIMUM, used=used, at=at, lag=timedelta(0))


def refused(ahead: timedelta) -> Exchange:
    at = told_at(ahead)
    refusal = Refusal(budget=Budget.API_CALLS, kind=RefusalKind.QUOTA, at=at, retry_after=PAUSE)
    return Exchange(process="wrong", refusals=(refusal,), at=at)


def take(made: BudgetLedger, now: float) -> int:
    """The grant of a new process."""
    line = LeaseLine(budget=Budget.API_CALLS, lease_class=LeaseClass.WRITEBACK, granted=0, spent=0, want=5)
    return made.exchange(Exchange(process=f"p{now}", lines=(line,)), now).lines[0].granted


@pytest.mark.parametrize("ahead", WRONG)
def test_a_refusal_holds_for_its_whole_time_and_no_longer(ahead: timedelta) -> None:
    made = books()
    made.exchange(refused(ahead), NOW + 1)
    until = datetime.fromtimestamp(made.books[Budget.API_CALLS].paused_until, UTC)
    assert until == told_at(PAUSE + timedelta(seconds=1))
    assert take(made, NOW + 2) == 0


def test_a_reading_from_the_future_hides_none_that_comes_after_it() -> None:
    made = books()
    wrong = timedelta(minutes=26)
    made.hear(
        ReadLimitsResult(readings=(reading(10, wrong, NOW + 90),), at=told_at(wrong, NOW + 90)), NOW + 90
    )
    made.hear(ReadLimitsResult(readings=(reading(MAXIMUM, timedelta(0), NOW + 100),)), NOW + 100)
    assert made.books[Budget.API_CALLS].used == MAXIMUM


@pytest.mark.parametrize("ahead", WRONG)
def test_a_reading_is_never_taken_for_a_later_one(ahead: timedelta) -> None:
    made = books()
    late = NOW + 600
    for spent in (0, 7):
        line = LeaseLine(
            budget=Budget.API_CALLS, lease_class=LeaseClass.WRITEBACK, granted=7, spent=spent, want=0
        )
        made.exchange(Exchange(process="other", lines=(line,)), late - 5)
    made.hear(ReadLimitsResult(readings=(reading(100, ahead, late - 10),), at=told_at(ahead, late)), late)
    assert made.books[Budget.API_CALLS].used_at_most() == 107


def test_a_difference_that_may_be_the_way_of_the_message_moves_nothing() -> None:
    made = books()
    made.exchange(refused(-ON_ITS_WAY), NOW)
    until = datetime.fromtimestamp(made.books[Budget.API_CALLS].paused_until, UTC)
    assert until == told_at(PAUSE - ON_ITS_WAY)


SET_MEANWHILE = [(timedelta(0), timedelta(minutes=-18)), (timedelta(minutes=18), timedelta(0))]
"""A clock that is set between a reading and its message: ahead by so much then, and now."""


@pytest.mark.parametrize(("then", "later"), SET_MEANWHILE)
def test_a_reading_by_a_clock_that_was_set_since_hides_none_that_comes_after_it(
    then: timedelta, later: timedelta
) -> None:
    made = books()
    told = ReadLimitsResult(readings=(reading(MAXIMUM, then, NOW + 90),), at=told_at(later, NOW + 91))
    made.hear(told, NOW + 91)
    made.hear(ReadLimitsResult(readings=(reading(10, timedelta(0), NOW + 100),)), NOW + 100)
    assert made.books[Budget.API_CALLS].used == 10


@pytest.mark.parametrize(("then", "later"), SET_MEANWHILE)
def test_a_refusal_by_a_clock_that_was_set_since_holds_no_longer_than_one_from_now(
    then: timedelta, later: timedelta
) -> None:
    made = books()
    exchange = refused(then).model_copy(update={"at": told_at(later)})
    made.exchange(exchange, NOW + 1)
    until = datetime.fromtimestamp(made.books[Budget.API_CALLS].paused_until, UTC)
    assert until == told_at(PAUSE + timedelta(seconds=1))
