"""Retention: which data is kept for how long, and how it ends (law 12).

Two promises are the users': 13 months of raw history, 7 years of curated audit data. The rest is
chosen here, with its reason. A prefix that no rule names is never deleted: `keys/` and `chain/` are
such.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import model_validator

from schemas.message import Message

RAW_MONTHS: Final = 13
"""Months that raw files are kept after the day on which they were landed: the users'
requirement.
"""
AUDIT_YEARS: Final = 7
"""Years that audit data is kept after the end of its month: the users' requirement."""
WAREHOUSE_MONTHS: Final = 24
"""Months that the change log stays in the warehouse. Never fewer than raw has: a replay of raw
must find in the log every change that it brings again.
"""
SEAL_AFTER: Final = timedelta(days=3)
"""Time after a month's end until it is sealed. A transaction stamps its rows before it commits, and
must have ended by then.
"""
RUN_EVERY: Final = timedelta(days=1)
OVERDUE_AFTER: Final = timedelta(days=7)
"""Time after which something that is due and not done is a problem: a run a day has failed
often.
"""
SLICE_ROWS: Final = 50_000
"""Rows of one archived file, at most but for a second that has more: 150 MB of 3 KB rows in
memory.
"""
LEDGER_SOURCE: Final = "ops.ledger"
"""It stays in the warehouse until its archive expires: it proves that a batch was applied."""
REMOVED_AT_ONCE: Final = 1_000
"""Keys of one DeleteObjects call (S3 API reference, DeleteObjects)."""


class RetentionPolicy(Message):
    """The part of the settings that the steps need."""

    raw_months: int = RAW_MONTHS
    warehouse_months: int = WAREHOUSE_MONTHS
    audit_years: int = AUDIT_YEARS
    seal_after: timedelta = SEAL_AFTER
    slice_rows: int = SLICE_ROWS
    rest: float = 3.0
    """Rest after each transaction that takes rows out of the warehouse, as a multiple of its
    length.
    """


class PrefixRule(Message):
    """A class of objects that ends by its age."""

    name: str
    prefix: str
    """`{org}` stands for the org's id."""
    keep_months: int = 0
    keep_days: int = 0
    why: str
    needs_applied: bool = False
    """True = an object of a batch stays as long as the batch is not applied whole, is held, or has
    changes in quarantine that wait.
    """
    lifecycle: bool = False
    """True = the bucket's lifecycle configuration names it too: nothing but its age decides."""

    def of(self, org: str) -> str:
        """The prefix of an org's keys."""
        return self.prefix.format(org=org)


PREFIX_RULES: Final = (
    PrefixRule(
        name="raw",
        prefix="raw/{org}/",
        keep_months=RAW_MONTHS,
        needs_applied=True,
        why="raw history as received; the users' 13 months",
    ),
    PrefixRule(
        name="staged",
        prefix="staged/{org}/",
        keep_days=7,
        needs_applied=True,
        why="typed files of a batch; once it is applied they are made again from raw",
    ),
    PrefixRule(
        name="loads",
        prefix="load/",
        keep_days=2,
        lifecycle=True,
        why="a load is deleted with its transaction; only a killed process leaves one",
    ),
    PrefixRule(
        name="unloads",
        prefix="unload/",
        keep_days=2,
        lifecycle=True,
        why="a reading is deleted with its transaction; only a killed process leaves one",
    ),
    PrefixRule(
        name="intake",
        prefix="intake/{org}/",
        keep_days=30,
        lifecycle=True,
        why="files of writebacks; accepted at once, kept to look into a refusal",
    ),
    PrefixRule(
        name="refusals",
        prefix="intake-refused/{org}/",
        keep_days=30,
        lifecycle=True,
        why="the refused rows of such a file",
    ),
    PrefixRule(
        name="previews",
        prefix="preview/{org}/",
        keep_days=2,
        lifecycle=True,
        why="dry runs; deleted when answered, a killed process leaves one",
    ),
)


class MonthState(StrEnum):
    """Where a sealed month of a table is."""

    ARCHIVED = "archived"
    VERIFIED = "verified"
    DROPPED = "dropped"
    EXPIRED = "expired"


class Work(StrEnum):
    """The kind of work that a task of retention does."""

    REMOVE = "remove"
    LIFECYCLE = "lifecycle"
    ARCHIVE = "archive"
    VERIFY = "verify"
    DROP = "drop"
    EXPIRE = "expire"
    REFOLD = "refold"


class RetentionInput(Message):
    """A run of retention."""

    org: str
    name: str = "due"
    """Tells apart what may run at once. The steps may be done twice, so nothing is lost by it."""
    now: datetime | None = None
    """The time by which things are due. None = the time at which the run begins."""
    by: str = "schedule"
    reason: str = ""


class RetentionTask(Message):
    """One thing that is due."""

    work: Work
    target: str
    """Name of a prefix rule, or a table such as `audit.case_change`."""
    month: str = ""
    """Of a table: 2026-11. Empty for a prefix."""
    rule: str
    """By what it is due, in a sentence."""
    due_since: datetime
    rows: int | None = None
    """Rows or objects that it is about. None = not counted before it is done."""


class RetentionPlan(Message):
    """Everything that is due at a time, in the order in which it is done."""

    now: datetime
    tasks: tuple[RetentionTask, ...] = ()

    def overdue(self) -> tuple[RetentionTask, ...]:
        """The tasks that should have been done long ago."""
        return tuple(task for task in self.tasks if self.now - task.due_since > OVERDUE_AFTER)


class TaskInput(Message):
    """A task and when it is done."""

    org: str
    now: datetime
    task: RetentionTask


class TaskDone(Message):
    """The outcome of a task."""

    task: RetentionTask
    objects: int = 0
    """Objects or files that were written or deleted."""
    rows: int = 0
    bytes: int = 0
    kept: int = 0
    """Objects or rows that are due and still needed."""
    note: str = ""
    """Checksums, and why something was kept. Never a value."""


class RetentionState(Message):
    """A run's progress, and its result."""

    org: str
    stage: str = "planning"
    planned: int = 0
    done: tuple[TaskDone, ...] = ()
    failed: tuple[str, ...] = ()
    """A sentence for each task that could not be done; the next run tries it again."""


class ArchiveFile(Message):
    """One Parquet file of an archived month."""

    key: str
    version_id: str | None
    rows: int
    bytes: int
    sha256: str
    content: str
    """Digest of the rows, whatever the file's form."""
    first_at: datetime
    """Of the column by which the table's months are distinguished."""
    until_at: datetime
    """Rows before it are in the file."""


class ArchiveManifest(Message):
    """An archived month of a table: its files, checksums and lock."""

    format: int = 1
    org: str
    source: str
    month: str
    time_column: str
    keys: tuple[str, ...]
    """Columns that name a row."""
    subject: str | None
    """The column with whose key a row's protected values are sealed; None = it has none."""
    rows: int
    files: tuple[ArchiveFile, ...]
    locked_until: datetime
    made_at: datetime

    @model_validator(mode="after")
    def _adds_up(self) -> "ArchiveManifest":
        if self.rows != sum(each.rows for each in self.files):
            message = "the files of the manifest do not add up to its rows"
            raise ValueError(message)
        return self


class RetentionFinding(Message):
    """Something that `retention verify` found wrong."""

    what: str
    where: str
    remedy: str


class RetentionVerdict(Message):
    """The outcome of `retention verify`."""

    now: datetime
    months: int = 0
    files: int = 0
    rows: int = 0
    bytes: int = 0
    locked: int = 0
    """Files that S3 says are under COMPLIANCE lock until their time."""
    overdue: tuple[RetentionTask, ...] = ()
    findings: tuple[RetentionFinding, ...] = ()
