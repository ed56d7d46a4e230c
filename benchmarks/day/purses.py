"""The governor's books without Temporal, and the purse of one who does not ask."""

import time
from contextlib import AbstractAsyncContextManager, nullcontext

from schemas.governor import Budget, Exchange, GovernorConfig, LeaseAnswer, LeaseClass, Reading, Refusal
from transforms.governor.ledger import BudgetLedger


class BooksGovernor:
    """The governor workflow's handling of an exchange."""

    def __init__(self, terms: GovernorConfig) -> None:
        self.books = BudgetLedger(org="day", terms=terms)
        self.exchanges = 0

    async def exchange(self, exchange: Exchange) -> LeaseAnswer:
        """LeaseAnswer from the books."""
        self.exchanges += 1
        return self.books.exchange(exchange, time.time())


class FreePurse:
    """Pays for everything, and hears nothing."""

    async def take(self, budget: Budget, lease_class: LeaseClass, count: int = 1) -> None:
        """Always."""

    def hold(self, budget: Budget, lease_class: LeaseClass) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        """Always."""
        return nullcontext()

    def settle(self, budget: Budget, lease_class: LeaseClass, count: int) -> None:
        """Nothing is counted."""

    def read(self, reading: Reading) -> None:
        """Nothing is heard."""

    def refuse(self, refusal: Refusal) -> None:
        """Nothing is heard."""
