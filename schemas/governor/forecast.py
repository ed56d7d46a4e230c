"""A forecast: what is left of a budget, who spends it, and when it runs out."""

from datetime import datetime

from schemas.governor.budgets import Budget, LeaseClass
from schemas.message import Message

OTHERS = "others"
"""Everybody who spends a budget of the org without asking the governor."""


class Spender(Message):
    """One who spends a budget."""

    name: str
    """A class, `governor` (its own questions), or `others`."""
    last_hour: int
    last_day: int
    """Tokens in the last 24 hours."""


class Expected(Message):
    """The projected value of `used`."""

    at: datetime
    used: int
    """Not more than the maximum: beyond it the org refuses."""


class Slowed(Message):
    """From when on a class no longer gets what it asks for."""

    lease_class: LeaseClass
    at: datetime
    """Now or later; the earlier of what the two rates give."""
    reason: str
    spends: bool
    """False when the class has neither spent nor asked in the last hour: it would be refused if
    it did.
    """


class Forecast(Message):
    """One budget, now and in the coming 24 hours. Of a concurrency budget only `used` and
    `granted` are known.
    """

    budget: Budget
    maximum: int | None
    """None: not read yet, and then nothing else is known either."""
    used: int = 0
    """In the last 24 hours, by everybody; of a concurrency budget, at the last reading."""
    granted: int = 0
    """Held by processes, not spent yet."""
    margin: int = 0
    """Never granted."""
    left: int = 0
    """Tokens that could still be granted. Never negative."""
    read_at: datetime | None = None
    """When the org last said so; None for a budget that it says nothing of."""
    paused_until: datetime | None = None
    """Nothing is granted before; None when it is not paused."""
    paused_because: str = ""
    rate: float = 0.0
    """Tokens an hour at present, by everybody."""
    others_rate: float = 0.0
    """Of these, by others."""
    spenders: tuple[Spender, ...] = ()
    """Who spends it, the largest of the last 24 hours first."""
    expected: tuple[Expected, ...] = ()
    """One, two … hours ahead, at rates that go over from the present to the usual one of the
    hour of the day.
    """
    runs_out_at: datetime | None = None
    """When the margin is reached at the present rate; None: not within 24 hours, and so never at
    this rate.
    """
    runs_out_at_usual: datetime | None = None
    """The same at the rates of `expected`; None: not within 24 hours."""
    slowed: tuple[Slowed, ...] = ()
    """Who is slowed within 24 hours, the first one first."""

    @property
    def first_runs_out_at(self) -> datetime | None:
        """The earlier of the two."""
        return min((at for at in (self.runs_out_at, self.runs_out_at_usual) if at), default=None)
