"""A month's way through the archive: exported, verified, and deleted when its time is over."""

from collections.abc import Callable
from datetime import datetime

import pyarrow as pa

from activities.apply.erased import erased_named
from activities.apply.token_keys import table_forms
from clients.retention.archive import OpenedFile
from clients.retention.archived_months import ArchivedMonth, archived_months, keep_month
from clients.retention.parts import RetentionParts
from clients.retention.sources import Source, WarehouseSource
from clients.warehouse.sql import retention as sql
from schemas.errors import TerminalError
from schemas.security.ids import archive_manifest_key, archive_prefix
from schemas.security.retention import MonthState, RetentionTask, TaskDone
from transforms.retention.compare_rows import Compared, Erasable, compare_rows
from transforms.retention.periods import Month, expires_at

Tell = Callable[[str], None]


def month_row(parts: RetentionParts, task: RetentionTask) -> ArchivedMonth | None:
    """The row of the task's month in `ops.archive`; None when it is not archived."""
    rows = archived_months(parts.warehouse)
    return next((row for row in rows if (row.source, row.month) == (task.target, task.month)), None)


def archive_month(parts: RetentionParts, task: RetentionTask, now: datetime, tell: Tell) -> TaskDone:
    """Export the month, unless it is archived."""
    if month_row(parts, task) is not None:
        return TaskDone(task=task, note="it was archived before")
    month, source = Month.parse(task.month), parts.source(task.target)
    until = expires_at(month, parts.policy.audit_years)
    row = ArchivedMonth(
        source=source.name,
        month=task.month,
        state=MonthState.ARCHIVED,
        rows=0,
        files=0,
        bytes=0,
        manifest_key="",
        manifest_sha256="",
        locked_until=until,
        archived_at=now,
    )
    note = "no rows"
    # A month without rows has one question, and no object.
    if source.count((month.begin, month.end)):
        row, note = _export(parts, source, row, now, tell)
    with parts.warehouse.transaction() as transaction:
        keep_month(transaction, row)
    objects = row.files + bool(row.files)
    return TaskDone(task=task, objects=objects, rows=row.rows, bytes=row.bytes, note=note)


def _export(
    parts: RetentionParts, source: Source, row: ArchivedMonth, now: datetime, tell: Tell
) -> tuple[ArchivedMonth, str]:
    """Write the month; returns its row and a description of the outcome."""
    parts.archive.store.check()
    manifest, digest = parts.archive.export(
        source,
        Month.parse(row.month),
        until=row.locked_until,
        now=now,
        most=parts.policy.slice_rows,
        tell=tell,
    )
    written = row._replace(
        rows=manifest.rows,
        files=len(manifest.files),
        bytes=sum(each.bytes for each in manifest.files),
        manifest_key=archive_manifest_key(parts.org, row.source, row.month),
        manifest_sha256=digest,
    )
    return written, f"locked until {row.locked_until:%Y-%m-%d}; manifest {digest}"


def verify_month(parts: RetentionParts, task: RetentionTask, now: datetime, tell: Tell) -> TaskDone:
    """Read the month back, and compare it with the table row by row.

    Raises `TerminalError` when the archive lacks a row, has another value, or is not locked.
    """
    row = month_row(parts, task)
    if row is None or row.state != MonthState.ARCHIVED:
        return TaskDone(task=task, note="nothing to verify")
    found = compare_month(parts, row, tell)
    with parts.warehouse.transaction() as transaction:
        keep_month(transaction, row.went(MonthState.VERIFIED, now))
    note = f"{found.equal} rows equal, {found.left} have left the table since, {found.erased} erased"
    return TaskDone(task=task, objects=row.files, rows=row.rows, bytes=row.bytes, note=note)


def compare_month(parts: RetentionParts, row: ArchivedMonth, tell: Tell) -> Compared:
    """Hold every file of a month against the table; raises `TerminalError` when dropping the rows
    would lose one.
    """
    total = Compared(0, 0, 0, 0, 0)
    manifest, files = row.read_files(parts.archive)
    if manifest is None:
        return total
    source = parts.source(row.source)
    for file in files:
        check_lock(parts, file.key, file.version_id, manifest.locked_until)
        opened = parts.archive.open(manifest, file)
        forms = _forms(parts, source)
        ours, theirs = forms(opened.rows), forms(source.read((file.first_at, file.until_at)))
        found = compare_rows(ours, theirs, keys=source.keys, erasable=_erasable(parts, source, opened))
        if not found.is_safe:
            raise TerminalError(
                f"{row.source} of {row.month}: {file.key} lacks {found.missing} rows of the table and has {found.differing} "
                "otherwise. Nothing was dropped. Find out what wrote to a sealed month; see `tidegate retention verify`."
            )
        total = Compared(*(one + other for one, other in zip(total, found, strict=True)))
        tell(file.key)
    return total


def _forms(parts: RetentionParts, source: Source) -> Callable[[pa.Table], pa.Table]:
    """Bring rows' tokens into one form: a rotation may have re-encrypted the table's since."""
    spec = source.spec if isinstance(source, WarehouseSource) else None
    with parts.warehouse.transaction() as transaction:
        forms = table_forms(transaction, spec, parts.protector)
    return forms.table if forms is not None else lambda rows: rows


def _erasable(parts: RetentionParts, source: Source, opened: OpenedFile) -> Erasable | None:
    """The values of a file that may differ from the table's: an erasure has taken them there, or it
    has destroyed the key with which they can be read here.
    """
    if source.subject is None:
        return None
    subjects = set(opened.rows[source.subject].to_pylist())
    with parts.warehouse.reading() as reading:
        gone = opened.gone | erased_named(reading, subjects)
    return Erasable(source.subject, gone, source.protected | source.marks)


def check_lock(parts: RetentionParts, key: str, version_id: str | None, until: datetime) -> None:
    """Raises `TerminalError` when a file could be deleted before its time."""
    lock = parts.archive.store.lock_of(key, version_id)
    if lock is None or not lock.holds_until(until):
        raise TerminalError(
            f"{key} is not locked until {until:%Y-%m-%d} in COMPLIANCE mode ({lock}). Nothing was dropped. "
            "See that the archive's bucket has Object Lock."
        )


def drop_plain_rows(parts: RetentionParts, task: RetentionTask, now: datetime, tell: Tell) -> TaskDone:
    """Take a month's rows out of a table of which nothing else is made, such as the ledger."""
    row = month_row(parts, task)
    if row is None or row.state != MonthState.VERIFIED:
        return TaskDone(task=task, note="nothing to drop")
    compare_month(parts, row, tell)
    source, gone, rows = parts.source(task.target), 0, 0
    for span in Month.parse(task.month).days() if row.files else ():
        for each in parts.warehouse.with_copy():
            with each.transaction() as transaction:
                rows = transaction.execute(sql.delete_span(source.name, source.time_column), list(span))
        gone += rows
    with parts.warehouse.transaction() as transaction:
        keep_month(transaction, row.went(MonthState.DROPPED, now))
    return TaskDone(task=task, rows=gone)


def expire_month(parts: RetentionParts, task: RetentionTask, now: datetime, tell: Tell) -> TaskDone:
    """Delete every version of the month's files, whose locks are over, and versions of history that
    ended before the month did.
    """
    row = month_row(parts, task)
    if row is None or row.state != MonthState.DROPPED:
        return TaskDone(task=task, note="nothing to expire")
    if row.locked_until > now:
        raise TerminalError(f"{row.source} of {row.month} is locked until {row.locked_until:%Y-%m-%d}.")
    gone = 0
    prefix = archive_prefix(parts.org, row.source, row.month)
    for version in parts.archive.store.versions(prefix) if row.files else ():
        parts.archive.store.delete_version(version)
        gone += 1
        tell(version.key)
    ended = _drop_ended_versions(parts, task) if row.files and task.target.endswith("_change") else 0
    with parts.warehouse.transaction() as transaction:
        keep_month(transaction, row.went(MonthState.EXPIRED, now))
    note = f"{ended} versions of history had ended by then" if ended else ""
    return TaskDone(task=task, objects=gone, rows=row.rows + ended, bytes=row.bytes, note=note)


def _drop_ended_versions(parts: RetentionParts, task: RetentionTask) -> int:
    spec = parts.change_log(task.target).spec
    if spec is None or not spec.history:
        return 0
    ended = 0
    for each in parts.warehouse.with_copy():
        with each.transaction() as transaction:
            transaction.lock_object(spec.table)
            ended = transaction.execute(sql.delete_ended_versions(spec), [Month.parse(task.month).end])
    return ended
