"""One budget's account: the org's count, spending since then, tokens held by processes.

Readings and refusals of the org replace what was counted here; time ends leases and refusals.
"""

import math
from datetime import datetime

from pydantic import BaseModel, Field

from schemas.governor import Budget, GovernorConfig, LeaseClass, Reading, Refusal, RefusalKind
from transforms.governor.held_lease import HeldLease
from transforms.governor.usage import Usage

_DAY_HOURS = 24
_HOUR = 3_600
_BUCKET = 5
"""Seconds of spending that are kept as one number, dated by the bucket's end."""
GOVERNOR = "governor"
"""Spender of the governor's own questions."""


class BudgetAccount(BaseModel):
    """Tokens of one budget: counted, held and left. Times are seconds since the epoch; the caller
    says what time it is.
    """

    budget: Budget
    maximum: int | None = None
    """None until the org has been asked: nothing is granted before."""
    used: int = 0
    """As the last reading had it."""
    as_of: float = 0.0
    """The reading holds everything that was spent before."""
    leases: dict[str, HeldLease] = {}
    recent: dict[int, int] = {}
    """End of a bucket -> tokens spent in it: what the reading may not hold yet."""
    hours: dict[int, dict[str, int]] = {}
    """Hour since the epoch -> class, or `GOVERNOR` -> tokens spent: the last day and the present
    hour.
    """
    usage: Usage = Field(default_factory=Usage)
    """Spending hour by hour: for forecasts, not for grants."""
    asked_at: dict[LeaseClass, float] = {}
    paused_until: float = 0.0
    paused_because: str = ""
    refused_at: float = 0.0
    """When the org last said that the allocation is used up, while that is believed; 0 = it is
    not.
    """
    set_aside: dict[int, int] = {}
    """Of `recent`, what the refusal is believed to count: it counts again when the refusal does
    not.
    """

    def used_at_most(self) -> int:
        """The org's possible count by now, without others' spending since the reading."""
        return self.used + sum(self.recent.values())

    def alive(self, lease_class: LeaseClass | None = None) -> int:
        """Tokens that processes may still spend; of one class, or of all."""
        held = self.leases.values()
        return sum(lease.alive for lease in held if lease_class in (None, lease.lease_class))

    def spendable(self, terms: GovernorConfig) -> int:
        """The maximum without the margin; 0 before the first reading."""
        return 0 if self.maximum is None else self.maximum - math.ceil(self.maximum * terms.margin)

    def to_share(self, terms: GovernorConfig) -> int:
        """The base of the classes' shares: the spendable rest after other applications' spending in
        24 hours.

        They will go on, as far as anybody knows: floors that ignored them would promise what is
        not there.
        """
        spendable = self.spendable(terms)
        if self.budget.is_concurrency:
            return spendable
        ours = sum(sum(hour.values()) for hour in self.hours.values())
        return max(0, spendable - max(0, self.used_at_most() - ours))

    def room(self, terms: GovernorConfig) -> int:
        """Tokens that could be granted now if there was but one class. Negative when others took
        more than the margin.
        """
        used = 0 if self.budget.is_concurrency else self.used_at_most()
        return self.spendable(terms) - used - self.alive()

    def spent(self, lease_class: LeaseClass) -> int:
        """Tokens that count against the class's share: of the last 24 hours, and those it holds."""
        kept = sum(hour.get(lease_class, 0) for hour in self.hours.values())
        return self.alive(lease_class) + kept

    def read(self, reading: Reading) -> bool:
        """Take over what the org says; False for a reading older than the one we have."""
        as_of = (reading.at - reading.lag).timestamp()
        if self.maximum is not None and reading.maximum > self.maximum and self.is_refused:
            self._believe(reading)
        if self.maximum is not None and as_of < self.as_of:
            return False
        self.set_aside = {}
        self.maximum, self.used, self.as_of = reading.maximum, reading.used, as_of
        self.recent = {end: tokens for end, tokens in self.recent.items() if end > as_of}
        if not self.budget.is_concurrency:
            self.usage.read(reading.used, reading.at.timestamp())
        return True

    @property
    def is_refused(self) -> bool:
        """True while the org's word is believed that the allocation is used up."""
        return self.refused_at > 0

    def recheck(self, reading: Reading, terms: GovernorConfig) -> None:
        """Believe a reading that was asked for, rather than a refusal, where it shows room."""
        if self.is_refused and reading.used < reading.maximum - math.ceil(reading.maximum * terms.margin):
            self._believe(reading)
        self.read(reading)

    def _believe(self, reading: Reading) -> None:
        """The refusal holds no more: the allocation was raised, or an operator says so.

        A refusal before the question is set aside, and the pause with it. A wrong guess costs one
        more refusal.
        """
        if reading.at.timestamp() <= self.refused_at:
            return
        as_of = (reading.at - reading.lag).timestamp()
        # What this reading holds of it is taken out again when the reading is taken over.
        self.recent = self.set_aside | self.recent
        self.as_of = min(self.as_of, as_of)
        self.set_aside, self.refused_at = {}, 0.0
        self.paused_until, self.paused_because = 0.0, ""

    def refuse(self, refusal: Refusal) -> None:
        """The org has refused: everybody waits, and a used-up allocation is believed."""
        at = refusal.at.timestamp()
        if refusal.kind is RefusalKind.QUOTA:
            self.refused_at = max(self.refused_at, at)
        if refusal.kind is RefusalKind.QUOTA and self.maximum is not None and at > self.as_of:
            self.used, self.as_of = max(self.used, self.maximum), at
            self.set_aside |= {end: tokens for end, tokens in self.recent.items() if end <= at}
            self.recent = {end: tokens for end, tokens in self.recent.items() if end > at}
        self.paused_until = max(self.paused_until, at + refusal.retry_after.total_seconds())
        self.paused_because = f"the org refused ({refusal.kind}) at {_clock(at)}"

    def let_time_pass(self, now: float) -> None:
        """End the leases and the refusal whose time is over, and forget what is older than a
        day.
        """
        if now >= self.paused_until:
            self.refused_at = 0.0
        for key, lease in list(self.leases.items()):
            if lease.ends_at <= now:
                self._count(lease.lease_class, lease.alive, now)
                del self.leases[key]
        # Of a budget that the org says nothing of, no reading ever clears what is recent.
        self.recent = {end: tokens for end, tokens in self.recent.items() if end > now - _DAY_HOURS * _HOUR}
        oldest = int(now // _HOUR) - _DAY_HOURS
        self.hours = {hour: spent for hour, spent in self.hours.items() if hour >= oldest}

    def prepay(self, tokens: int, now: float) -> None:
        """Count tokens as spent on the governor's own account: its questions about the limits."""
        self._count(GOVERNOR, tokens, now)

    def _count(self, spender: str, tokens: int, now: float) -> None:
        if tokens <= 0 or self.budget.is_concurrency:
            return
        # Without readings a day's worth is kept: by the hour, or it would be the largest part of
        # the books.
        bucket = _BUCKET if self.as_of else _HOUR
        end = (math.floor(now / bucket) + 1) * bucket
        self.recent[end] = self.recent.get(end, 0) + tokens
        hour = self.hours.setdefault(int(now // _HOUR), {})
        hour[spender] = hour.get(spender, 0) + tokens
        self.usage.spend(tokens, now)


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S %Z}"
