"""erase_files: take the records' values out of the files beside the batches: handed-in files of
writebacks, dry runs of them, and digests that reconciliations keep.

A digest of one field tells a birth date to who tries them all, so it counts as a value.
"""

import asyncio
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from temporalio import activity

from activities.erasure.scope import Scope, read_scope
from activities.runtime.heartbeat import heartbeating
from clients.storage.objects import ObjectStore
from schemas import names
from schemas.erasure.messages import ErasedPlaces, ErasureStep, StoreCount
from schemas.ids import intake_prefix
from transforms.pii import Protector, is_any_token

_PARQUET = b"PAR1"
_KEPT_CELLS = frozenset({"key", "object", "key_field", "mode", "priority"})
"""Columns of a handed-in row that say nothing of the record."""
ERASED_CELL = "erased"


@dataclass
class EraseFiles:
    """The activity and what it needs; one for a process."""

    store: ObjectStore
    protector: Protector

    @activity.defn(name=names.ERASE_FILES)
    async def erase_files(self, request: ErasureStep) -> ErasedPlaces:
        """Look at every such file."""
        async with heartbeating():
            return await asyncio.to_thread(self._erase, request)

    def _erase(self, request: ErasureStep) -> ErasedPlaces:
        scope = read_scope(self.store, self.protector, request.org, request.key)
        named = _Named.of(scope, self.protector)
        org = request.org
        reports = [
            self._rewrite("reconciliation digests", f"reconcile/{org}/{name}/", named.digests, request)
            for name in scope.records
        ]
        return ErasedPlaces(
            stores=(
                self._rewrite("handed-in files", intake_prefix(org), named.rows, request),
                self._rewrite("dry runs of writebacks", f"preview/{org}/", named.preview, request),
                StoreCount(
                    store="reconciliation digests",
                    places=sum(each.places for each in reports),
                    rewritten=sum(each.rewritten for each in reports),
                ),
            )
        )

    def _rewrite(self, store: str, prefix: str, change: "Change", request: ErasureStep) -> StoreCount:
        places = rewritten = 0
        for key in list(self.store.keys(prefix)):
            body = self.store.find(key)
            if body is None:
                continue
            after, found, fresh = change(body)
            places += found
            rewritten += fresh
            if fresh and not request.is_dry:
                if after is None:
                    self.store.purge(key)
                else:
                    self.store.put(key, after)
                    self.store.drop_former_versions(key)
        return StoreCount(store=store, places=places, rewritten=rewritten)


Change = Callable[[bytes], tuple[bytes | None, int, int]]
"""Of a file: it without the values (None: it is deleted), the places of the records in it, and
those of them whose values went.
"""


@dataclass(frozen=True)
class _Named:
    """The names of the records in files."""

    ids: frozenset[str]
    words: frozenset[str]
    """Ids and external ids, in small letters."""

    @classmethod
    def of(cls, scope: Scope, protector: Protector) -> "_Named":
        words = {key.partition("=")[2] for key in scope.keys}
        words |= {_clear(key, protector) for key in scope.keys}
        return cls(scope.ids, frozenset(words | {each[:15].lower() for each in scope.ids}))

    def is_of(self, value: object) -> bool:
        """True for a value that names one of the records."""
        return isinstance(value, str) and value.lower() in self.words

    def digests(self, body: bytes) -> tuple[bytes | None, int, int]:
        """A page of a reconciliation's facts."""
        if body[:4] != _PARQUET:
            return body, 0, 0
        table = pq.read_table(pa.BufferReader(body))
        if "digests" not in table.column_names:
            return body, 0, 0
        mine = pc.is_in(table["id"], pa.array(sorted(self.ids), table["id"].type))
        found = pc.sum(mine).as_py() or 0
        kept = pc.and_(mine, pc.or_(pc.is_valid(table["digests"]), pc.not_equal(table["digest"], 0)))
        fresh = pc.sum(kept).as_py() or 0
        if not fresh:
            return body, found, 0
        rows = table.to_pylist()
        for row in rows:
            if row["id"] in self.ids:
                row |= {"digest": 0, "digests": None}
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), sink, compression="zstd")
        return bytes(sink.getvalue()), found, fresh

    def preview(self, body: bytes) -> tuple[bytes | None, int, int]:
        """A dry run, asked again in a second when somebody still wants it."""
        try:
            text = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body, 0, 0
        found = sum(map(self.is_of, _texts(text)))
        return (None, found, found) if found else (body, 0, 0)

    def rows(self, body: bytes) -> tuple[bytes | None, int, int]:
        """A handed-in file: the records' rows stay, with their keys, so that the numbers of the
        others do.
        """
        if body[:4] == _PARQUET:
            return self._parquet(body)
        if body.lstrip()[:1] == b"{":
            return self._ndjson(body)
        return self._csv(body)

    def _parquet(self, body: bytes) -> tuple[bytes | None, int, int]:
        table = pq.read_table(pa.BufferReader(body))
        rows = table.to_pylist()
        found = [row for row in rows if any(map(self.is_of, _texts(row)))]
        if not found:
            return body, 0, 0
        for row in found:
            row |= {name: None for name in row if name not in _KEPT_CELLS}
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), sink)
        return bytes(sink.getvalue()), len(found), len(found)

    def _ndjson(self, body: bytes) -> tuple[bytes | None, int, int]:
        lines, found = [], 0
        for line in body.splitlines():
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                row = None
            if isinstance(row, dict) and any(map(self.is_of, _texts(row))):
                found += 1
                line = orjson.dumps({name: value for name, value in row.items() if name in _KEPT_CELLS})
            lines.append(line)
        return (b"\n".join([*lines, b""]), found, found) if found else (body, 0, 0)

    def _csv(self, body: bytes) -> tuple[bytes | None, int, int]:
        try:
            rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
        except (UnicodeDecodeError, csv.Error):
            return body, 0, 0
        header, found = (rows[0] if rows else []), 0
        for row in rows[1:]:
            if any(map(self.is_of, row)):
                found += 1
                for place, name in enumerate(header[: len(row)]):
                    row[place] = row[place] if name in _KEPT_CELLS else ""
        if not found:
            return body, 0, 0
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows(rows)
        return written.getvalue().encode(), found, found


def _clear(key: str, protector: Protector) -> str:
    """The external id behind a key, as files have it."""
    field, _, value = key.partition("=")
    if not is_any_token(value):
        return value
    try:
        return str(protector.decrypt(field, value)).lower()
    except ValueError:
        return value


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names of fields aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
