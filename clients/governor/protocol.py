"""Interfaces for API-budget tokens: token sources (used by callers) and the governor (grants
tokens).
"""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from schemas.governor import Budget, Exchange, LeaseAnswer, LeaseClass, Reading, Refusal


class Governor(Protocol):
    """The grantor of tokens."""

    async def exchange(self, exchange: Exchange) -> LeaseAnswer:
        """The governor's answer; raises `UnavailableError` when there is none."""


class TokenSource(Protocol):
    """The source of tokens for calls to Salesforce."""

    async def take(self, budget: Budget, lease_class: LeaseClass, count: int = 1) -> None:
        """Spend `count` tokens; raises `BudgetSpentError` or `UnavailableError` when there are
        none.
        """

    def hold(self, budget: Budget, lease_class: LeaseClass) -> AbstractAsyncContextManager[None]:
        """Hold one token of a concurrency budget while the body runs; raises as `take` does."""

    def settle(self, budget: Budget, lease_class: LeaseClass, count: int) -> None:
        """Count what was spent without having been asked for."""

    def read(self, reading: Reading) -> None:
        """Take note of what the org says about a budget."""

    def refuse(self, refusal: Refusal) -> None:
        """Take note of a refusal."""
