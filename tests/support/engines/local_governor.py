"""The governor's books without Temporal: for tests and simulations of what stands before or behind
them.
"""

import time
from collections.abc import Callable
from datetime import timedelta

from schemas.errors import UnavailableError
from schemas.governor import Exchange, GovernorConfig, LeaseAnswer, LeaseClass, Share
from transforms.governor.ledger import BudgetLedger

GREEDY = GovernorConfig(
    hard_floor=0,
    most_at_once=1,
    events_at_once=1,
    lease_life=timedelta(seconds=60),
    shares={each: Share(floor=0, ceiling=1) for each in LeaseClass},
)
"""Nothing but the budget and its margin holds a class back."""


class LocalGovernor:
    """Answers from `BudgetLedger` in this process; `silent` makes it unreachable."""

    def __init__(
        self, terms: GovernorConfig | None = None, *, org: str = "o", clock: Callable[[], float] = time.time
    ) -> None:
        self.books = BudgetLedger(org=org, terms=terms or GovernorConfig())
        self.silent = False
        self.exchanges = 0
        self._clock = clock

    async def exchange(self, exchange: Exchange) -> LeaseAnswer:
        """The effect of the workflow's update."""
        if self.silent:
            raise UnavailableError(system="The governor", detail="it is silent")
        self.exchanges += 1
        if self._clock is not time.time:
            # The test's clock is the only one: what it tells has its times already.
            exchange = exchange.model_copy(update={"at": None})
        return self.books.exchange(exchange, self._clock())
