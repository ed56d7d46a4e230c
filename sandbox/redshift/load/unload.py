"""UNLOAD of a query's rows to Parquet files."""

import asyncio
import io
import json
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.redshift.load.statements import Unload
from sandbox.redshift.load.storage import Role, Storage
from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.rule import rule
from sandbox.redshift.wire import frames
from sandbox.redshift.wire.backend import Backend

EXISTS = rule(
    "unload-overwrite", "loads", "UNLOAD writes over nothing without ALLOWOVERWRITE.", "r_UNLOAD", "XX000"
)
_SLICES = 2
"""Files that a parallel UNLOAD writes at least, one a slice."""
_TYPES = {
    16: pa.bool_(), 20: pa.int64(), 21: pa.int16(), 23: pa.int32(), 700: pa.float32(), 701: pa.float64(),
    1082: pa.date32(), 1114: pa.timestamp("us"), 1184: pa.timestamp("us", tz="UTC"),
}  # fmt: skip


class Unloader:
    """UNLOAD of one session."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def unload(self, backend: Backend, asked: Unload) -> int:
        """Write the files; the number of rows. Raises `RefusedError` or `BackendError`."""
        role = self._storage.role(asked.role)
        if asked.cleans_path:
            await asyncio.to_thread(self._storage.clean, asked.bucket, asked.prefix, role)
        elif not asked.allows_overwrite and await asyncio.to_thread(
            self._storage.exists, asked.bucket, asked.prefix
        ):
            raise RefusedError(
                EXISTS,
                "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually "
                "removing the target files in S3, or using the ALLOWOVERWRITE option.",
            )
        table = await _rows(backend, asked.query.text)
        await asyncio.to_thread(self._write, asked, table, role)
        return len(table)

    def _write(self, asked: Unload, table: pa.Table, role: Role) -> None:
        parts = _parts(asked, table)
        entries = []
        for place, part in enumerate(parts):
            name = f"{place:04d}_part_00.parquet" if asked.is_parallel else f"{place:03d}.parquet"
            buffer = io.BytesIO()
            pq.write_table(part, buffer, compression="snappy", use_deprecated_int96_timestamps=False)
            key = f"{asked.prefix}{name}"
            self._storage.write(asked.bucket, key, buffer.getvalue(), role, asked.kms_key_id)
            entries.append(
                {
                    "url": f"s3://{asked.bucket}/{key}",
                    "meta": {"content_length": buffer.tell()},
                }
            )
        if asked.has_manifest:
            body = json.dumps({"entries": entries}).encode()
            self._storage.write(asked.bucket, f"{asked.prefix}manifest", body, role, asked.kms_key_id)


def _parts(asked: Unload, table: pa.Table) -> list[pa.Table]:
    count = _SLICES if asked.is_parallel else 1
    if asked.most_bytes:
        count = max(count, -(-table.nbytes // asked.most_bytes))
    size = -(-len(table) // count) or 1
    return [table.slice(first, size) for first in range(0, max(len(table), 1), size)]


async def _rows(backend: Backend, query: str) -> pa.Table:
    """The query's rows, with Redshift's types of Parquet."""
    described, rows = b"\0\0", []
    async for frame in backend.results(query):
        if frame.kind == b"T":
            described = frame.body
        elif frame.kind == b"D":
            rows.append(frames.values(frame.body))
    return _table(described, rows)


def _table(described: bytes, rows: list[tuple[str | None, ...]]) -> pa.Table:
    count, rest = int.from_bytes(described[:2], "big"), described[2:]
    arrays, names = [], []
    for place in range(count):
        name, rest = frames.first_text(rest)
        oid, modifier = int.from_bytes(rest[6:10], "big"), int.from_bytes(rest[12:16], "big", signed=True)
        rest = rest[18:]
        names.append(name)
        arrays.append(_array(oid, modifier, [row[place] for row in rows]))
    return pa.table(arrays, names=names)


def _array(oid: int, modifier: int, values: list[str | None]) -> pa.Array:
    if oid == 1700:
        precision, scale = (
            (((modifier - 4) >> 16) & 65535, (modifier - 4) & 2047) if modifier >= 4 else (38, 18)
        )
        return pa.array(
            [None if each is None else Decimal(each) for each in values], pa.decimal128(precision, scale)
        )
    if oid == 16:
        return pa.array([None if each is None else each == "t" for each in values], pa.bool_())
    wanted = _TYPES.get(oid, pa.string())
    loaders = psycopg.adapters.get_loader(oid, psycopg.pq.Format.TEXT) if oid in _TYPES else None
    load: Any = str if loaders is None else _loaded(oid)
    return pa.array([None if each is None else load(each) for each in values], wanted)


def _loaded(oid: int) -> Any:
    kind = psycopg.adapters.get_loader(oid, psycopg.pq.Format.TEXT)
    if kind is None:
        return str
    loader = kind(oid, None)
    return lambda text: loader.load(text.encode())
