"""Tokens for delivered events out of the process's leases."""

from clients.leases import Leases
from schemas.budgets import Budget, LeaseClass


class EventLease:
    """The allowance of this process's streams: as many tokens as are there at once, and at least one."""

    def __init__(self, leases: Leases, lease_class: LeaseClass = LeaseClass.POLLING) -> None:
        self._leases = leases
        self._class = lease_class

    async def take(self, count: int) -> int:
        """Between 1 and `count` tokens; raises `BudgetSpentError` or `UnavailableError` as `Leases.take` does."""
        got = self._leases.try_take(Budget.DELIVERED_EVENTS, self._class, count)
        if got:
            return got
        await self._leases.take(Budget.DELIVERED_EVENTS, self._class)
        return 1 + self._leases.try_take(Budget.DELIVERED_EVENTS, self._class, count - 1)
