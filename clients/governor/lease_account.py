"""One lease as its process knows it: what it holds, how fast it spends, and how much it would like
to have.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

from schemas.errors import BudgetSpentError
from schemas.governor import Budget, GrantedLine, LeaseClass, LeaseLine
from schemas.governor.recheck import ASK_AGAIN

LeaseKey = tuple[Budget, LeaseClass]

IDLE_SECONDS = 20.0
"""Tokens that have not been used for this long are returned."""
_AHEAD_SECONDS = 10.0
"""Tokens are held for this much time of spending at the present rate."""
_LEAST = 5
_REFILL_BELOW = 0.4
"""Ask for more when less than this fraction of the wish is left."""
_RATE_SECONDS = (1.0, 10.0)
"""A surge is felt within a second, and its end is not believed before ten."""


@dataclass
class LeaseAccount:
    """One lease. Times are those of a monotonic clock."""

    granted: int = 0
    spent: int = 0
    returned: int = 0
    waiting: int = 0
    """Tokens that callers wait for now."""
    held: int = 0
    """Tokens in use: calls under way, or events that were asked for and have not come."""
    rates: tuple[float, ...] = (0.0, 0.0)
    """Tokens a second, smoothed over each of `_RATE_SECONDS`."""
    used_at: float = 0.0
    answer: GrantedLine | None = None
    ask_again_at: float = 0.0
    paused_until: float = 0.0
    paused_because: str = ""
    heard_at: float = -math.inf
    """When the governor, or the org, last said something of it."""

    @property
    def left(self) -> int:
        return max(0, self.granted - self.spent - self.returned - self.held)

    def use(self, count: int, now: float) -> None:
        gap = max(now - self.used_at, 1e-6)
        self.rates = tuple(
            rate * math.exp(-gap / over) + count / over
            for rate, over in zip(self.rates, _RATE_SECONDS, strict=True)
        )
        self.used_at = now

    def wish(self, now: float, *, is_concurrency: bool) -> int:
        """Tokens to have beside those in use."""
        if is_concurrency:
            return self.waiting
        if not self.waiting and now - self.used_at > IDLE_SECONDS:
            return 0
        return self.waiting + max(_LEAST, math.ceil(max(self.rates) * _AHEAD_SECONDS))

    def is_low(self, usable: int, now: float, *, is_concurrency: bool) -> bool:
        """True when it is time to ask: callers wait for more than is there, or little is left of
        the wish.
        """
        if self.waiting > usable:
            return True
        return not is_concurrency and usable < _REFILL_BELOW * self.wish(now, is_concurrency=False)

    def line(self, key: LeaseKey, now: float) -> LeaseLine:
        """The report of the lease for the governor. Tokens that are not wished for go back with
        it.
        """
        budget, lease_class = key
        wish = self.wish(now, is_concurrency=budget.is_concurrency)
        if wish == 0:
            self.returned += self.left
        return LeaseLine(
            budget=budget,
            lease_class=lease_class,
            granted=self.granted,
            spent=self.spent,
            returned=self.returned,
            want=wish + self.held,
        )

    def pause(self, seconds: float, reason: str, now: float) -> None:
        """The org has refused: spend nothing for so long."""
        self.paused_until, self.paused_because, self.heard_at = now + seconds, reason, now

    def is_doubtful(self, now: float) -> bool:
        """True when what is known of a pause is old enough to be asked about again."""
        return now >= self.heard_at + ASK_AGAIN.total_seconds()

    def hear(self, line: GrantedLine, now: float, *, knows_refusals: bool = True) -> None:
        """Take in what the governor answers. A pause that it no longer knows is over.

        `knows_refusals`: False = the org has refused since the question was sent.
        """
        self.granted = max(self.granted, line.granted)
        self.answer = line
        if line.paused_for or knows_refusals:
            self.pause(line.paused_for.total_seconds(), line.reason, now)
        self.ask_again_at = now + min(line.retry_after, ASK_AGAIN).total_seconds()

    def until_change(self, now: float, deadline: float) -> float:
        """Seconds until waiting makes no more sense, or a pause is over: of its end there is no
        news when tokens are there.
        """
        ends = self.paused_until if self.paused_until > now else deadline
        return max(0.0, min(ends, deadline) - now)

    def raise_when_spent(self, key: LeaseKey, now: float, deadline: float) -> None:
        """Raise `BudgetSpentError` when no token can come before the deadline."""
        budget, lease_class = key
        answer = self.answer
        if self.paused_until >= deadline:
            if self.is_doubtful(now):
                return  # the governor is asked, and its answer is a moment away
            reason, later = self.paused_because, self.paused_until - now
            again = self.heard_at + ASK_AGAIN.total_seconds() - now
            retry_after = timedelta(seconds=min(later, again))
        elif answer is not None and answer.reason and max(now, self.ask_again_at) >= deadline:
            reason, retry_after = answer.reason, min(answer.retry_after, ASK_AGAIN)
        else:
            return
        raise BudgetSpentError(budget=budget, lease_class=lease_class, reason=reason, retry_after=retry_after)
