"""A backfill: what is read again, on whose behalf, and how far it has come.

One mechanism for five uses: an operator's backfill, the repair of gap events, of an overflow, of
a hole in a stream, and of what a reconciliation found. Its rows are snapshots; the fold settles
which of a snapshot and the stream's events is newer.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from schemas.governor import LeaseClass
from schemas.ids import ORIGIN
from schemas.message import Counts, Message

PART_ROWS = 5_000_000
"""Rows of a backfill's part at most; one Bulk query job reads a part."""
HUNG_AFTER = timedelta(minutes=30)
"""A backfill without a step forward for so long hangs. A job of tens of millions of rows takes
minutes, and its turn in the org's queue may take as long.
"""


class BackfillInput(Message):
    """The records of one object to read again: all, the rows of a time window, or some by their
    ids.
    """

    org: str
    object: str
    window: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._:+-]{0,79}$")
    """Names the backfill among those of its object: the same window is the same backfill. `all`,
    `2026-11-01..2026-11-08`, or any word of the caller.
    """
    since: datetime | None = None
    """Only rows with a SystemModstamp from here on; None: from the beginning."""
    until: datetime | None = None
    """Only rows with a SystemModstamp before; None: up to now."""
    ids_key: str | None = None
    """Object-store key of a JSON list of record ids: those are read one by one and nothing else,
    and those that the org has no more become deletions. None: rows are found by time.
    """
    lease_class: LeaseClass = LeaseClass.BACKFILL
    """The lease class that pays."""
    is_repair: bool = False
    """True when rows count though the warehouse has a snapshot with the same modstamp, because it
    is known to be wrong; the records are then folded again from their whole change log.
    """
    after: datetime | None = None
    """Read no earlier than when everything that was committed up to then can be seen; None: at
    once.
    """
    stands_at: datetime | None = None
    """Rows stand no earlier than at the end of this second, which must not be later than `after`:
    they hold whatever was committed by then, though their modstamp may be older. None: every row
    stands at its modstamp.
    """
    by: str = "unknown"
    """The caller; goes on record."""
    reason: str = ""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.ids_key is not None and (self.since is not None or self.until is not None):
            raise ValueError("give either ids or a time window, not both")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("`since` must be before `until`")
        return self


class BackfillCounts(Counts):
    """The progress of a backfill, or of a part of it. Deleted records count as two changes: their
    values, their end.
    """

    rows: int = 0
    """Read from the org and landed. What a lost query job gave is read again, and counts once here.
    """
    changes: int = 0
    """Landed: rows, and a deletion for each row in the recycle bin and each id that the org has no
    more.
    """
    applied: int = 0
    duplicate: int = 0
    quarantined: int = 0
    batches: int = 0
    bytes: int = 0
    """Of the raw files."""
    calls: int = 0
    """API calls made, failed ones included; those of a step that was killed or interrupted only the
    governor knows.
    """


class BackfillState(Message):
    """A backfill as its query shows it, and its result."""

    org: str
    object: str
    window: str
    stage: str
    """planning, reading, paused, done, cancelled, failed."""
    counts: BackfillCounts = BackfillCounts()
    expected_rows: int | None = None
    """By the org's own counts; None before they are known."""
    parts: int = 0
    parts_done: int = 0
    paused_because: str = ""
    notes: tuple[str, ...] = ()
    """Events on the way: query jobs that were lost, parts with other rows than were counted before.
    """
    began_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float = 0
    """Working time, without the pauses."""


class ByTime(StrEnum):
    """The field whose times divide an object into parts."""

    MODIFIED = "SystemModstamp"
    """For a window of changes. A record that changes meanwhile may leave its part; then the stream
    has it.
    """
    CREATED = "CreatedDate"
    """For a whole object: it never changes, so no record ever leaves its part."""


class Part(Message):
    """Rows of an object that one query job reads."""

    number: int
    """0 for the first."""
    by: ByTime = ByTime.MODIFIED
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive; None: without end."""
    expected_rows: int | None = None
    """By the org's count; None when it was not asked."""


class BackfillPlan(Message):
    """The parts of a backfill."""

    parts: tuple[Part, ...]
    expected_rows: int | None = None
    calls: int = 0
    """API calls that it took; 0 for one that was kept."""


class PartInput(Message):
    """One stretch of reading a part."""

    org: str
    object: str
    window: str
    part: Part
    attempt: int = 0
    """Counts the query jobs of the part: a job that is lost with rows unread is replaced by another
    one, which reads all again.
    """
    lease_class: LeaseClass
    reading: int = 0
    """As of `Manifest`."""
    after: datetime | None = None
    stands_at: datetime | None = None
    """As of `BackfillInput`, like `after`."""
    position: str = ORIGIN
    """Where the part's chain has been landed, applied and counted up to."""


class RecordsInput(Message):
    """One stretch of reading records by their ids."""

    org: str
    object: str
    window: str
    ids_key: str
    lease_class: LeaseClass
    reading: int = 0
    after: datetime | None = None
    stands_at: datetime | None = None
    position: str = ORIGIN


class ReadSlice(Message):
    """The result of a stretch."""

    position: str
    done: bool
    counts: BackfillCounts
    """Of this stretch alone; of a lost job, of everything that it gave."""
    lost: str = ""
    """The reason why the part's query job is lost; empty: it is not."""


class BackfillRate(Message):
    """Speed of a past backfill: the expectation for the next one of the object."""

    org: str
    object: str
    rows: int
    seconds: float
    """From its beginning to its end, without the pauses; the org's query jobs and the warehouse
    included.
    """
    bytes: int
    """Of the raw files."""
    at: datetime
