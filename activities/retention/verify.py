"""Whether the archive is as it was written, locked as promised, and nothing is overdue."""

from collections.abc import Iterator
from datetime import datetime

from activities.retention.due import plan_retention
from activities.retention.months import Tell
from clients.retention.archived_months import ArchivedMonth, archived_months
from clients.retention.parts import RetentionParts
from clients.retention.removal import NEVER
from schemas.errors import TidegateError
from schemas.security.retention import (
    ArchiveFile,
    MonthState,
    RetentionFinding,
    RetentionVerdict,
)

_RULES = "Remove the rule from the bucket's lifecycle configuration: it deletes what the engine needs."


def verify_retention(parts: RetentionParts, now: datetime, tell: Tell = lambda _: None) -> RetentionVerdict:
    """Read every archived file and hold it against its manifest. Blocks; changes nothing."""
    findings = [*_lifecycle(parts)]
    months = [row for row in archived_months(parts.warehouse) if row.state != MonthState.EXPIRED]
    files = locked = 0
    for row in months:
        found = _Month(parts, row, now, tell)
        findings += found.findings()
        files, locked = files + found.files, locked + found.locked
    return RetentionVerdict(
        now=now,
        months=len(months),
        files=files,
        rows=sum(row.rows for row in months),
        bytes=sum(row.bytes for row in months),
        locked=locked,
        overdue=plan_retention(parts, now).overdue(),
        findings=tuple(findings),
    )


def _lifecycle(parts: RetentionParts) -> Iterator[RetentionFinding]:
    for name in parts.lifecycle.missing():
        yield RetentionFinding(
            what="the bucket lacks a lifecycle rule", where=name, remedy="tidegate retention run"
        )
    for name in parts.lifecycle.reaching((*NEVER, f"raw/{parts.org}/", f"staged/{parts.org}/")):
        yield RetentionFinding(what="a lifecycle rule deletes needed objects", where=name, remedy=_RULES)


class _Month:
    """One archived month."""

    def __init__(self, parts: RetentionParts, row: ArchivedMonth, now: datetime, tell: Tell) -> None:
        self._parts = parts
        self._row = row
        self._now = now
        self._tell = tell
        self.files = self.locked = 0

    def findings(self) -> Iterator[RetentionFinding]:
        """Everything that is wrong with it."""
        try:
            manifest, _ = self._row.read_files(self._parts.archive)
        except TidegateError as error:
            yield self._wrong(self._row.manifest_key, error)
            return
        if manifest is None:
            return
        if (manifest.rows, len(manifest.files)) != (self._row.rows, self._row.files):
            yield RetentionFinding(
                what="the manifest counts other rows than ops.archive",
                where=self._row.manifest_key,
                remedy="Compare both with the audit log's act retention.archive.",
            )
        for file in manifest.files:
            self._tell(file.key)
            try:
                self._check(file)
            except TidegateError as error:
                yield self._wrong(file.key, error)

    def _check(self, file: ArchiveFile) -> None:
        self._parts.archive.read(file)
        self.files += 1
        lock = self._parts.archive.store.lock_of(file.key, file.version_id)
        if lock is not None and lock.holds_until(self._row.locked_until):
            self.locked += 1
        elif self._now < self._row.locked_until:
            raise _unlocked(file.key, self._row.locked_until)

    def _wrong(self, key: str, error: TidegateError) -> RetentionFinding:
        return RetentionFinding(
            what=str(error),
            where=key,
            remedy="See docs/operations.md, Retention: a file of the archive is wrong.",
        )


def _unlocked(key: str, until: datetime) -> TidegateError:
    return TidegateError(f"{key} is not locked until {until:%Y-%m-%d} in COMPLIANCE mode.")
