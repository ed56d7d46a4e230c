"""A guest's word about its own leases is believed as far as it can be true."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.governor import (
    MOST_GUEST_PROCESSES,
    Budget,
    Exchange,
    GovernorConfig,
    GrantedLine,
    LeaseClass,
    LeaseLine,
    Reading,
)
from transforms.governor.ledger import BudgetLedger

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LIE = 10**9


@pytest.fixture
def ledger() -> BudgetLedger:
    """Of an org that has 100,000 calls and has spent none."""
    made = BudgetLedger(org="o", terms=GovernorConfig())
    made.take_in((Reading(budget=Budget.API_CALLS, maximum=100_000, used=0, at=NOW, lag=timedelta(0)),), ())
    return made


def said(
    ledger: BudgetLedger, process: str = "guest:billing:1", at: float = 0.0, **numbers: int
) -> GrantedLine:
    """The answer to a guest's line."""
    values = {"granted": 0, "spent": 0, "want": 0, **numbers}
    line = LeaseLine(budget=Budget.API_CALLS, lease_class=LeaseClass.GUEST, **values)
    answer = ledger.exchange(Exchange(process=process, lines=(line,)), NOW.timestamp() + 1 + at)
    return answer.lines[0]


def test_a_guest_spends_no_more_than_it_was_granted(ledger: BudgetLedger) -> None:
    granted = said(ledger, want=50).granted
    assert granted == 50
    said(ledger, granted=granted, spent=LIE)
    book = ledger.books[Budget.API_CALLS]
    assert book.used_at_most() == 50
    assert book.room(ledger.terms) == book.spendable(ledger.terms) - 50


def test_a_guest_returns_no_more_than_it_was_granted(ledger: BudgetLedger) -> None:
    said(ledger, want=50)
    again = said(ledger, granted=50, spent=20, returned=LIE, want=10)
    assert again.granted == 60
    assert ledger.books[Budget.API_CALLS].used_at_most() == 20


@pytest.mark.parametrize("numbers", [{"granted": LIE}, {"granted": LIE, "spent": LIE}, {"spent": LIE}])
def test_a_claim_opens_no_lease_and_is_in_no_forecast(ledger: BudgetLedger, numbers: dict[str, int]) -> None:
    said(ledger, **numbers)  # type: ignore[arg-type]  # numbers alone
    said(ledger, "guest:other:1", at=3_600, want=1)
    book = ledger.books[Budget.API_CALLS]
    assert book.used_at_most() <= 1
    assert book.alive() <= 1


def test_a_guest_that_comes_back_after_its_lease_has_ended_goes_on(ledger: BudgetLedger) -> None:
    """Its grant was counted when the lease ended; its numbers go on from where they were."""
    said(ledger, want=50)
    again = said(ledger, at=120, granted=50, spent=30, want=10)
    assert again.granted == 60
    assert ledger.books[Budget.API_CALLS].used_at_most() == 50


def test_one_guest_has_only_so_many_processes(ledger: BudgetLedger) -> None:
    for number in range(MOST_GUEST_PROCESSES):
        said(ledger, f"guest:billing:{number}", want=1)
    refused = said(ledger, "guest:billing:more", want=1)
    assert (refused.granted, "too many processes" in refused.reason) == (0, True)
    assert said(ledger, "guest:another:1", want=1).granted == 1
    assert len(ledger.books[Budget.API_CALLS].leases) == MOST_GUEST_PROCESSES + 1
