"""A recheck: an operator has the governor believe the org's limits rather than its last refusal."""

from datetime import datetime, timedelta

from schemas.governor.budgets import Budget
from schemas.message import Message
from schemas.security.words import Words

ASK_AGAIN = timedelta(seconds=30)
"""A process keeps a refusal for so long, and then asks the governor again: it may hold no more."""


class RecheckInput(Message):
    """Which refusals to look at again, and who asks."""

    budget: Budget | None = None
    """None = every budget."""
    by: Words
    reason: Words = ""
    only_refused: bool = False
    """True = read nothing while no refusal of a used-up allocation holds a budget back."""


class RecheckedBudget(Message):
    """A budget after it was read again."""

    budget: Budget
    maximum: int | None
    """None = the org does not say."""
    used: int
    """In the last 24 hours, by everybody."""
    was_refused: bool
    """True = a refusal held it back before."""
    paused_until: datetime | None = None
    """Nothing is granted before; None = it is not paused."""


class RecheckAnswer(Message):
    """The result of a recheck."""

    budgets: tuple[RecheckedBudget, ...] = ()
    """Of the budgets asked for; empty when nothing was read."""
    trouble: str = ""
    """Why the limits could not be read; "" = they were read, or nothing was refused."""
