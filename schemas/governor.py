"""The org's budgets and who may spend them: words, terms, and the messages between a process and
the governor.

A process holds at most one *lease* for each budget and class. The lease is a running account:
the process says how many tokens it has spent since it began and how many it would like to hold;
the governor answers with how many it has granted since then. All these numbers only grow, so an
exchange may be repeated, lost or answered late, and nothing is counted twice.

A forecast tells what is left of a budget, who spends it, and when it runs out.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from schemas.message import Message
from schemas.salesforce.limits import LIMITS_LAG


class Budget(StrEnum):
    """A limited resource of an org."""

    API_CALLS = "api_calls"
    LONG_CALLS = "long_calls"
    BULK_QUERY_JOBS = "bulk_query_jobs"
    BULK_QUERY_BYTES = "bulk_query_bytes"
    INGEST_BATCHES = "ingest_batches"
    INGEST_ROWS = "ingest_rows"
    DELIVERED_EVENTS = "delivered_events"
    STREAMING_CLIENTS = "streaming_clients"

    @property
    def is_concurrency(self) -> bool:
        """True when tokens come back as soon as they are let go; false when they are spent for 24
        hours.
        """
        return self in (Budget.LONG_CALLS, Budget.STREAMING_CLIENTS)


class LeaseClass(StrEnum):
    """On whose behalf a token is spent, the most important first."""

    WRITEBACK = "writeback"
    REPAIR = "repair"
    POLLING = "polling"
    """Following lanes, by queries or by events."""
    BACKFILL = "backfill"
    RECONCILIATION = "reconciliation"
    GUEST = "guest"
    """Other teams' integrations that ask for leases too."""

    @property
    def rank(self) -> int:
        """0 for the most important."""
        return list(LeaseClass).index(self)


class Share(Message):
    """A class's part of a budget in 24 hours, as fractions of what the margin and other
    applications leave of it.
    """

    floor: float = Field(ge=0, le=1)
    """Kept for the class: no other class receives tokens from it while the class may need them."""
    ceiling: float = Field(ge=0, le=1)
    """Maximum that the class may spend, however much is left."""


DEFAULT_SHARES: dict[LeaseClass, Share] = {
    LeaseClass.WRITEBACK: Share(floor=0.20, ceiling=1.0),
    LeaseClass.REPAIR: Share(floor=0.05, ceiling=0.6),
    LeaseClass.POLLING: Share(floor=0.40, ceiling=0.9),
    LeaseClass.BACKFILL: Share(floor=0.05, ceiling=0.4),
    LeaseClass.RECONCILIATION: Share(floor=0.05, ceiling=0.3),
    LeaseClass.GUEST: Share(floor=0.05, ceiling=0.3),
}


class GovernorConfig(Message):
    """How the governor divides the org's budgets."""

    margin: float = Field(default=0.05, ge=0, lt=1)
    """Fraction of each budget that is never granted: room for other applications between two usage
    reports. Raise it when the org refuses calls.
    """
    hard_floor: float = Field(default=0.05, ge=0, lt=1)
    """Fraction of the spendable budget. With less than this left, only writebacks are served. 0 =
    no reserve.
    """
    lent: float = Field(default=0.5, ge=0, le=1)
    """Fraction of a quiet class's unspent floor that other classes may use. 0 = floors are never
    lent.
    """
    quiet_after: timedelta = timedelta(minutes=30)
    """Time without a request after which a class counts as quiet."""
    ahead: float = Field(default=0.25, ge=0, le=1)
    """Fraction of a class's last 24 hours of spending that less important classes leave for it.
    0.25 = six hours of it.
    """
    lease_life: timedelta = timedelta(seconds=60)
    """Lifetime of a lease. One that is not renewed in time counts as spent."""
    read_every: timedelta = timedelta(minutes=1)
    """Time between two reads of the Limits API. Each costs one API call: 1,440 a day by default."""
    most_at_once: float = Field(default=0.02, gt=0, le=1)
    """Fraction of the spendable budget that one lease may hold."""
    events_at_once: float = Field(default=0.2, gt=0, le=1)
    """The same for delivered events, where every stream holds tokens for events that are on their
    way.
    """
    shares: dict[LeaseClass, Share] = DEFAULT_SHARES
    """Class -> `floor` and `ceiling`, fractions of the spendable budget in 24 hours. The floor is
    kept for the class; the ceiling is its maximum.
    """


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
