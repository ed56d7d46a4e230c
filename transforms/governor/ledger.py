"""All budgets of one org, and what the governor does with them. Pure: the caller says what time it
is.
"""

from datetime import UTC, datetime

from pydantic import BaseModel

from schemas.governor import (
    Budget,
    Exchange,
    GovernorConfig,
    LeaseAnswer,
    Reading,
    ReadLimitsResult,
    Refusal,
)
from schemas.governor.recheck import RecheckedBudget
from schemas.salesforce.limits import BULK_INGEST_ROWS, COMETD_CLIENTS, LONG_CALLS_AT_ONCE
from transforms.governor.budget import BudgetBook
from transforms.governor.clocks import ahead_by, moved_reading, moved_refusal

_TOLD_BY_NOBODY = {
    Budget.LONG_CALLS: min(LONG_CALLS_AT_ONCE["enterprise"], LONG_CALLS_AT_ONCE["unlimited"]),
    Budget.INGEST_ROWS: BULK_INGEST_ROWS,
    Budget.STREAMING_CLIENTS: min(COMETD_CLIENTS.values()),
}
"""Limits that the Limits API does not list, or not in every edition: from the documentation, used
by us alone as far as we know.
"""


class BudgetLedger(BaseModel):
    """The input of a governor, carried from run to run."""

    org: str
    terms: GovernorConfig = GovernorConfig()
    books: dict[Budget, BudgetBook] = {}

    def model_post_init(self, context: object) -> None:  # noqa: ARG002 -- pydantic's signature
        """Open the books that are missing."""
        for budget in Budget:
            maximum = _TOLD_BY_NOBODY.get(budget)
            self.books.setdefault(budget, BudgetBook(budget=budget, maximum=maximum))

    def exchange(self, exchange: Exchange, now: float) -> LeaseAnswer:
        """Hear what a process has spent and what the org told it; grant what it may have, the
        highest class first.
        """
        self.hear(exchange, now)
        lines = [
            self.books[line.budget].exchange(exchange.process, line, self.terms, now)
            for line in sorted(exchange.lines, key=lambda line: line.lease_class.rank)
        ]
        return LeaseAnswer(lease_life=self.terms.lease_life, lines=tuple(lines))

    def hear(self, told: Exchange | ReadLimitsResult, now: float) -> tuple[Reading, ...]:
        """Take in what a process tells of the org, by our clock; returns the readings by it."""
        ours = datetime.fromtimestamp(now, UTC)
        ahead = ahead_by(told.at, ours)
        readings = tuple(moved_reading(each, ahead, ours) for each in told.readings)
        self.take_in(readings, tuple(moved_refusal(each, ahead, ours) for each in told.refusals))
        return readings

    def take_in(self, readings: tuple[Reading, ...], refusals: tuple[Refusal, ...]) -> None:
        """The org's own report."""
        for reading in readings:
            self.books[reading.budget].read(reading)
        for refusal in refusals:
            self.books[refusal.budget].refuse(refusal)

    @property
    def refused(self) -> frozenset[Budget]:
        """Budgets that the refusal of a used-up allocation holds back."""
        return frozenset(name for name, book in self.books.items() if book.is_refused)

    def recheck(
        self,
        wanted: Budget | None,
        refused: frozenset[Budget],
        readings: tuple[Reading, ...],
        now: float,
    ) -> tuple[RecheckedBudget, ...]:
        """Take in readings that an operator asked for; they outweigh refusals where they show room.

        `wanted`: refusals of this budget only; None = of every one. `refused`: those that were held
        back when the org was asked.
        """
        chosen = [name for name in self.books if wanted in (None, name)]
        for reading in readings:
            book = self.books[reading.budget]
            book.recheck(reading, self.terms) if reading.budget in chosen else book.read(reading)
        return tuple(_rechecked(self.books[name], now, was_refused=name in refused) for name in chosen)

    def let_time_pass(self, now: float) -> None:
        """End leases whose life is over."""
        for book in self.books.values():
            book.let_time_pass(now)


def _rechecked(book: BudgetBook, now: float, *, was_refused: bool) -> RecheckedBudget:
    until = datetime.fromtimestamp(book.paused_until, UTC) if book.paused_until > now else None
    used = book.used_at_most()
    return RecheckedBudget(
        budget=book.budget, maximum=book.maximum, used=used, was_refused=was_refused, paused_until=until
    )
