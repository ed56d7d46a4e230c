"""The org's budgets, the classes that spend them, and the terms of the division."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from schemas.message import Message


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


_NO_SHARE = Share(floor=0, ceiling=1)
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
    kept for the class; the ceiling is its maximum. A class that is missing has no floor, and may
    spend all.
    """

    def share_of(self, lease_class: LeaseClass) -> Share:
        """The class's part, also of one that `shares` does not name."""
        return self.shares.get(lease_class, _NO_SHARE)
