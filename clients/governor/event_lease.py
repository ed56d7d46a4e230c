"""Tokens for delivered events out of the process's leases."""

from clients.governor.leases import Leases
from schemas.governor import Budget, LeaseClass


class EventLease:
    """The allowance of this process's streams: as many tokens as are there at once, and at least
    one.
    """

    def __init__(self, leases: Leases, lease_class: LeaseClass = LeaseClass.POLLING) -> None:
        self._leases = leases
        self._class = lease_class

    async def take(self, count: int) -> int:
        """Between 1 and `count` tokens; raises `BudgetSpentError` or `UnavailableError` as
        `Leases.take` does.
        """
        while not (got := self._leases.reserve(Budget.DELIVERED_EVENTS, self._class, count)):
            await self._leases.wait_for(Budget.DELIVERED_EVENTS, self._class)
        return got

    def came(self, count: int) -> None:
        """So many events came, or may have: their tokens are spent."""
        self._leases.spend_reserved(Budget.DELIVERED_EVENTS, self._class, count)
