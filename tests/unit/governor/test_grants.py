"""A class's grant where floors, its own spending and the last token meet."""

from schemas.governor import LeaseClass
from tests.unit.governor.test_account import BEGIN, book
from tests.unit.governor.test_exchange import BACKFILL, PLAIN, POLLING, SPENDABLE, WRITEBACK, ask, shares


def test_below_the_hard_floor_no_class_but_writebacks_gets_a_token() -> None:
    terms = PLAIN.model_copy(update={"hard_floor": 0.1})
    made = book(used=SPENDABLE - 94)
    served = [each for each in LeaseClass if made.allowed(each, terms, BEGIN)[0]]
    assert served == [WRITEBACK]


def test_a_class_without_a_floor_gets_nothing_where_others_floors_take_all() -> None:
    terms = shares(backfill=(1, 1))
    made = book()
    ask(made, 1, BACKFILL, terms)
    assert made.allowed(POLLING, terms, BEGIN) == (0, "the rest is kept for other classes")


def test_what_a_class_has_spent_is_no_longer_its_floor() -> None:
    terms = shares(polling=(0.3, 1), backfill=(0.9, 1))
    made = book()
    ask(made, 200, terms=terms)
    ask(made, 0, terms=terms, granted=200, spent=200)
    ask(made, 1, BACKFILL, terms)
    assert made.allowed(POLLING, terms, BEGIN)[0] == 285 - 200


def test_a_last_token_that_is_kept_for_others_is_not_called_spent() -> None:
    terms = shares(backfill=(1, 1))
    made = book(used=SPENDABLE - 1)
    ask(made, 0, BACKFILL, terms)
    made.asked_at[BACKFILL] = float(BEGIN)
    assert made.allowed(POLLING, terms, BEGIN) == (0, "the rest is kept for other classes")


def test_a_process_that_has_spent_more_than_the_books_granted_was_granted_it() -> None:
    made = book()
    ask(made, 10)
    answer = ask(made, 0, granted=40, spent=30, returned=5)
    assert (answer.granted, made.alive()) == (35, 0)
