"""When each class will be slowed, why, and whether it spends at all: to the token and the
second.
"""

from datetime import timedelta

import pytest

from schemas.governor import Budget, Forecast, LeaseClass, Slowed
from tests.unit.governor.test_account import BEGIN, HOUR, book, moment, reading, refuse
from tests.unit.governor.test_exchange import BACKFILL, PLAIN, POLLING, SPENDABLE, ask, shares
from transforms.governor.budget import BudgetBook
from transforms.governor.forecast import forecast
from transforms.governor.usage import Usage


def told(made: BudgetBook, second: float = 0, **horizon: float) -> Forecast:
    return forecast(made, PLAIN, BEGIN + second, timedelta(**horizon or {"hours": 24}))


def slowed(made: BudgetBook, lease_class: LeaseClass = POLLING, second: float = 0) -> Slowed | None:
    return next((each for each in told(made, second).slowed if each.lease_class is lease_class), None)


def spend(made: BudgetBook, tokens: int, *, second: float = 0) -> None:
    """Reported by a process that asks for nothing more."""
    ask(made, tokens, BACKFILL, second=second, process=f"{second}")
    ask(made, 0, BACKFILL, second=second, process=f"{second}", granted=tokens, spent=tokens)
    made.asked_at.clear()


def test_an_unread_budget_has_no_margin() -> None:
    assert forecast(BudgetBook(budget=Budget.API_CALLS), PLAIN, BEGIN).margin == 0


def test_of_a_budget_that_nobody_spends_nobody_is_named() -> None:
    assert told(book()).spenders == ()


def test_what_was_spent_a_day_ago_is_no_spenders_any_more() -> None:
    made = book()
    made.prepay(5, BEGIN - 24 * HOUR)
    made.prepay(3, BEGIN - 23 * HOUR)
    assert [each.last_day for each in told(made).spenders if each.name == "governor"] == [3]


def test_with_one_token_left_and_nobody_who_spends_no_class_is_slowed() -> None:
    assert told(book()).slowed == ()
    made = BudgetBook(budget=Budget.INGEST_ROWS, maximum=2)
    assert made.allowed(POLLING, PLAIN, BEGIN)[0] == 1
    assert told(made).slowed == ()


def test_during_a_refusal_all_are_slowed_now_by_it_the_least_important_first() -> None:
    made = book()
    refuse(made, 0)
    found = told(made, 1).slowed
    assert [each.lease_class for each in found] == list(reversed(LeaseClass))
    assert {each.at for each in found} == {moment(1)}
    assert {each.reason for each in found} == {made.paused_because}


def test_a_class_is_slowed_once_it_may_spend_less_than_it_does_in_a_minute() -> None:
    def having(left: int) -> BudgetBook:
        made = BudgetBook(budget=Budget.API_CALLS)
        made.read(reading(-100, maximum=10_000))
        spend(made, 61 * 60)
        made.used = 9_500 - 61 * 60 - left
        return made

    now, later = slowed(having(60), BACKFILL), slowed(having(61), BACKFILL)
    assert now is not None
    assert later is not None
    assert now.at == moment(0) < later.at


def test_a_class_spends_that_has_spent_a_little_in_the_last_hour_though_it_asks_no_more() -> None:
    made = book()
    spend(made, 30)
    made.used = SPENDABLE
    found = slowed(made, BACKFILL)
    assert found is not None
    assert found.spends


@pytest.mark.parametrize(("ago", "spends"), [(0, True), (3_599, True), (3_600, False)])
def test_a_class_spends_that_has_asked_in_the_last_hour(ago: int, *, spends: bool) -> None:
    made = book(used=SPENDABLE)
    ask(made, 1, BACKFILL, second=-ago)
    found, other = slowed(made, BACKFILL), slowed(made, POLLING)
    assert found is not None
    assert other is not None
    assert (found.spends, other.spends) == (spends, False)


def test_a_class_is_slowed_by_what_is_usual_where_the_present_rate_would_not() -> None:
    """A quiet hour before a busy one, as two days ago."""
    usage = Usage(read_at=float(BEGIN))
    usage.ours.begin(BEGIN - 47 * HOUR)
    usage.ours.add(4_000, BEGIN - 46 * HOUR, BEGIN - 45 * HOUR - 1)
    made = BudgetBook(budget=Budget.API_CALLS, maximum=1_000, as_of=float(BEGIN), usage=usage)
    found = told(made, 60)
    assert found.runs_out_at is None
    assert found.runs_out_at_usual is not None
    assert moment(2 * HOUR) < found.runs_out_at_usual < moment(3 * HOUR)
    assert found.slowed != ()
    for each in found.slowed:
        assert abs(each.at - found.runs_out_at_usual) <= timedelta(minutes=1)
        assert each.reason


def test_what_a_class_spent_a_day_ago_leaves_its_share_and_what_it_spent_since_does_not() -> None:
    terms = shares(polling=(0, 0.08))
    made = book()
    made.usage.ours.since = BEGIN - 24.0 * HOUR
    for tokens, second in ((40, -23 * HOUR), (15, -HOUR / 2)):
        ask(made, tokens, terms=terms, second=second, process=f"{second}")
        ask(made, 0, terms=terms, second=second, process=f"{second}", granted=tokens, spent=tokens)
    found = forecast(made, terms, BEGIN).slowed
    # 76 are its share: 40 leave after an hour, 15 are spent, and 18 come in each hour.
    [at] = [each.at for each in found if each.lease_class is POLLING]
    assert abs(at - moment(3 * HOUR + 22.5 * 60)) < timedelta(minutes=2)


def test_a_class_that_spent_a_single_token_is_taken_to_ask_again_and_keeps_its_floor() -> None:
    terms = shares(backfill=(1, 1)).model_copy(update={"lent": 1.0})
    made = book()
    made.usage.ours.since = BEGIN - 24.0 * HOUR
    spend(made, 1, second=-HOUR / 2)
    assert made.allowed(POLLING, terms, BEGIN + 900)[0] > 0
    found = {each.lease_class: each.at for each in forecast(made, terms, BEGIN + 900).slowed}
    assert found[POLLING] < moment(HOUR)
