"""Messages between the steps of a reconciliation.

Only references and counts travel: what a step hands on to the next one lies in the object store
(`ids.reconcile_key`).
"""

from datetime import datetime

from pydantic import Field

from schemas.message import Message
from schemas.reconcile import Grain, Range, ReconcileState


class CheckLogInput(Message):
    """One stretch of holding curated rows against the change log."""

    org: str
    object: str
    run: str
    repairs: bool
    after: str = ""
    number: int = 0
    """Of the stretch: names its list of differences."""


class AskBucketsInput(Message):
    """One question for aggregates."""

    org: str
    object: str
    run: str
    grain: Grain
    ranges: tuple[Range, ...]
    number: int
    """Names the answer."""


class AskedBuckets(Message):
    """Where the org's aggregates lie."""

    key: str
    records: int
    """Live, in the ranges."""
    calls: int
    asked_at: datetime
    """By the org's clock, when the first question was sent."""


class DifferingBuckets(Message):
    """Which buckets are not the same on both sides."""

    ranges: tuple[Range, ...]
    """Adjacent buckets are one range."""
    buckets: int
    differing: int
    rows: int
    """The org's records in those that differ, or the warehouse's if it has more."""
    org_records: int
    warehouse_records: int
    in_flight: int
    """Changes that were committed while the org was asked, and which were recognized by the
    change log.
    """
    ahead: int = 0
    """Records of the whole object whose last change lies ahead of the clock. Asked once, by day;
    like the three that follow.
    """
    ahead_key: str | None = None
    """Where their ids lie."""
    isolated: int = 0
    """Live records of the whole object with isolated fields."""
    isolated_key: str | None = None
    """Where their ids lie; None when there are none, or more than one call reads."""


class Scope(Message):
    """Which records are looked at one by one: all, those of some ranges, or those of a list."""

    ranges: tuple[Range, ...] = ()
    ids_keys: tuple[str, ...] = ()
    """Object-store keys of JSON lists of record ids."""
    has_fields: bool = False
    """True compares the fields too."""

    @property
    def is_whole(self) -> bool:
        return not self.ranges and not self.ids_keys


class ReadFactsInput(Message):
    """One question for records."""

    org: str
    object: str
    run: str
    scope: Scope
    number: int
    expected_rows: int = 0
    """The expected number of rows; 0 = unknown."""


class ReadFacts(Message):
    """Where the org's answer lies."""

    prefix: str
    pages: int
    rows: int
    calls: int
    asked_from: datetime
    """By the org's clock: everything that was committed before could be seen in the answer."""
    fields: tuple[str, ...] = ()
    """Whose values were digested, in order; empty: none, or those that the scope needs."""
    key_id: str = ""
    """The data key whose tokens were digested; "" = no value was, or the org has had one key
    only.
    """


class CompareFactsInput(Message):
    """The org's answer, to be compared with the warehouse."""

    org: str
    object: str
    run: str
    scope: Scope
    read: ReadFacts
    number: int


class ComparedFacts(Message):
    """The result of comparing records."""

    records: int = 0
    differing: int = 0
    unsettled: int = 0
    """They changed while they were looked at, and must be looked at again."""
    kinds: dict[str, int] = Field(default_factory=dict)
    key: str | None = None
    """Where the differences lie: JSON list of `RecordDifference`; None when there are none."""
    ids_key: str | None = None
    """Where the ids lie of those whose repair may stand at its own modstamp."""
    above_key: str | None = None
    """Where the ids lie of the others: the warehouse holds a later change, so that their repair
    must stand above it.
    """
    unsettled_key: str | None = None

    @property
    def suspects(self) -> tuple[str, ...]:
        """Where the ids lie of records that are to be looked at again."""
        keys = (self.ids_key, self.above_key, self.unsettled_key)
        return tuple(key for key in keys if key is not None)


class SetAsideInput(Message):
    """Records whose repair must stand above what the warehouse holds of them."""

    org: str
    object: str
    ids_key: str
    as_of: datetime
    """By the org's clock, before the warehouse was looked at."""


class SetAside(Message):
    """The changes taken out of the change log, and where a repair stands above the rest."""

    changes: int = 0
    """They lay ahead of the clock, and wait in quarantine now."""
    records: int = 0
    stands_at: datetime | None = None
    """The last change of these records that is in force; None: they have none."""


class FindIsolatedInput(Message):
    """Which fields of which records are isolated at the end of a reconciliation."""

    org: str
    object: str
    run: str
    range: Range = Range()


class KeepReportInput(Message):
    """The report of a finished reconciliation, to be kept."""

    state: ReconcileState
    found_keys: tuple[str, ...]
    """Where the differences that were found lie."""
    left_keys: tuple[str, ...]
    """Where those lie that are left."""
