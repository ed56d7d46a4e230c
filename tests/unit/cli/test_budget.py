"""The budget page for a person at three in the morning: the problem first, in words, within the
terminal's width.
"""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from cli.budget import budget_page
from schemas.governor import Budget, LeaseClass, Reading, Refusal, RefusalKind
from tests.support.builders.metered import MeteredOrg, even
from transforms.governor.ledger import BudgetLedger
from workers.budget_summary import Budgets, forecasts_of

ORG = "00DTg0000000001MAA"
DAILY = {
    Budget.BULK_QUERY_JOBS: 10_000,
    Budget.BULK_QUERY_BYTES: 976_562_000_000,
    Budget.INGEST_BATCHES: 15_000,
    Budget.DELIVERED_EVENTS: 50_000,
}


def found(
    maximum: int, *, hours: float = 7.25, refused: RefusalKind | None = None, later: float = 0
) -> Budgets:
    """After some hours of 2,000 calls of ours and 3,000 of others, and a tenth used of every other
    budget.
    """
    org = MeteredOrg(maximum=maximum, own=even(2_000), others=even(3_000), step=120)
    org.run(hours=hours)
    at = datetime.fromtimestamp(org.now + 20 + later, UTC)
    books = BudgetLedger(org=ORG)
    books.books[Budget.API_CALLS] = org.book
    for budget, most in DAILY.items():
        books.books[budget].read(Reading(budget=budget, maximum=most, used=most // 10, at=at))
    if refused:
        refusal = Refusal(budget=Budget.API_CALLS, kind=refused, at=at, retry_after=timedelta(minutes=5))
        books.books[Budget.API_CALLS].refuse(refusal)
    return forecasts_of(books, at)


def page(budgets: Budgets, width: int) -> list[str]:
    console = Console(width=width, record=True, file=StringIO())
    console.print(budget_page(budgets, width))
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_the_first_line_says_what_runs_out_and_when(width: int) -> None:
    lines = page(found(60_000), width)
    first = " ".join(" ".join(lines[:3]).split())
    assert first.startswith("api_calls run out at 03:2")
    assert "(in 4 h " in first
    assert "at the present rate; polling is slowed from 0" in first
    assert "60% of the last 24 hours was spent by others" in first


@pytest.mark.parametrize("width", [80, 120])
def test_every_budget_has_its_bar_within_the_width(width: int) -> None:
    lines = page(found(60_000), width)
    assert max(len(line.rstrip()) for line in lines) <= width
    for budget in Budget:
        assert any(str(budget) in line for line in lines)
    bar = next(line for line in lines if line.startswith("api_calls  "))
    assert bar.count("█") > bar.count("·") > bar.count("░") > 0
    assert "of 60,000" in bar
    assert not any("…" in line for line in lines)


def test_when_all_is_well_it_says_so() -> None:
    well = found(300_000)
    assert well.headlines() == ["No budget runs out within 24 hours, and nobody is slowed."]
    assert well.lines() == []


def test_a_budget_that_is_spent_says_when_some_of_it_comes_back() -> None:
    lines = found(60_000, hours=13).headlines()
    assert len(lines) == 1
    assert lines[0].startswith("api_calls are spent up to the margin; ")
    assert "every class is refused now" in lines[0]


def test_a_refusal_is_told_before_everything_else() -> None:
    line = found(60_000, refused=RefusalKind.CONCURRENCY).headlines()[0]
    assert line.startswith("api_calls: nothing is granted until ")
    assert "the org refused (concurrency)" in line


def test_an_org_that_was_not_asked_for_long_is_told_of() -> None:
    assert any("last read at 23:1" in line for line in found(60_000, later=1_200).headlines())


def test_the_status_has_a_line_for_a_budget_that_matters_and_for_no_other() -> None:
    (line,) = found(60_000).lines()
    assert line.startswith("budget api_calls: 61% used, runs out at 03:2")


def test_before_the_first_reading_nothing_is_said_to_be_well() -> None:
    budgets = forecasts_of(BudgetLedger(org=ORG), datetime.now(UTC))
    assert budgets.headlines()[0].startswith(
        "The org's limits have not been read yet, so nothing is granted."
    )
    assert any("not read yet: api_calls" in line for line in page(budgets, 80))


def test_of_the_classes_that_are_slowed_the_first_line_names_one_that_spends() -> None:
    calls = next(each for each in found(60_000).forecasts if each.budget is Budget.API_CALLS)
    assert LeaseClass.GUEST in {each.lease_class for each in calls.slowed if not each.spends}
    headline = found(60_000).headlines()[0]
    assert "polling is slowed" in headline
    assert "guest" not in headline
