"""A reconciliation: the question whether the warehouse equals the org, how deep it goes, and what
came of it.

Only references and counts travel: what a step hands on to the next one lies in the object store
(`ids.reconcile_key`).
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from schemas.message import Message

SETTLE = timedelta(minutes=2)
"""The freshness goal: the longest time from the org to the warehouse."""


_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class Depth(StrEnum):
    """Depth of the comparison. Each depth holds the ones before it."""

    BUCKETS = "buckets"
    """Counts, newest changes and sums by day; hours, then records, only where they differ. A few
    calls.
    """
    IDS = "ids"
    """Id and time of change of every record, deleted ones too. A call for each quarter million."""
    FIELDS = "fields"
    """Every field of every record. The same calls, many more bytes."""


class Grain(StrEnum):
    """Length of a bucket."""

    DAY = "day"
    HOUR = "hour"

    @property
    def seconds(self) -> int:
        """Length of a bucket."""
        return 86_400 if self is Grain.DAY else 3_600


class Kind(StrEnum):
    """A difference of a record in the warehouse."""

    MISSING = "missing"
    """The org has it, the warehouse has no row."""
    EXTRA = "extra"
    """Live in the warehouse, in the org's recycle bin."""
    GONE = "gone"
    """Live in the warehouse, and the org does not know it any more."""
    DELETED = "deleted"
    """Live in the org, deleted in the warehouse."""
    STALE = "stale"
    """The org has a later change."""
    FIELDS = "fields"
    """Of the same change, with other values."""
    INCOMPLETE = "incomplete"
    """The warehouse never saw the whole record."""
    DUPLICATE = "duplicate"
    """More than one row."""
    ALTERED = "altered"
    """The rows are not what the change log says."""
    AHEAD = "ahead"
    """The warehouse's last change is later than any of the org's, or lies ahead of the clock."""


class Verdict(StrEnum):
    """The verdict at the end of a reconciliation."""

    EQUAL = "equal"
    REPAIRED = "repaired"
    """Differences were found and repaired, and are gone."""
    DIFFERS = "differs"
    ISOLATED = "isolated"
    """Nothing differs any more but fields whose value does not fit: they are unknown in the
    warehouse, and named.
    """


class Range(Message):
    """Records whose LastModifiedDate lies in [since, until); None is no bound."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """Both ends; times before and after all others for those that are open."""
        return self.since or _FIRST, self.until or _LAST


class ReconcileInput(Message):
    """The records to reconcile of one object."""

    org: str
    object: str
    window: str = Field(default="all", pattern=r"^[0-9A-Za-z][0-9A-Za-z._:+-]{0,79}$")
    """Names the reconciliation among those of its object."""
    depth: Depth = Depth.BUCKETS
    since: datetime | None = None
    """Only records last modified from here on; None: from the beginning."""
    until: datetime | None = None
    """Only records last modified before; None: up to now."""
    repairs: bool = True
    checks_log: bool = True
    """Also holds the curated rows against the change log, which costs no call, and fixes them from
    it.
    """
    settle: timedelta = SETTLE
    """Between asking the org and asking the warehouse: what a lane may take to bring a change."""
    most_named: int = Field(default=20_000, ge=0)
    """With more suspects than this they are not looked at one by one: differences are then counted
    by what the sets say.
    """
    by: str = "unknown"
    """The caller; goes on record."""
    reason: str = ""

    @model_validator(mode="after")
    def _window(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("`since` must be before `until`")
        return self

    @property
    def range(self) -> Range:
        """The records that it is about."""
        return Range(since=self.since, until=self.until)

    @property
    def is_whole(self) -> bool:
        return self.since is None and self.until is None


class StepCost(Message):
    """The cost of one step."""

    step: str
    calls: int
    seconds: float = 0.0


class LogCheck(Message):
    """The result of comparing the curated rows with the change log."""

    records: int = 0
    altered: int = 0
    """Records whose rows were not the fold of their changes."""
    duplicated: int = 0
    """Of these, records with more than one row."""
    mended: int = 0
    after: str = ""
    """Record id up to which it has come."""
    key: str | None = None
    """Where the differences lie; None when there are none."""
    done: bool = True


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
    """Buckets that are not the same on both sides."""

    ranges: tuple[Range, ...]
    """Adjacent buckets are one range."""
    buckets: int
    differing: int
    rows: int
    """The org's records in those that differ, or the warehouse's if it has more."""
    org_records: int
    warehouse_records: int
    in_flight: int
    """Changes that were committed while the org was asked, and which were distinguished by the
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
    """Records to compare one by one: all, those of some ranges, or those of a list."""

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
    """The known number of rows; 0 when it is unknown."""


class ReadFacts(Message):
    """Where the org's answer lies."""

    prefix: str
    pages: int
    rows: int
    calls: int
    asked_from: datetime
    """By the org's clock: everything that was committed before could be seen in the answer."""
    fields: tuple[str, ...] = ()
    """Fields whose values were digested, in order; empty: none, or those that the scope needs."""


class CompareFactsInput(Message):
    """The org's answer, to be compared with the warehouse."""

    org: str
    object: str
    run: str
    scope: Scope
    read: ReadFacts
    number: int


class ComparedFacts(Message):
    """The result of comparing records with each other."""

    records: int = 0
    differing: int = 0
    unsettled: int = 0
    """They changed while they were looked at, and must be looked at again."""
    kinds: dict[str, int] = Field(default_factory=dict)
    key: str | None = None
    """Where the differences lie: JSON list of `Difference`; None when there are none."""
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
    """Rows removed from the change log, and rows above which a repair stands."""

    changes: int = 0
    """They lay ahead of the clock, and wait in quarantine now."""
    records: int = 0
    stands_at: datetime | None = None
    """The last change of these records that is in force; None: they have none."""


class FindIsolatedInput(Message):
    """Isolated fields by record at the end of a reconciliation."""

    org: str
    object: str
    run: str
    range: Range = Range()


class Isolated(Message):
    """Fields of live records whose value does not fit. Reports list them as `record_id` and
    `fields`, API names.
    """

    records: int = 0
    fields: int = 0
    key: str | None = None
    """Where the list lies; None when there are none."""


class Difference(Message):
    """One record that is not the same on both sides. Never a value."""

    record_id: str
    kind: Kind
    fields: tuple[str, ...] = ()
    """Names of the fields that differ; empty when that was not looked at, or is beside the point.
    """


class ReconcileState(Message):
    """A reconciliation as its query shows it, and its result."""

    org: str
    object: str
    window: str
    run: str
    depth: Depth
    stage: str
    """checking the log, asking, waiting, comparing, repairing, done."""
    verdict: Verdict | None = None
    """None before the end."""
    as_of: datetime | None = None
    org_records: int | None = None
    warehouse_records: int | None = None
    log: LogCheck | None = None
    found: int = 0
    repaired: int = 0
    left: int = 0
    isolated: Isolated | None = None
    """The isolated fields at the end; None before, and for runs of older releases."""
    kinds: dict[str, int] = Field(default_factory=dict)
    trouble: str = ""
    """The reason of a repair's failure."""
    repairs: bool | None = None
    """As of `ReconcileInput`; None = a run of an older release, which does not say."""
    costs: tuple[StepCost, ...] = ()
    report_key: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def calls(self) -> int:
        """API calls of all steps, the repair's included."""
        return sum(cost.calls for cost in self.costs)

    def sentence(self) -> str:
        """The verdict as a sentence for a person, with its depth and whether it was allowed to
        repair.
        """
        if self.verdict is None:
            return self.stage
        at = "" if self.as_of is None else f" as of {self.as_of:%Y-%m-%d %H:%M:%S} UTC"
        how = f", by {self.depth}{_REPAIRS[self.repairs]}"
        if self.verdict is Verdict.ISOLATED and self.isolated is not None:
            fields, records = self.isolated.fields, self.isolated.records
            repaired = "repaired, " if self.found or (self.log and self.log.altered) else ""
            named = (
                f"{fields:,} isolated field{'s' * (fields != 1)} of {records:,} record{'s' * (records != 1)}"
            )
            return f"{repaired}equal but for {named}, named in the report,{at}{how}"
        return f"{_SAID[self.verdict]}{at}{how}"


class KeepReportInput(Message):
    """The stored summary of a finished reconciliation."""

    state: ReconcileState
    found_keys: tuple[str, ...]
    """Where the differences that were found lie."""
    left_keys: tuple[str, ...]
    """Where those lie that are left."""


_SAID = {
    Verdict.EQUAL: "equal",
    Verdict.REPAIRED: "repaired, equal",
    Verdict.DIFFERS: "differs",
    Verdict.ISOLATED: "equal but for isolated fields",
}
_REPAIRS = {True: " with repair", False: " without repair", None: ""}
