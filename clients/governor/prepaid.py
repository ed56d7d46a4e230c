"""Tokens for the governor's own question about the limits: its calls were counted before it was
asked.
"""

from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta

from schemas.errors import BudgetSpentError
from schemas.governor import Budget, LeaseClass, Reading, Refusal


class PrepaidTokens:
    """Pays for `calls` API calls and nothing else; keeps what the org says for the governor."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self.readings: list[Reading] = []
        self.refusals: list[Refusal] = []

    async def take(self, budget: Budget, lease_class: LeaseClass, count: int = 1) -> None:
        """Spend; raises `BudgetSpentError` when the calls are used up."""
        if budget is not Budget.API_CALLS or count > self._calls:
            raise BudgetSpentError(
                budget=budget,
                lease_class=lease_class,
                reason="the calls that were paid for in advance are used up",
                retry_after=timedelta(minutes=1),
            )
        self._calls -= count

    def hold(self, budget: Budget, lease_class: LeaseClass) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        """The question is a short call: nothing to hold."""
        return nullcontext()

    def settle(self, budget: Budget, lease_class: LeaseClass, count: int) -> None:
        """The check spends the tokens that were paid, and nothing else."""

    def read(self, reading: Reading) -> None:
        """Keep a reading."""
        self.readings.append(reading)

    def refuse(self, refusal: Refusal) -> None:
        """Keep a refusal."""
        self.refusals.append(refusal)
