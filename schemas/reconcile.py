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
from schemas.security.words import Words

SETTLE = timedelta(minutes=2)
"""The freshness goal: changes older than this must be in the warehouse."""
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


class DifferenceKind(StrEnum):
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
    by: Words = "unknown"
    """The caller; goes on record."""
    reason: Words = ""

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


class Isolated(Message):
    """Fields of live records whose value does not fit. Reports list them as `record_id` and
    `fields`, API names.
    """

    records: int = 0
    fields: int = 0
    key: str | None = None
    """Where the list lies; None when there are none."""


class RecordDifference(Message):
    """One record that is not the same on both sides. Never a value."""

    record_id: str
    kind: DifferenceKind
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


_SAID = {
    Verdict.EQUAL: "equal",
    Verdict.REPAIRED: "repaired, equal",
    Verdict.DIFFERS: "differs",
    Verdict.ISOLATED: "equal but for isolated fields",
}
_REPAIRS = {True: " with repair", False: " without repair", None: ""}
