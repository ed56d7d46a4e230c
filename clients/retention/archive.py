"""Export a sealed month of a table into the archive, read it back, and find a record in it."""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clients.retention.archive_store import ArchiveStore
from clients.retention.sources import Source, Span
from clients.retention.subject_keys import SubjectKeys
from clients.storage.object_reader import open_object
from schemas.errors import TerminalError
from schemas.security.ids import archive_file_key, archive_manifest_key
from schemas.security.retention import ArchiveFile, ArchiveManifest
from transforms.retention.content_digest import content_digest
from transforms.retention.periods import Month
from transforms.retention.seal import open_table, seal_table
from transforms.retention.slices import slices

_ROW_GROUP = 10_000
"""Rows of a row group: a record is found by their statistics, and one group is read."""


@dataclass(frozen=True)
class OpenedFile:
    """An archived file's rows as the table had them."""

    file: ArchiveFile
    rows: pa.Table
    gone: frozenset[str]
    """Subjects whose key was destroyed: their sealed values are null."""


@dataclass
class Archive:
    """The archive of one org. Its methods block."""

    org: str
    store: ArchiveStore
    keys: SubjectKeys

    def export(
        self,
        source: Source,
        month: Month,
        *,
        until: datetime,
        now: datetime,
        most: int,
        tell: Callable[[str], None] = lambda _: None,
    ) -> tuple[ArchiveManifest, str]:
        """Write a month's rows and its manifest; returns it with its SHA-256.

        An export that is done again finds the files that are there: the same rows give the same
        bytes.

        Args:
            source: The table.
            month: A month to which no more rows come.
            until: The lock's end.
            now: The time of the export.
            most: Rows of a file, about.
            tell: Told the key of each file that was written.
        """
        files: list[ArchiveFile] = []
        for day in month.days():
            counts = source.count_by_second(day)
            for begin, end, _ in slices(counts, begin=day[0], end=day[1], most=most):
                key = archive_file_key(self.org, source.name, str(month), len(files))
                files.append(self._write(source, (begin, end), key, until))
                tell(key)
        manifest = ArchiveManifest(
            org=self.org,
            source=source.name,
            month=str(month),
            time_column=source.time_column,
            keys=source.keys,
            subject=source.subject,
            rows=sum(each.rows for each in files),
            files=tuple(files),
            locked_until=until,
            made_at=now,
        )
        body = manifest.model_dump_json().encode()
        self.store.put_locked(archive_manifest_key(self.org, source.name, str(month)), body, until)
        return manifest, hashlib.sha256(body).hexdigest()

    def manifest(self, source: str, month: str, sha256: str) -> ArchiveManifest:
        """A month's manifest; raises `TerminalError` when it is not the one that was written."""
        body = self.store.get_checked(archive_manifest_key(self.org, source, month), None, sha256)
        return ArchiveManifest.model_validate_json(body)

    def open(self, manifest: ArchiveManifest, file: ArchiveFile) -> OpenedFile:
        """A file's rows with their values opened; raises `TerminalError` when it is not as it was
        written.
        """
        rows = self.read(file)
        return self._opened(manifest, file, rows)

    def read(self, file: ArchiveFile) -> pa.Table:
        """A file's rows as they lie there; raises `TerminalError` when they are not as written."""
        body = self.store.get_checked(file.key, file.version_id, file.sha256)
        rows = pq.read_table(io.BytesIO(body))
        if len(rows) != file.rows or content_digest(rows) != file.content:
            raise TerminalError(
                f"{file.key} has other rows than it was archived with. Do not drop its month."
            )
        return rows

    def find(self, manifest: ArchiveManifest, record_ids: Iterable[str]) -> Iterator[OpenedFile]:
        """The rows of some records in a month, file by file. Of each file the footer is read, and
        the row groups that may have one of them; `retention verify` reads whole files.
        """
        for file, rows in self.find_sealed(manifest, record_ids):
            yield self._opened(manifest, file, rows)

    def find_sealed(
        self, manifest: ArchiveManifest, record_ids: Iterable[str]
    ) -> Iterator[tuple[ArchiveFile, pa.Table]]:
        """The same with protected values as they lie there."""
        wanted = pa.array(sorted(set(record_ids)), pa.large_string())
        for file in manifest.files:
            rows = _rows_of(pq.ParquetFile(open_object(self.store.objects, file.key)), wanted)
            if len(rows):
                yield file, rows

    def _opened(self, manifest: ArchiveManifest, file: ArchiveFile, rows: pa.Table) -> OpenedFile:
        if manifest.subject is None:
            return OpenedFile(file, rows, frozenset())
        keys = self.keys.read(set(rows[manifest.subject].to_pylist()))
        opened, gone = open_table(rows, subjects=manifest.subject, keys=keys, context=manifest.source)
        return OpenedFile(file, opened, frozenset(gone))

    def _write(self, source: Source, span: Span, key: str, until: datetime) -> ArchiveFile:
        # The keys before the rows: see `SubjectKeys.get_or_create`.
        keys = self.keys.get_or_create(source.subjects(span)) if source.subject is not None else {}
        rows = source.read(span)
        if source.subject is not None:
            rows = seal_table(
                rows, subjects=source.subject, protected=source.protected, keys=keys, context=source.name
            )
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd", row_group_size=_ROW_GROUP, write_statistics=True)
        body = sink.getvalue().to_pybytes()
        digest = hashlib.sha256(body).hexdigest()
        version = self.store.put_once(key, body, digest, until)
        return ArchiveFile(
            key=key,
            version_id=version,
            rows=len(rows),
            bytes=len(body),
            sha256=digest,
            content=content_digest(rows),
            first_at=span[0],
            until_at=span[1],
        )


def _rows_of(file: pq.ParquetFile, wanted: pa.Array) -> pa.Table:
    """The rows of some records, of the row groups that may have them."""
    place = file.schema_arrow.names.index("record_id")
    first, last = wanted[0].as_py(), wanted[-1].as_py()
    groups = []
    for number in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(number).column(place).statistics
        if (
            statistics is None
            or not statistics.has_min_max
            or (statistics.min <= last and statistics.max >= first)
        ):
            groups.append(number)
    rows = file.read_row_groups(groups)
    return rows.filter(pc.is_in(rows["record_id"], value_set=wanted.cast(rows["record_id"].type)))
