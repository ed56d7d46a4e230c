"""The org's budgets and who may spend them: words, terms, and the messages between a process and
the governor.
"""

from schemas.governor.budgets import DEFAULT_SHARES, Budget, GovernorConfig, LeaseClass, Share
from schemas.governor.forecast import OTHERS, Expected, Forecast, Slowed, Spender
from schemas.governor.leases import (
    GUEST_PREFIX,
    MOST_GUEST_PROCESSES,
    Exchange,
    GrantedLine,
    LeaseAnswer,
    LeaseLine,
    Reading,
    ReadLimitsInput,
    ReadLimitsResult,
    Refusal,
    RefusalKind,
)

__all__ = [
    "DEFAULT_SHARES",
    "GUEST_PREFIX",
    "MOST_GUEST_PROCESSES",
    "OTHERS",
    "Budget",
    "Exchange",
    "Expected",
    "Forecast",
    "GovernorConfig",
    "GrantedLine",
    "LeaseAnswer",
    "LeaseClass",
    "LeaseLine",
    "ReadLimitsInput",
    "ReadLimitsResult",
    "Reading",
    "Refusal",
    "RefusalKind",
    "Share",
    "Slowed",
    "Spender",
]
