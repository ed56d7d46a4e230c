"""The messages between a process and the governor.

A process holds at most one *lease* for each budget and class. The lease is a running account:
the process says how many tokens it has spent since it began and how many it would like to hold;
the governor answers with how many it has granted since then. All these numbers only grow, so an
exchange may be repeated, lost or answered late, and nothing is counted twice.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from schemas.governor.budgets import Budget, LeaseClass
from schemas.message import Message
from schemas.salesforce.limits import LIMITS_LAG


class Reading(Message):
    """A budget as the org itself reports it."""

    budget: Budget
    maximum: int
    used: int
    """In the last 24 hours, by everybody. Can exceed the maximum."""
    at: datetime
    lag: timedelta = LIMITS_LAG
    """Spending in this time before `at` may be missing from `used`."""


class RefusalKind(StrEnum):
    """The reason of the org's refusal."""

    QUOTA = "quota"
    """REQUEST_LIMIT_EXCEEDED "TotalRequests …", or a job, batch or delivery limit: the day's
    allocation is used up.
    """
    CONCURRENCY = "concurrency"
    """REQUEST_LIMIT_EXCEEDED "ConcurrentRequests …": too many calls of 20 s and more at once."""
    APEX = "apex"
    """REQUEST_LIMIT_EXCEEDED "ConcurrentPerOrgLongTxn …": too many long Apex transactions in the
    org.
    """
    UNAVAILABLE = "unavailable"
    """503, or an answer with Retry-After: the org asks for quiet."""


class Refusal(Message):
    """A refusal, told to the governor so that every process hears of it."""

    budget: Budget
    kind: RefusalKind
    at: datetime
    retry_after: timedelta


GUEST_PREFIX = "guest:"
"""Begins the process names of guests: `guest:CALLER:PROCESS`."""
MOST_GUEST_PROCESSES = 50
"""Leases that one guest may hold of one budget at once, each by a process of its own."""


class LeaseLine(Message):
    """One lease as its process sees it."""

    budget: Budget
    lease_class: LeaseClass
    granted: int = Field(ge=0)
    """Tokens granted so far, as far as the process has heard."""
    spent: int = Field(ge=0)
    """Tokens spent so far; of a concurrency budget, those let go."""
    returned: int = Field(default=0, ge=0)
    """Tokens given back unspent so far."""
    want: int = Field(ge=0)
    """Tokens that it would like to hold unspent now."""


class Exchange(Message):
    """One process's report and request to the governor."""

    process: str
    """Names the process for as long as it lives; never used again by another."""
    lines: tuple[LeaseLine, ...] = ()
    readings: tuple[Reading, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    at: datetime | None = None
    """The sender's time as it sends; the times of readings and refusals are of the same clock. None
    = it is not known.
    """


class GrantedLine(Message):
    """One lease as the governor sees it."""

    budget: Budget
    lease_class: LeaseClass
    granted: int
    """Tokens granted so far. The process may spend this minus what it has spent or returned."""
    retry_after: timedelta = timedelta(0)
    """With less than asked for: when to ask again. 0 otherwise."""
    reason: str = ""
    """With less than asked for, or while paused: why, in a sentence."""
    paused_for: timedelta = timedelta(0)
    """The org has refused: for this long not even tokens that are held may be spent."""


class LeaseAnswer(Message):
    """The governor's answer to an exchange."""

    lease_life: timedelta
    """From the moment the exchange was *sent*, tokens may be spent for this long."""
    lines: tuple[GrantedLine, ...]


class ReadLimitsInput(Message):
    """One question about the org's limits, paid for in advance."""

    org: str
    calls: int
    """API calls that the governor has counted for it."""


class ReadLimitsResult(Message):
    """The org's answer."""

    readings: tuple[Reading, ...]
    refusals: tuple[Refusal, ...] = ()
    at: datetime | None = None
    """As of `Exchange`."""
