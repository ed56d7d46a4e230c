"""Law 5 for a look at the org: leased calls where a governor answers, else a small fixed allowance
that the org can spare.

On the first day there is no governor, because no worker has run; at 3 a.m. it may be the
governor that is down. A look that could say nothing of the org then would be of no use. The
allowance is out of the margin that the governor itself never grants, and ends at once when the
org's own count says that only so much is left.
"""

from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta

from schemas.errors import BudgetSpentError
from schemas.governor import Budget, LeaseClass, Reading, Refusal

_LATER = timedelta(minutes=15)


class Allowance:
    """Pays for `calls` API calls at most, and none when less than `margin` of the org's allocation
    is left.
    """

    def __init__(self, calls: int, *, margin: float) -> None:
        self._left = calls
        self._margin = margin
        self._stopped = ""

    async def take(self, budget: Budget, lease_class: LeaseClass, count: int = 1) -> None:
        """Spend; raises `BudgetSpentError` when the calls are used up or the org has none to
        spare.
        """
        reason = self._stopped
        if not reason and (budget is not Budget.API_CALLS or count > self._left):
            reason = "no governor answers, and the allowance of doctor is used up"
        if reason:
            raise BudgetSpentError(budget=budget, lease_class=lease_class, reason=reason, retry_after=_LATER)
        self._left -= count

    def hold(self, budget: Budget, lease_class: LeaseClass) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        """Every question is a short call: nothing to hold."""
        return nullcontext()

    def settle(self, budget: Budget, lease_class: LeaseClass, count: int) -> None:
        """The checks spend calls, and nothing else."""

    def read(self, reading: Reading) -> None:
        """Stop when the org says that it has hardly any calls left."""
        if (
            reading.budget is Budget.API_CALLS
            and reading.maximum - reading.used <= self._margin * reading.maximum
        ):
            self._stopped = f"the org has {max(0, reading.maximum - reading.used):,} of {reading.maximum:,} API calls left"

    def refuse(self, refusal: Refusal) -> None:
        """The org refuses: ask no more."""
        self._stopped = f"the org refuses calls ({refusal.kind})"
