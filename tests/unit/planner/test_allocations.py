"""Spendable tokens for following: never more than the governor would grant, and known only when the
org has reported.
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from schemas.governor import Budget, Exchange, GovernorConfig, LeaseClass, LeaseLine, Reading, Share
from transforms.governor.budget import BudgetBook
from transforms.governor.ledger import BudgetLedger
from transforms.planner.allocations import (
    FOLLOWING_ALONE,
    PLANNED,
    allocations,
    following_may_spend,
    may_spend_by_books,
)

NOW = datetime(2026, 9, 21, 14, tzinfo=UTC)


def read(books: BudgetLedger, budget: Budget, maximum: int, used: int = 0) -> None:
    reading = Reading(budget=budget, maximum=maximum, used=used, at=NOW, lag=timedelta(0))
    books.take_in((reading,), ())


def told(
    calls: int = 100_000, events: int = 50_000, *, calls_used: int = 0, events_used: int = 0
) -> BudgetLedger:
    books = BudgetLedger(org="o")
    read(books, Budget.API_CALLS, calls, calls_used)
    read(books, Budget.DELIVERED_EVENTS, events, events_used)
    return books


def test_licences_add_calls_to_an_edition() -> None:
    assert allocations("enterprise", licences=200)[Budget.API_CALLS] == 300_000
    assert allocations("unlimited", licences=10)[Budget.API_CALLS] == 150_000


def test_an_entitlement_takes_the_place_of_the_editions_events() -> None:
    assert allocations("unlimited")[Budget.DELIVERED_EVENTS] == 50_000
    assert allocations("unlimited", entitlement=4_500_000)[Budget.DELIVERED_EVENTS] == 4_500_000


@given(st.sampled_from(PLANNED), st.integers(0, 10**9), st.floats(0, 2))
def test_following_never_has_more_than_its_ceiling_or_what_others_leave(
    budget: Budget, maximum: int, others: float
) -> None:
    terms = GovernorConfig()
    may = following_may_spend(budget, maximum, others * maximum, terms)
    assert 0 <= may <= 0.9 * 0.95 * maximum + 1e-6
    assert may <= max(0.0, (0.95 - others) * maximum) + 1e-6


def test_nothing_is_planned_before_the_org_has_told_its_limits() -> None:
    books = BudgetLedger(org="o")
    assert may_spend_by_books(books, 0) is None
    read(books, Budget.API_CALLS, 100_000)
    assert may_spend_by_books(books, 0) is None


def test_events_of_our_own_streams_are_not_taken_for_others() -> None:
    used = told(events_used=10_000)
    spent = told()
    without, own = may_spend_by_books(used, 0), may_spend_by_books(used, 10_000)
    untouched = may_spend_by_books(spent, 0)
    assert without is not None
    assert own is not None
    assert untouched is not None
    assert without[Budget.DELIVERED_EVENTS] < own[Budget.DELIVERED_EVENTS]
    assert own[Budget.DELIVERED_EVENTS] == untouched[Budget.DELIVERED_EVENTS]


def test_calls_that_following_made_are_not_taken_for_others() -> None:
    books = told(calls_used=0)
    line = LeaseLine(budget=Budget.API_CALLS, lease_class=LeaseClass.POLLING, granted=0, spent=20_000, want=0)
    books.exchange(Exchange(process="p", lines=(line,)), NOW.timestamp())
    may, untouched = may_spend_by_books(books, 0), may_spend_by_books(told(), 0)
    assert may is not None
    assert untouched is not None
    # A new lease that begins with something spent counts it once.
    assert may[Budget.API_CALLS] <= untouched[Budget.API_CALLS]


@pytest.mark.parametrize("used", [40_000, 47_000, 60_000])
def test_what_is_left_must_last_until_yesterday_drops_out(used: int) -> None:
    may = may_spend_by_books(told(events_used=used), used)
    assert may is not None
    assert may[Budget.DELIVERED_EVENTS] == pytest.approx(3 * max(0, 47_500 - used))


def test_numbers_of_any_size_are_carried() -> None:
    books = told()
    read(books, Budget.BULK_QUERY_BYTES, 10**15)
    may = may_spend_by_books(books, 0)
    assert may is not None
    assert may[Budget.BULK_QUERY_BYTES] > 10**14


BY_ALL = st.sampled_from(sorted(set(PLANNED) - FOLLOWING_ALONE))


@given(BY_ALL, st.integers(10_000, 10**9), st.floats(0, 0.8), st.floats(0, 1))
def test_following_has_what_the_governor_would_grant_it_beside_quiet_classes(
    budget: Budget, maximum: int, others: float, lent: float
) -> None:
    terms = GovernorConfig(lent=lent)
    used = int(others * maximum)
    book = BudgetBook(budget=budget, maximum=maximum)
    book.read(Reading(budget=budget, maximum=maximum, used=used, at=NOW, lag=timedelta(0)))
    granted, _ = book.allowed(LeaseClass.POLLING, terms, NOW.timestamp())
    # The governor rounds each class's floor.
    assert following_may_spend(budget, maximum, used, terms) == pytest.approx(granted, abs=8)


def test_a_class_that_the_terms_do_not_name_has_no_floor_and_may_spend_all() -> None:
    terms = GovernorConfig(margin=0, shares={LeaseClass.WRITEBACK: Share(floor=0.2, ceiling=1)}, lent=0)
    assert following_may_spend(Budget.API_CALLS, 1_000, 0, terms) == pytest.approx(800)
    assert following_may_spend(Budget.DELIVERED_EVENTS, 1_000, 0, terms) == pytest.approx(1_000)


def test_of_floors_that_are_more_than_all_the_most_important_class_has_its_own_first() -> None:
    floors = {LeaseClass.WRITEBACK: 0.7, LeaseClass.POLLING: 0.5, LeaseClass.BACKFILL: 0.3}
    shares = {each: Share(floor=floor, ceiling=1) for each, floor in floors.items()}
    terms = GovernorConfig(margin=0, shares=shares, lent=0)
    assert following_may_spend(Budget.API_CALLS, 1_000, 0, terms) == pytest.approx(300)


@pytest.mark.parametrize("budget", sorted(FOLLOWING_ALONE))
def test_nothing_is_kept_for_others_of_what_following_alone_needs(budget: Budget) -> None:
    assert following_may_spend(budget, 1_000, 200, GovernorConfig()) == pytest.approx(0.9 * 750)


def test_a_budget_that_the_org_has_not_told_is_left_out_and_those_behind_it_are_not() -> None:
    books = told()
    may = may_spend_by_books(books, 0)
    assert may is not None
    clients = books.books[Budget.STREAMING_CLIENTS].maximum
    assert clients is not None
    assert may.keys() == {Budget.API_CALLS, Budget.DELIVERED_EVENTS, Budget.STREAMING_CLIENTS}
    assert may[Budget.STREAMING_CLIENTS] == pytest.approx(0.9 * 0.95 * clients)
    assert may[Budget.DELIVERED_EVENTS] == pytest.approx(0.9 * 0.95 * 50_000)
