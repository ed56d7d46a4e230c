"""A forecast's fields, number by number."""

from datetime import timedelta

from schemas.governor import OTHERS, Budget, LeaseClass
from tests.unit.governor.test_account import BEGIN, MAXIMUM, TERMS, book, moment, reading, refuse
from tests.unit.governor.test_exchange import ask
from transforms.governor.budget import BudgetBook
from transforms.governor.forecast import forecast


def test_before_the_first_reading_nothing_is_forecast() -> None:
    found = forecast(BudgetBook(budget=Budget.API_CALLS), TERMS, BEGIN)
    assert (found.maximum, found.used, found.left, found.read_at, found.expected) == (None, 0, 0, None, ())


def test_of_slots_only_the_present_is_shown() -> None:
    made = BudgetBook(budget=Budget.LONG_CALLS, maximum=20)
    ask(made, 3)
    found = forecast(made, TERMS, BEGIN)
    assert (found.maximum, found.granted, found.left, found.margin, found.expected) == (20, 3, 16, 1, ())


def test_the_present_is_the_books() -> None:
    made = book(used=100)
    ask(made, 30)
    ask(made, 0, granted=30, spent=10)
    found = forecast(made, TERMS, BEGIN)
    assert (found.used, found.granted, found.left, found.margin) == (110, 20, 820, 50)
    assert found.read_at == moment(-100)
    assert (found.paused_until, found.paused_because) == (None, "")


def test_a_pause_is_shown_until_it_is_over() -> None:
    made = book()
    refuse(made, 0, wait=60)
    during, over = forecast(made, TERMS, BEGIN + 59), forecast(made, TERMS, BEGIN + 60)
    assert during.paused_until == moment(60)
    assert during.paused_because == made.paused_because
    assert (over.paused_until, over.paused_because) == (None, "")


def test_rates_have_one_digit() -> None:
    found = forecast(book(used=100), TERMS, BEGIN)
    assert (found.rate, found.others_rate) == (4.2, 4.2)
    assert (found.runs_out_at, found.runs_out_at_usual) == (None, None)


def test_spenders_come_by_their_day_and_those_of_nothing_not_at_all() -> None:
    made = book(used=100)
    ask(made, 60, LeaseClass.BACKFILL)
    ask(made, 0, LeaseClass.BACKFILL, granted=60, spent=60)
    made.prepay(4, BEGIN - 1_800)
    made.prepay(2, BEGIN + 1_800)
    found = forecast(made, TERMS, BEGIN + 1_800).spenders
    assert [(each.name, each.last_day, each.last_hour) for each in found] == [
        (OTHERS, 100, 0), ("backfill", 60, 60), ("governor", 6, 4),
    ]  # fmt: skip


def test_a_budget_that_is_spent_at_an_even_rate_runs_out_at_its_minute() -> None:
    made = book()
    made.read(reading(0, 0))
    for second in range(0, 3_600, 60):
        made.prepay(10, BEGIN + second)
    found = forecast(made, TERMS, BEGIN + 3_600, timedelta(hours=3))
    assert found.rate == 600
    assert found.runs_out_at is not None
    assert abs((found.runs_out_at - moment(3_600 + 35 * 60)).total_seconds()) < 60
    assert found.runs_out_at_usual is not None
    assert [each.at for each in found.expected] == [moment(7_200), moment(10_800), moment(14_400)]
    assert found.expected[0].used == MAXIMUM
    assert forecast(made, TERMS, BEGIN + 3_600, timedelta(minutes=30)).runs_out_at is None
