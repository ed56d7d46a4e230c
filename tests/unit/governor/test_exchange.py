"""An exchange, number by number: how much of a budget a line gets, why not more, and when to ask
again.
"""

from datetime import timedelta

import pytest

from schemas.governor import (
    MOST_GUEST_PROCESSES,
    Budget,
    GovernorConfig,
    GrantedLine,
    LeaseClass,
    LeaseLine,
    Share,
)
from tests.unit.governor.test_account import BEGIN, MAXIMUM, TERMS, book, reading, refuse
from transforms.governor.budget import BudgetBook

WRITEBACK, POLLING, BACKFILL = LeaseClass.WRITEBACK, LeaseClass.POLLING, LeaseClass.BACKFILL
SPENDABLE = 950
NO_SHARES = {each: Share(floor=0, ceiling=1) for each in LeaseClass}
PLAIN = TERMS.model_copy(update={"shares": NO_SHARES, "ahead": 0.0})
"""Nothing but the budget itself holds a class back."""


def ask(
    made: BudgetBook,
    want: int,
    lease_class: LeaseClass = POLLING,
    terms: GovernorConfig = PLAIN,
    *,
    second: float = 0,
    process: str = "process",
    **held: int,
) -> GrantedLine:
    numbers = {"granted": 0, "spent": 0, **held}
    line = LeaseLine(budget=made.budget, lease_class=lease_class, want=want, **numbers)
    return made.exchange(process, line, terms, BEGIN + second)


def shares(**floors_and_ceilings: tuple[float, float]) -> GovernorConfig:
    given = {
        LeaseClass(name): Share(floor=low, ceiling=high) for name, (low, high) in floors_and_ceilings.items()
    }
    return PLAIN.model_copy(update={"shares": NO_SHARES | given})


def test_a_lease_is_topped_up_to_what_is_wanted_and_no_further() -> None:
    made = book()
    assert ask(made, 10).granted == 10
    assert ask(made, 10, granted=10).granted == 10
    assert ask(made, 10, granted=10, spent=4).granted == 14
    assert ask(made, 3, granted=14, spent=4).granted == 14
    assert ask(made, 10, granted=14, spent=4, returned=2).granted == 16


def test_a_line_that_got_everything_has_no_reason_and_asks_when_it_likes() -> None:
    got = ask(book(), 10)
    assert (got.reason, got.retry_after, got.paused_for) == ("", timedelta(0), timedelta(0))


def test_a_late_report_takes_nothing_back() -> None:
    made = book()
    ask(made, 10)
    ask(made, 10, granted=10, spent=6)
    answer = ask(made, 10, granted=10, spent=2)
    assert (answer.granted, made.used_at_most(), made.alive()) == (16, 6, 10)


def test_what_is_spent_counts_once_however_often_it_is_reported() -> None:
    made = book()
    ask(made, 10)
    for _ in range(3):
        ask(made, 0, granted=10, spent=6)
    assert made.used_at_most() == 6
    assert made.usage.unread == 6


def test_the_budget_is_granted_to_its_last_token() -> None:
    made = book(used=100)
    assert ask(made, SPENDABLE).granted == SPENDABLE - 100
    nothing = ask(made, 1, process="another")
    assert (nothing.granted, nothing.reason) == (0, "the budget is spent")


def test_before_the_first_reading_a_process_asks_again_after_a_second() -> None:
    answer = ask(BudgetBook(budget=Budget.API_CALLS), 5)
    assert (answer.granted, answer.retry_after) == (0, timedelta(seconds=1))
    assert answer.reason == "the org's limits have not been read yet"


@pytest.mark.parametrize(("lease_class", "seconds"), [(WRITEBACK, 5), (POLLING, 30), (BACKFILL, 30)])
def test_writebacks_ask_again_sooner_than_others(lease_class: LeaseClass, seconds: float) -> None:
    assert ask(book(used=SPENDABLE), 1, lease_class).retry_after == timedelta(seconds=seconds)


def test_during_a_pause_nothing_is_granted_and_nobody_asks_before_its_end() -> None:
    made = book()
    refuse(made, 0, wait=100)
    early, late, over = ask(made, 1, second=10), ask(made, 1, second=90), ask(made, 0, second=99.5)
    assert (early.granted, early.retry_after, early.paused_for) == (
        0,
        timedelta(seconds=90),
        timedelta(seconds=90),
    )
    assert (late.retry_after, late.paused_for) == (timedelta(seconds=30), timedelta(seconds=10))
    assert early.reason == late.reason == over.reason == made.paused_because
    made.read(reading(100))
    assert ask(made, 1, second=100).granted == 1
    assert ask(made, 1, second=100).paused_for == timedelta(0)


def test_one_lease_holds_only_its_part_at_once() -> None:
    terms = PLAIN.model_copy(update={"most_at_once": 0.02})
    made = book()
    first = ask(made, 100, terms=terms)
    assert (first.granted, first.retry_after) == (19, timedelta(seconds=0.5))
    assert first.reason == "one lease holds only so much at once"
    assert ask(made, 100, terms=terms, granted=19, spent=5).granted == 24
    assert ask(made, 19, terms=terms, process="other").reason == ""


def test_one_token_at_least_is_held_at_once() -> None:
    assert ask(book(), 5, terms=PLAIN.model_copy(update={"most_at_once": 0.0001})).granted == 1


def test_events_have_a_part_of_their_own() -> None:
    made = BudgetBook(budget=Budget.DELIVERED_EVENTS, maximum=MAXIMUM)
    assert (
        ask(made, 900, terms=PLAIN.model_copy(update={"most_at_once": 0.02, "events_at_once": 0.2})).granted
        == 190
    )


def test_slots_are_held_by_anybody_as_far_as_there_are_some() -> None:
    made = BudgetBook(budget=Budget.LONG_CALLS, maximum=20)
    assert ask(made, 50, terms=PLAIN.model_copy(update={"most_at_once": 0.02})).granted == 19
    assert ask(made, 1, process="another").granted == 0
    assert ask(made, 0, granted=19, spent=0, returned=4).granted == 19
    assert ask(made, 4, process="another").granted == 4


def test_the_hard_floor_is_left_to_writebacks_to_the_token() -> None:
    terms = PLAIN.model_copy(update={"hard_floor": 0.1})
    at_it, below = book(used=SPENDABLE - 95), book(used=SPENDABLE - 94)
    assert at_it.allowed(POLLING, terms, BEGIN)[0] == 95
    assert below.allowed(POLLING, terms, BEGIN)[0] == 0
    assert below.allowed(WRITEBACK, terms, BEGIN)[0] == 94


def test_a_ceiling_counts_what_is_held_and_what_was_spent() -> None:
    terms = shares(polling=(0, 0.4))
    made = book()
    assert made.allowed(POLLING, terms, BEGIN) == (380, "polling has come to its ceiling")
    ask(made, 100, terms=terms)
    ask(made, 0, terms=terms, granted=100, spent=60)
    assert made.allowed(POLLING, terms, BEGIN)[0] == 280
    ask(made, 400, terms=terms, granted=100, spent=60)
    assert made.allowed(POLLING, terms, BEGIN) == (0, "polling has come to its ceiling")
    assert made.allowed(BACKFILL, terms, BEGIN)[0] == SPENDABLE - 380


def test_a_floor_is_kept_from_others_while_its_class_asks() -> None:
    terms = shares(backfill=(0.3, 1)).model_copy(update={"lent": 0.5, "quiet_after": timedelta(minutes=30)})
    made = book()
    ask(made, 5, BACKFILL, terms)
    ask(made, 0, BACKFILL, terms, granted=5, spent=5)
    asking = made.allowed(POLLING, terms, BEGIN + 1_799)
    assert asking == (SPENDABLE - 5 - 280, "the rest is kept for other classes")
    assert made.allowed(POLLING, terms, BEGIN + 1_800)[0] == SPENDABLE - 5 - 140
    assert made.allowed(BACKFILL, terms, BEGIN)[0] == SPENDABLE - 5


def test_a_floor_that_was_lent_is_given_back_before_anything_else() -> None:
    terms = shares(polling=(0.5, 1), backfill=(0.3, 1), writeback=(0.1, 1)).model_copy(update={"lent": 1.0})
    made = book()
    assert ask(made, SPENDABLE - 200, BACKFILL, terms).granted == SPENDABLE - 200
    # Polling's floor is 475 and only 200 are left, of which writebacks keep 95 once they ask.
    assert made.allowed(POLLING, terms, BEGIN)[0] == 200
    ask(made, 1, WRITEBACK, terms, process="writer")
    assert made.allowed(POLLING, terms, BEGIN)[0] == 200 - 1 - 94


def test_less_important_classes_leave_what_the_lanes_spend_in_a_quarter_day() -> None:
    terms = PLAIN.model_copy(update={"ahead": 0.25})
    made = book()
    ask(made, 101, terms=terms)
    ask(made, 0, terms=terms, granted=101, spent=101)
    left = SPENDABLE - 101
    assert made.allowed(BACKFILL, terms, BEGIN)[0] == left - 26
    assert made.allowed(WRITEBACK, terms, BEGIN)[0] == left
    assert made.allowed(POLLING, terms, BEGIN)[0] == left


def test_a_class_without_a_share_may_have_everything() -> None:
    assert book().allowed(POLLING, PLAIN.model_copy(update={"shares": {}}), BEGIN)[0] == SPENDABLE


def test_an_exchange_renews_the_lease_and_ends_those_that_are_over() -> None:
    made = book()
    ask(made, 10)
    ask(made, 10, second=59, granted=10)
    ask(made, 1, second=118, process="other")
    assert made.alive() == 11
    ask(made, 1, second=119, process="other", granted=1)
    assert made.alive() == 1
    assert made.used_at_most() == 10


def test_a_process_that_the_books_do_not_know_goes_on_from_its_own_numbers() -> None:
    made = book()
    answer = ask(made, 10, granted=40, spent=30, returned=5)
    assert (answer.granted, made.alive(), made.used_at_most()) == (45, 10, 0)


def guest(made: BudgetBook, want: int, process: str = "guest:a:1", **held: int) -> GrantedLine:
    return ask(made, want, LeaseClass.GUEST, PLAIN, process=process, **held)


def test_a_guest_that_is_one_too_many_keeps_the_numbers_that_it_came_with() -> None:
    made = book()
    for number in range(MOST_GUEST_PROCESSES):
        guest(made, 1, f"guest:a:{number}")
    refused = guest(made, 5, "guest:a:more", granted=9, spent=4, returned=2)
    assert (refused.granted, refused.retry_after) == (6, timedelta(seconds=30))
    assert ask(made, 1, process="guest:a:worker").granted == 1, "another class is no guest"
    assert guest(made, 3, "guest:a:0", granted=1).granted == 3, "a known guest goes on"


def test_a_guest_claims_no_more_than_what_it_did_not_return() -> None:
    made = book()
    assert guest(made, 0, granted=40, spent=10, returned=15).granted == 40
    assert (made.alive(), made.used_at_most()) == (0, 0)
    assert made.leases["guest:a:1 guest"].spent == 25


def test_a_guest_has_not_spent_what_it_returned() -> None:
    made = book()
    guest(made, 50)
    guest(made, 0, granted=50, spent=0, returned=30)
    guest(made, 0, granted=50, spent=50, returned=30)
    assert made.used_at_most() == 20


def test_a_lease_that_holds_its_most_gets_nothing() -> None:
    terms = PLAIN.model_copy(update={"most_at_once": 0.02})
    made = book()
    ask(made, 19, terms=terms)
    assert ask(made, 20, terms=terms, granted=19).granted == 19


def test_slots_in_use_are_no_need_to_come() -> None:
    made = BudgetBook(budget=Budget.LONG_CALLS, maximum=20)
    terms = PLAIN.model_copy(update={"ahead": 0.25})
    ask(made, 8, terms=terms)
    assert made.allowed(BACKFILL, terms, BEGIN)[0] == 11
