"""Writes an object's tables as Parquet files, and last the manifest that names them.

`current` and `history` are written whole, the change log from the last export on. A manifest
replaces the one before in one step, and the files that the one before names stay until the next
export: who reads by a manifest never finds a file gone, or half of a state.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq

from clients.warehouse import Transaction, Warehouse
from clients.warehouse.export.pages import PAGE, PagedTable, paged_tables
from clients.warehouse.sql.ledger import find_last_commit
from schemas.catalogue import ObjectSpec
from schemas.errors import SettingsError
from schemas.model.export import TABLES, ExportedFile, ObjectExport
from transforms.erasure.fields import kept_fields

MANIFEST = "manifest.json"
_NEXT = "manifest.next.json"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Exporter:
    """Exports to one folder of a file system. Its methods block."""

    warehouse: Warehouse
    files: pa_fs.FileSystem
    folder: str
    page: int = PAGE
    """Rows of a file."""
    is_given_up: Callable[[], bool] = lambda: False
    """Asked before each file and before the manifest. True = nobody waits for this export, and
    another one may have begun.
    """

    def export(self, spec: ObjectSpec, now: datetime) -> ObjectExport:
        """Export an object as of its last commit; returns the manifest, that of the last export
        where nothing was applied since.

        Raises:
            UnavailableError: The warehouse does not answer.
            OSError: The folder cannot be written.
            InterruptedError: It was given up.
            SettingsError: The folder is another export's, or another export writes to it, too.
        """
        before = self.manifest(spec)
        with self.warehouse.reading() as reading:
            rows = reading.fetch(find_last_commit(), [spec.name])
            commit, applied_at = rows[0] if rows else (0, None)
            if before is not None and before.commit == commit:
                return before
            written = self._written(reading, spec, before, (commit, applied_at))
        made = ObjectExport(
            object=spec.name,
            commit=commit,
            applied_at=applied_at,
            exported_at=now,
            left_out=tuple(name for name in spec.fields if name not in kept_fields(spec)),
            current=written["current"],
            history=written.get("history", ()),
            change=((() if before is None else before.change) + written["change"]),
        )
        self._refuse_overtaken(spec, before)
        self._replace(spec, made)
        self._forget(spec, (made, *(() if before is None else (before,))))
        return made

    def manifest(self, spec: ObjectSpec) -> ObjectExport | None:
        """The last export's; None before the first. Raises `SettingsError` for a file that is
        none.
        """
        path = f"{self._place(spec)}/{MANIFEST}"
        if self.files.get_file_info(path).type is pa_fs.FileType.NotFound:
            return None
        with self.files.open_input_stream(path) as stream:
            text = stream.read()
        try:
            return ObjectExport.model_validate_json(text)
        except ValueError as error:
            raise SettingsError(f"{path} is no manifest of an export. Give another folder.") from error

    @property
    def _is_disk(self) -> bool:
        return isinstance(self.files, pa_fs.LocalFileSystem)

    def _place(self, spec: ObjectSpec) -> str:
        return f"{self.folder}/{spec.name}"

    def _written(
        self,
        reading: Transaction,
        spec: ObjectSpec,
        before: ObjectExport | None,
        last: tuple[int, datetime | None],
    ) -> dict[str, tuple[ExportedFile, ...]]:
        commit, until = last
        since = _BEGINNING if before is None or before.applied_at is None else before.applied_at
        found = {}
        for name, table in paged_tables(spec).items():
            span = (since, until or since) if name == "change" else None
            if self._is_disk:  # an object store has no folders
                self.files.create_dir(f"{self._place(spec)}/{name}")
            found[name] = tuple(self._files(reading, spec, (name, table), commit, span))
        return found

    def _files(
        self,
        reading: Transaction,
        spec: ObjectSpec,
        named: tuple[str, PagedTable],
        commit: int,
        span: tuple[datetime, datetime] | None,
    ) -> Iterator[ExportedFile]:
        name, table = named
        for number, rows in enumerate(table.pages(reading, span=span, page=self.page)):
            self._stop_when_given_up(spec)
            path = f"{name}/{commit}-{number:04d}.parquet"
            body = _parquet(rows)
            with self.files.open_output_stream(f"{self._place(spec)}/{path}") as stream:
                stream.write(body)
            yield ExportedFile(path=path, rows=rows.num_rows, bytes=len(body))

    def _stop_when_given_up(self, spec: ObjectSpec) -> None:
        if self.is_given_up():
            raise InterruptedError(f"The export of {spec.name} was given up. The next one does it again.")

    def _refuse_overtaken(self, spec: ObjectSpec, before: ObjectExport | None) -> None:
        """An export that went on after it was given up, in a process that had stood still, must not
        name files that its successor has removed.
        """
        self._stop_when_given_up(spec)
        if self.manifest(spec) != before:
            raise SettingsError(
                f"Another export has written {self._place(spec)}/{MANIFEST} meanwhile. "
                "Have one export at a time write to a place."
            )

    def _replace(self, spec: ObjectSpec, made: ObjectExport) -> None:
        """Put the manifest in the place of the one before: an object store does so with one put, a
        disk with one rename.
        """
        place, text = self._place(spec), made.model_dump_json().encode()
        path = f"{place}/{_NEXT if self._is_disk else MANIFEST}"
        with self.files.open_output_stream(path) as stream:
            stream.write(text)
        if self._is_disk:
            self.files.move(path, f"{place}/{MANIFEST}")

    def _forget(self, spec: ObjectSpec, named: tuple[ObjectExport, ...]) -> None:
        """Remove files that neither manifest names, those of an export that died among them."""
        place = self._place(spec)
        kept = {f"{place}/{file.path}" for each in named for table in TABLES for file in getattr(each, table)}
        for table in TABLES:
            chosen = pa_fs.FileSelector(f"{place}/{table}", allow_not_found=True)
            for each in self.files.get_file_info(chosen):
                if each.is_file and each.path not in kept:
                    self.files.delete_file(each.path)


def _parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()
