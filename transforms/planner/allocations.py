"""Spendable tokens of each budget for following in the coming 24 hours: the governor's rules, read
a day ahead. Pure.
"""

from schemas.governor import Budget, GovernorConfig, LeaseClass
from schemas.salesforce.limits import (
    BULK_QUERY_JOBS,
    BULK_QUERY_RESULT_BYTES,
    COMETD_CLIENTS,
    DAILY_API_REQUESTS,
    DAILY_API_REQUESTS_PER_LICENCE,
    DAILY_DELIVERED_EVENTS,
)
from transforms.governor.budget import BudgetBook
from transforms.governor.ledger import BudgetLedger

FOLLOWING_ALONE = frozenset({Budget.DELIVERED_EVENTS, Budget.STREAMING_CLIENTS})
"""Budgets that no other class of ours has a use for, so that nothing of them is kept for others."""
PLANNED = (
    Budget.API_CALLS,
    Budget.DELIVERED_EVENTS,
    Budget.BULK_QUERY_JOBS,
    Budget.BULK_QUERY_BYTES,
    Budget.STREAMING_CLIENTS,
)
"""Spending of following, the usually scarcest budget first."""
_DAY_HOURS = 24
_LAST_HOURS = 8
"""The rest must last this long: later, yesterday's spending drops out of the 24 hours."""


def allocations(edition: str, *, licences: int = 0, entitlement: int | None = None) -> dict[Budget, int]:
    """Allocations of the edition in 24 hours.

    Args:
        edition: A key of the tables in `schemas.salesforce.limits`.
        licences: Users' licences, each of which adds API calls.
        entitlement: Delivered events by contract; None: the edition's own.
    """
    calls = DAILY_API_REQUESTS[edition] + licences * DAILY_API_REQUESTS_PER_LICENCE[edition]
    return {
        Budget.API_CALLS: calls,
        Budget.DELIVERED_EVENTS: DAILY_DELIVERED_EVENTS[edition] if entitlement is None else entitlement,
        Budget.BULK_QUERY_JOBS: BULK_QUERY_JOBS,
        Budget.BULK_QUERY_BYTES: BULK_QUERY_RESULT_BYTES,
        Budget.STREAMING_CLIENTS: COMETD_CLIENTS[edition],
    }


def following_may_spend(budget: Budget, maximum: float, others: float, terms: GovernorConfig) -> float:
    """Following's part of a budget when other applications spend `others` of it, as the governor
    would grant it.

    Other classes are taken to use of their floors what a quiet class keeps: when they use more,
    the governor's books show it, and the next plan is made from those.
    """
    to_share = max(0.0, maximum * (1 - terms.margin) - others)
    share = terms.share_of(LeaseClass.POLLING)
    ceiling = share.ceiling * to_share
    if budget in FOLLOWING_ALONE:
        return ceiling
    kept = {each: terms.share_of(each).floor * (1 - terms.lent) * to_share for each in LeaseClass}
    above = sum(tokens for each, tokens in kept.items() if each.rank < LeaseClass.POLLING.rank)
    free = to_share - sum(kept.values()) + kept[LeaseClass.POLLING]
    return min(ceiling, max(free, min(share.floor * to_share, to_share - above)))


def may_spend_by_books(books: BudgetLedger, streamed: float) -> dict[Budget, float] | None:
    """Of every budget that the org has told; None while the two that decide are not known.

    Args:
        books: The governor's.
        streamed: Events that our streams received in the last 24 hours, in case the books do not
            hold them.
    """
    may = {
        budget: _may_spend(book, book.maximum, streamed, books.terms)
        for budget in PLANNED
        if (book := books.books[budget]).maximum is not None
    }
    known = Budget.API_CALLS in may and Budget.DELIVERED_EVENTS in may
    return may if known else None


def _may_spend(book: BudgetBook, maximum: float, streamed: float, terms: GovernorConfig) -> float:
    if book.budget.is_concurrency:
        return following_may_spend(book.budget, maximum, 0, terms)
    ours = float(sum(sum(hour.values()) for hour in book.hours.values()))
    if book.budget is Budget.DELIVERED_EVENTS:
        ours = max(ours, streamed)
    used = book.used_at_most()
    usual = following_may_spend(book.budget, maximum, max(0.0, used - ours), terms)
    left = max(0.0, maximum * (1 - terms.margin) - used)
    return min(usual, left * _DAY_HOURS / _LAST_HOURS)
