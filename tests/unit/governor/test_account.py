"""A budget's account: each token counts from its spending until a reading holds it, to the
second.
"""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.governor import Budget, GovernorConfig, LeaseClass, LeaseLine, Reading, Refusal, RefusalKind
from transforms.governor.budget import BudgetBook

BEGIN = 1_800_000_000
"""At the turn of an hour, and of five seconds."""
HOUR = 3_600
MAXIMUM = 1_000
TERMS = GovernorConfig(hard_floor=0, most_at_once=1, lease_life=timedelta(seconds=60))


def moment(second: float) -> datetime:
    return datetime.fromtimestamp(BEGIN + second, UTC)


def reading(second: float, used: int = 0, *, maximum: int = MAXIMUM, lag: float = 0) -> Reading:
    return Reading(
        budget=Budget.API_CALLS, maximum=maximum, used=used, at=moment(second), lag=timedelta(seconds=lag)
    )


def book(*, used: int = 0) -> BudgetBook:
    """A budget that was read a hundred seconds before the beginning."""
    made = BudgetBook(budget=Budget.API_CALLS)
    assert made.read(reading(-100, used))
    return made


def refuse(
    made: BudgetBook, second: float, *, wait: float = 900, kind: RefusalKind = RefusalKind.QUOTA
) -> None:
    made.refuse(
        Refusal(budget=made.budget, kind=kind, at=moment(second), retry_after=timedelta(seconds=wait))
    )


def hold(made: BudgetBook, *, granted: int, spent: int = 0, returned: int = 0, second: float = 0) -> None:
    """A lease of a process, as it reports it."""
    line = LeaseLine(
        budget=made.budget, lease_class=LeaseClass.POLLING, granted=granted, spent=spent, returned=returned, want=0
    )  # fmt: skip
    made.exchange("process", line, TERMS, BEGIN + second)


@pytest.mark.parametrize("spent_at", range(11))
def test_a_token_counts_until_a_reading_of_five_seconds_later(spent_at: int) -> None:
    for as_of in range(21):
        made = book()
        made.prepay(7, BEGIN + spent_at)
        assert made.read(reading(as_of))
        if as_of <= spent_at:
            assert made.used_at_most() == 7, f"spent at {spent_at}, lost by a reading of {as_of}"
        if as_of >= spent_at + 5:
            assert made.used_at_most() == 0, f"spent at {spent_at}, counted twice after {as_of}"


def test_tokens_of_one_time_and_of_several_add_up() -> None:
    made = book(used=100)
    for second in (0, 1, 4.9, 5, 60):
        made.prepay(3, BEGIN + second)
    assert made.used_at_most() == 115
    assert made.hours == {BEGIN // HOUR: {"governor": 15}}
    assert made.usage.unread == 15


def test_nothing_spent_leaves_no_trace() -> None:
    made = book()
    made.prepay(0, BEGIN)
    assert (made.recent, made.hours) == ({}, {})


def test_a_budget_that_the_org_says_nothing_of_counts_a_token_for_a_day() -> None:
    made = BudgetBook(budget=Budget.INGEST_ROWS, maximum=MAXIMUM)
    made.prepay(7, BEGIN)
    made.let_time_pass(BEGIN + 25 * HOUR - 1)
    assert made.used_at_most() == 7
    made.let_time_pass(BEGIN + 25 * HOUR)
    assert made.used_at_most() == 0


def test_an_hour_counts_against_a_class_for_24_hours_after_it() -> None:
    made = book()
    made.prepay(7, BEGIN + HOUR - 1)
    made.let_time_pass(BEGIN + 25 * HOUR - 1)
    assert made.hours == {BEGIN // HOUR: {"governor": 7}}
    made.let_time_pass(BEGIN + 25 * HOUR)
    assert made.hours == {}


def test_a_lease_ends_with_its_last_second_and_what_is_left_of_it_counts_as_spent() -> None:
    made = book()
    hold(made, granted=10, spent=3, returned=2)
    counted = made.used_at_most()
    made.let_time_pass(BEGIN + 59.9)
    assert (made.alive(), made.used_at_most()) == (5, counted)
    made.let_time_pass(BEGIN + 60)
    assert (made.alive(), made.used_at_most()) == (0, counted + 5)
    assert made.leases == {}


def test_a_lease_that_gave_everything_back_ends_for_nothing() -> None:
    made = book()
    hold(made, granted=10, spent=3, returned=7)
    counted = made.used_at_most()
    made.let_time_pass(BEGIN + 60)
    assert made.used_at_most() == counted


def test_the_margin_is_rounded_up() -> None:
    made = book()
    assert made.spendable(TERMS.model_copy(update={"margin": 0.0501})) == 1_000 - 51
    assert BudgetBook(budget=Budget.API_CALLS).spendable(TERMS) == 0


def test_what_others_used_is_no_part_of_the_classes_shares() -> None:
    made = book(used=300)
    assert made.to_share(TERMS) == 950 - 300
    made.prepay(40, BEGIN)
    assert made.to_share(TERMS) == 950 - 300
    full = book(used=2_000)
    assert full.to_share(TERMS) == 0


def test_room_is_what_neither_the_org_counts_nor_a_process_holds() -> None:
    made = book(used=300)
    hold(made, granted=100, spent=20)
    assert made.room(TERMS) == 950 - made.used_at_most() - 80
    assert made.spent(LeaseClass.POLLING) == 80 + made.hours.get(BEGIN // HOUR, {}).get("polling", 0)
    assert made.spent(LeaseClass.BACKFILL) == 0


def test_tokens_of_a_concurrency_are_free_again_when_they_are_returned() -> None:
    made = BudgetBook(budget=Budget.LONG_CALLS, maximum=10)
    made.used = 5
    hold(made, granted=4, spent=1)
    assert made.recent == {}
    assert made.room(TERMS) == made.spendable(TERMS) - 3
    assert made.to_share(TERMS) == made.spendable(TERMS)
    assert made.spent(LeaseClass.POLLING) == 3


def test_an_older_reading_changes_nothing_and_one_of_the_same_time_does() -> None:
    made = book(used=10)
    assert not made.read(reading(-100.5, used=90))
    assert made.used == 10
    assert made.read(reading(-100, used=20))
    assert made.used == 20


def test_the_lag_of_a_reading_keeps_what_it_may_lack() -> None:
    made = book()
    made.prepay(7, BEGIN)
    assert made.read(reading(30, used=50, lag=30))
    assert made.used_at_most() == 57
    assert made.read(reading(36, used=50, lag=30))
    assert made.used_at_most() == 50


def test_a_refusal_of_the_quota_counts_everything_as_used_until_then() -> None:
    made = book(used=10)
    made.prepay(7, BEGIN)
    made.prepay(5, BEGIN + 60)
    refuse(made, 30)
    assert made.used_at_most() == MAXIMUM + 5
    assert made.as_of == BEGIN + 30
    assert made.is_refused
    assert made.paused_until == BEGIN + 930
    assert made.paused_because.startswith("the org refused (")


def test_a_refusal_from_before_the_reading_pauses_and_does_not_count() -> None:
    made = book(used=10)
    refuse(made, -100)
    assert (made.used, made.paused_until) == (10, BEGIN + 800)


def test_a_refusal_for_another_reason_only_pauses() -> None:
    made = book(used=10)
    refuse(made, 0, kind=next(kind for kind in RefusalKind if kind is not RefusalKind.QUOTA))
    assert (made.used, made.is_refused, made.paused_until) == (10, False, BEGIN + 900)


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    made = book()
    refuse(made, 0)
    refuse(made, 10, wait=60)
    assert made.paused_until == BEGIN + 900


def test_a_refusal_is_believed_until_its_pause_is_over() -> None:
    made = book()
    refuse(made, 0)
    made.let_time_pass(BEGIN + 899)
    assert made.is_refused
    made.let_time_pass(BEGIN + 900)
    assert not made.is_refused


def test_a_raised_allocation_read_after_the_refusal_brings_back_what_was_set_aside() -> None:
    made = book(used=10)
    made.prepay(7, BEGIN)
    refuse(made, 30)
    assert made.read(reading(30, used=10, maximum=2 * MAXIMUM))
    assert made.is_refused, "a reading of the refusal's own time says nothing of it"
    made = book(used=10)
    made.prepay(7, BEGIN)
    refuse(made, 30)
    assert made.read(reading(31, used=10, maximum=2 * MAXIMUM, lag=40))
    assert (made.is_refused, made.paused_until, made.paused_because) == (False, 0.0, "")
    assert made.used_at_most() == 17
    assert made.as_of == BEGIN - 9


def test_what_two_refusals_set_aside_comes_back() -> None:
    made = book(used=10)
    made.prepay(7, BEGIN)
    refuse(made, 30)
    made.prepay(5, BEGIN + 60)
    refuse(made, 90)
    assert made.used_at_most() == MAXIMUM
    assert made.read(reading(100, used=10, maximum=2 * MAXIMUM, lag=110))
    assert made.used_at_most() == 22


def test_a_raised_reading_holds_what_ended_by_its_own_time() -> None:
    made = book(used=10)
    made.prepay(7, BEGIN)
    refuse(made, 30)
    assert made.read(reading(45, used=17, maximum=2 * MAXIMUM, lag=40))
    assert made.used_at_most() == 17


def test_a_refusal_at_the_end_of_five_seconds_counts_what_was_spent_in_them() -> None:
    made = book(used=10)
    made.prepay(7, BEGIN)
    refuse(made, 5)
    assert made.used_at_most() == MAXIMUM


def test_a_reading_of_the_same_allocation_leaves_the_refusal() -> None:
    made = book()
    refuse(made, 0)
    assert made.read(reading(31, used=10))
    assert made.is_refused


def test_a_recheck_that_shows_no_more_than_the_margin_leaves_the_refusal() -> None:
    made = book()
    refuse(made, 0)
    made.recheck(reading(10, used=950), TERMS)
    assert made.is_refused
    made.recheck(reading(20, used=949), TERMS)
    assert not made.is_refused
