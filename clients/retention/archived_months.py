"""`ops.archive`: which months of which table are archived, and how far each one is."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from clients.retention.archive import Archive
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import apply, retention as sql
from schemas.ops_tables import ARCHIVE_COLUMNS
from schemas.security.retention import ArchiveFile, ArchiveManifest, MonthState
from transforms.retention.periods import Month


class ArchivedMonth(NamedTuple):
    """A row of `ops.archive`."""

    source: str
    month: str
    state: str
    rows: int
    files: int
    bytes: int
    manifest_key: str
    manifest_sha256: str
    locked_until: datetime
    archived_at: datetime
    verified_at: datetime | None = None
    dropped_at: datetime | None = None
    expired_at: datetime | None = None

    def went(self, state: MonthState, at: datetime) -> "ArchivedMonth":
        """The row after a step."""
        changed: dict[str, Any] = {"state": str(state), f"{state}_at": at}
        return self._replace(**changed)

    def read_files(self, archive: Archive) -> tuple[ArchiveManifest | None, tuple[ArchiveFile, ...]]:
        """Its manifest and files; None and () of a month without rows, which has no object.

        Raises `TerminalError` when the manifest is not the one that was written.
        """
        if not self.files:
            return None, ()
        manifest = archive.manifest(self.source, self.month, self.manifest_sha256)
        return manifest, manifest.files


def archived_months(warehouse: Warehouse) -> list[ArchivedMonth]:
    """Every month on record, by table and time."""
    with warehouse.reading() as reading:
        return read_months(reading)


def read_months(reading: Transaction) -> list[ArchivedMonth]:
    """The same within a transaction."""
    return [ArchivedMonth(*(_plain(each) for each in row)) for row in reading.fetch(sql.list_archive())]


def keep_month(transaction: Transaction, row: ArchivedMonth) -> None:
    """Put a month on record, in the place of what was there of it."""
    transaction.execute(sql.forget_month(), [row.source, row.month])
    transaction.execute(apply.insert_row(apply.ARCHIVE, ARCHIVE_COLUMNS), list(row))


def next_month(rows: Iterable[ArchivedMonth], source: str) -> Month | None:
    """The month after the last one that is archived; None when none is."""
    months = [Month.parse(row.month) for row in rows if row.source == source]
    return max(months).plus(1) if months else None


def _plain(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
