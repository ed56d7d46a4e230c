"""COPY of Parquet: objects under a prefix, into a table, within the client's transaction."""

import asyncio
import json
from collections.abc import Sequence

from sandbox.redshift.load.errors import LoadErrors
from sandbox.redshift.load.parquet import ScanError, TargetColumn, checked
from sandbox.redshift.load.statements import Copy
from sandbox.redshift.load.storage import NO_OBJECTS, Role, Storage
from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.rule import UNDEFINED_COLUMN, rule
from sandbox.redshift.wire.backend import Backend, BackendError

SCAN = rule(
    "parquet-scan",
    "loads",
    "Columns of a Parquet file match those of the table by number, place, type and length.",
    "copy-usage_notes-copy-from-columnar",
    "XX000",
)
COLUMN = rule(
    "copy-column",
    "loads",
    "COPY's column list names columns of the table.",
    "copy-parameters-column-mapping",
    UNDEFINED_COLUMN,
)
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), a.atthasdef,
  CASE WHEN a.atttypmod < 4 THEN 0 WHEN a.atttypid = 1700 THEN ((a.atttypmod - 4) >> 16) & 65535 ELSE a.atttypmod - 4 END,
  CASE WHEN a.atttypid = 1700 AND a.atttypmod >= 4 THEN (a.atttypmod - 4) & 2047 ELSE 0 END
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = '{table}'::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


class Loader:
    """COPY of one session."""

    def __init__(self, storage: Storage, errors: LoadErrors) -> None:
        self._storage = storage
        self._errors = errors

    async def copy(self, backend: Backend, asked: Copy) -> int:
        """Load every object; the number of rows. Raises `RefusedError` or `BackendError`."""
        role = self._storage.role(asked.role)
        columns = await self._columns(backend, asked)
        keys = await asyncio.to_thread(self._keys, asked, role)
        count = 0
        reads = [asyncio.create_task(asyncio.to_thread(self._storage.read, *place)) for place in keys]
        try:
            for (bucket, key), read in zip(keys, reads, strict=True):
                url = f"https://s3.amazonaws.com/{bucket}/{key}"
                count += await self._load(backend, asked, columns, (url, await read))
        finally:
            for read in reads:
                read.cancel()
        return count

    def _keys(self, asked: Copy, role: Role) -> list[tuple[str, str]]:
        found = self._storage.keys(asked.bucket, asked.prefix, role)
        if not asked.is_manifest:
            return [(asked.bucket, key) for key in found]
        try:
            entries = json.loads(self._storage.read(asked.bucket, asked.prefix))["entries"]
            urls = [str(entry["url"]).removeprefix("s3://").partition("/") for entry in entries]
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError(
                NO_OBJECTS, f"The manifest s3://{asked.bucket}/{asked.prefix} is not valid: {error}"
            ) from error
        return [(bucket, key) for bucket, _, key in urls]

    async def _columns(self, backend: Backend, asked: Copy) -> list[TargetColumn]:
        rows = await backend.run(_COLUMNS.format(table=asked.table.replace("'", "''")))
        every = {
            str(name): TargetColumn(str(name), str(kind), int(size or 0), int(scale or 0), default == "t")
            for name, kind, default, size, scale in rows
        }
        if not asked.columns:
            return list(every.values())
        names = [column[1:-1].replace('""', '"') for column in asked.columns]
        for name in names:
            if name not in every:
                raise RefusedError(COLUMN, f'column "{name}" of relation {asked.table} does not exist')
        return [every[name] for name in names]

    async def _load(
        self, backend: Backend, asked: Copy, columns: Sequence[TargetColumn], file: tuple[str, bytes]
    ) -> int:
        url, body = file
        try:
            scanned = await asyncio.to_thread(checked, body, list(columns), url)
        except ScanError as error:
            query = await self._errors.write(asked.table, url, error)
            raise RefusedError(SCAN, "Spectrum Scan Error", f"\n{scan_detail(error, query)}") from error
        names = ", ".join('"' + column.name.replace('"', '""') + '"' for column in scanned.columns)
        try:
            await backend.copy_in(
                f"COPY {asked.table} ({names}) FROM STDIN WITH (FORMAT csv)", scanned.chunks
            )
        except BackendError as error:
            # Redshift's own steps of a COPY do not show a row, as the context here would.
            error.fields.pop("W", None)
            raise
        return scanned.rows


def scan_detail(error: ScanError, query: int) -> str:
    """The block that Redshift puts into DETAIL."""
    line = "-" * 47
    return (
        f"  {line}\n  error:  Spectrum Scan Error\n  code:      {error.code}\n  context:   {error.context}\n"
        f"  query:     {query}\n  location:  dory_util.cpp:1450\n  process:   worker_thread [pid=1]\n  {line}"
    )
