"""An org that counts what is spent, a process that spends by leases, and others who spend without:
days in milliseconds.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from schemas.governor import Budget, GovernorConfig, LeaseClass, LeaseLine, Reading
from transforms.governor.budget import BudgetBook

HOUR = 3_600
BEGIN = 490_000 * HOUR
"""Seconds since the epoch, at the turn of an hour."""

Rate = Callable[[float], float]
"""Seconds since `BEGIN` -> tokens an hour."""


def even(per_hour: float) -> Rate:
    return lambda _: per_hour


def wave(mean: float, swing: float, *, shift_hours: float = 0) -> Rate:
    """A day's shape: `swing` 1 is from nothing to double the mean."""
    return lambda at: mean * (1 + swing * math.sin(2 * math.pi * (at / HOUR - shift_hours) / 24))


@dataclass
class MeteredOrg:
    """One budget of it, and the books that are kept of it."""

    maximum: int = 1_000_000
    own: Rate = field(default_factory=lambda: even(0))
    others: Rate = field(default_factory=lambda: even(0))
    lease_class: LeaseClass = LeaseClass.POLLING
    step: float = 60
    """Seconds between two readings."""
    sliding: bool = False
    """It forgets minute by minute, and not by whole hours."""
    late_steps: int = 0
    """A reading shows what was used so many steps ago."""

    def __post_init__(self) -> None:
        self.terms = GovernorConfig(lease_life=timedelta(seconds=3 * self.step))
        self.now = float(BEGIN)
        self.book = BudgetBook(budget=Budget.API_CALLS)
        self.hours: dict[int, int] = {}
        self.others_by_hour: dict[int, int] = {}
        self._shown: deque[int] = deque(maxlen=self.late_steps + 1)
        self._newest: deque[int] = deque(maxlen=round(24 * HOUR / self.step))
        self._owed = [0.0, 0.0]
        self._granted = self._spent = 0

    @property
    def used(self) -> int:
        if self.sliding:
            return sum(self._newest)
        last = int(self.now // HOUR)
        return sum(self.hours.get(hour, 0) for hour in range(last - 23, last + 1))

    def spent_before(self, tokens: int, hours_ago: int) -> None:
        """As if somebody had spent so much in one hour before the books were opened."""
        hour = int(self.now // HOUR) - hours_ago
        self.hours[hour] = self.hours.get(hour, 0) + tokens

    def forgets_evenly(self, tokens: int) -> None:
        """As if somebody had spent so much, evenly, in the 24 hours before the books were opened
        (of a sliding org).
        """
        steps = self._newest.maxlen or 1
        self._newest.extend(
            round(tokens * (step + 1) / steps) - round(tokens * step / steps) for step in range(steps)
        )

    def read(self) -> None:
        self._shown.append(self.used)
        at = datetime.fromtimestamp(self.now, UTC)
        reading = Reading(
            budget=Budget.API_CALLS, maximum=self.maximum, used=self._shown[0], at=at, lag=timedelta(0)
        )
        assert self.book.read(reading)

    def run(self, *, hours: float) -> None:
        """Let time pass, with a reading every step."""
        end = self.now + hours * HOUR
        self.read()
        while self.now < end - 1e-6:
            self.now += self.step
            wanted = self._whole(0, self.own)
            spent = min(wanted, self._granted - self._spent)
            self._spent += spent
            others = self._whole(1, self.others)
            hour = int((self.now - self.step / 2) // HOUR)
            self.hours[hour] = self.hours.get(hour, 0) + spent + others
            self.others_by_hour[hour] = self.others_by_hour.get(hour, 0) + others
            self._newest.append(spent + others)
            self.read()
            self._renew(2 * wanted)

    def _renew(self, want: int) -> None:
        line = LeaseLine(
            budget=Budget.API_CALLS,
            lease_class=self.lease_class,
            granted=self._granted,
            spent=self._spent,
            want=want,
        )
        self._granted = self.book.exchange("process", line, self.terms, self.now).granted

    def _whole(self, side: int, rate: Rate) -> int:
        """The whole tokens of one step; what is less than one is owed to the next."""
        self._owed[side] += rate(self.now - self.step / 2 - BEGIN) * self.step / HOUR
        whole = math.floor(self._owed[side])
        self._owed[side] -= whole
        return whole
