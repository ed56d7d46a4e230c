"""compare_facts: compare the org's records with the warehouse, and name what differs."""

import asyncio
import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from temporalio import activity

from activities.reconcile.export_rows import exported_rows
from activities.reconcile.read_digests import fields_of, named_ids
from activities.reconcile.spill_facts import spill_facts, spilled_facts
from activities.runtime.heartbeat import heartbeating
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import reconcile as sql
from clients.warehouse.sql.apply import RECORD_LIST
from schemas import names
from schemas.catalogue import Catalogue
from schemas.ids import ids_key, reconcile_key
from schemas.ingest.positions import epoch_ms
from schemas.reconcile import DifferenceKind, RecordDifference
from schemas.reconcile_steps import ComparedFacts, CompareFactsInput
from schemas.salesforce.limits import CLOCK_ALLOWANCE, COLLECTION_RETRIEVE_MAX
from schemas.tables import field_column
from transforms.ingest.wide_rows import is_bounded
from transforms.misfits import MISFIT, with_misfits
from transforms.pii import Protector
from transforms.pii.token_forms import TokenForms
from transforms.reconcile.compare_rows import RowComparison, compare_rows, undecided
from transforms.reconcile.row_digests import (
    FACTS,
    Facts,
    facts_of_table,
    field_digests,
    row_digest,
)

ROWS_A_PART = 500_000
"""Records that are compared at once; with more, both sides are first divided on disk."""
ROWS_AT_ONCE = 50_000
"""Of the warehouse, read at once."""
MOST_LISTED = 10_000
"""Differences that a report names one by one; all are repaired."""
MOST_MOVED = COLLECTION_RETRIEVE_MAX
"""Records that changed after the question are looked at again when one call reads them all. More of
them are left to the next reconciliation."""
(_MISFIT,) = field_digests([MISFIT])
_BY_FIELD = (DifferenceKind.FIELDS, DifferenceKind.STALE, DifferenceKind.INCOMPLETE, DifferenceKind.AHEAD)


@dataclass
class DigestComparison:
    """The activity and what it needs; one for a process."""

    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue
    protector: Protector
    part_rows: int = ROWS_A_PART
    rows_at_once: int = ROWS_AT_ONCE

    @activity.defn(name=names.COMPARE_FACTS)
    async def compare_facts(self, request: CompareFactsInput) -> ComparedFacts:
        """Hold the kept pages against the warehouse as it is now."""
        async with heartbeating():
            return await asyncio.to_thread(_Comparison(self, request).run)


class _Comparison:
    """One comparison: the org's pages, the warehouse's rows, in memory or part by part."""

    def __init__(self, parent: DigestComparison, request: CompareFactsInput) -> None:
        self._parent = parent
        self._request = request
        self._scope = request.scope
        self._spec = parent.catalogue.object(request.object)
        # Those that were read: the catalogue's may be others by now.
        self._fields = fields = request.read.fields or fields_of(self._spec, self._scope)
        key_id = request.read.key_id or parent.protector.ring.active.id
        self._forms = TokenForms(parent.protector, self._spec, key_id)
        self._columns = [field_column(self._spec.columns[name], self._spec.fields[name]) for name in fields]
        self._digests: dict[str, tuple[list[int], list[int]]] = {}
        """Of the records of a list: each field's digest, in the org and in the warehouse."""
        self._row_digests: dict[str, int] = {}
        """Of the same records: the digest of all fields in the org."""
        self._undecided: set[str] = set()
        """Records whose rows may have no room for a field: whether they differ is seen when they
        are looked at field by field.
        """

    def run(self) -> ComparedFacts:
        """Compare, and keep what was found."""
        if self._scope.is_whole and self._request.read.rows > self._parent.part_rows:
            with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
                judged = list(self._in_parts(Path(folder)))
        else:
            org = _joined([facts_of_table(table) for table in self._pages()])
            with self._parent.warehouse.reading() as reading:
                parts = self._every(reading) if self._scope.is_whole else self._named(reading, org)
                warehouse = _joined(list(parts))
            judged = [self._judge(org, warehouse)]
        return self._result(judged)

    def _judge(self, org: Facts, warehouse: Facts) -> RowComparison:
        asked_from = self._request.read.asked_from
        judged = compare_rows(
            org,
            warehouse,
            asked_from_ms=epoch_ms(asked_from),
            ahead_from_ms=epoch_ms(clock_ends(asked_from)),
            has_digests=bool(self._fields),
        )
        return undecided(judged, self._undecided) if self._undecided else judged

    def _pages(self) -> Iterator[pa.Table]:
        for number in range(self._request.read.pages):
            body = self._parent.store.get(f"{self._request.read.prefix}{number:06d}.parquet")
            yield pq.read_table(pa.BufferReader(body))

    def _in_parts(self, folder: Path) -> Iterator[RowComparison]:
        """Divide both sides by id over files, then compare file by file: memory does not grow with
        the object.
        """
        count = -(-self._request.read.rows // self._parent.part_rows)
        for table in self._pages():
            spill_facts(facts_of_table(table), count, folder, "org")
        for facts in self._exported():
            spill_facts(facts, count, folder, "warehouse")
        for number in range(count):
            org, ours = (spilled_facts(folder, side, number) for side in ("org", "warehouse"))
            yield self._judge(org, ours)

    def _exported(self) -> Iterator[Facts]:
        """All rows of the warehouse, in no order."""
        rows = exported_rows(self._parent.warehouse, sql.read_every_fact(self._spec, self._columns))
        if (first := next(rows, None)) is not None:
            yield from map(self._facts, chain([first], rows))
            return
        with self._parent.warehouse.reading() as reading:
            yield from self._every(reading)

    def _every(self, reading: Transaction) -> Iterator[Facts]:
        """All rows of the warehouse, in the order of their ids. A record's rows are never cut
        apart.
        """
        limit, after = self._parent.rows_at_once, ""
        statement = sql.read_facts(self._spec, self._columns, limit)
        while True:
            rows = reading.fetch(statement, [after])
            if len(rows) < limit:
                yield self._facts(rows)
                return
            last = rows[-1][0]
            whole = [row for row in rows if row[0] != last]
            yield self._facts(whole)
            after = whole[-1][0]

    def _named(self, reading: Transaction, org: Facts) -> Iterator[Facts]:
        """The warehouse's rows of the records that the org gave, of those on the list, and of those
        in the ranges.
        """
        ids = {name.decode() for name in org["id"].tolist()}
        if self._scope.ids_keys:
            ids |= set(named_ids(self._parent.store, self._scope))
            self._digests = {
                name: (digests, [])
                for table in self._pages()
                for name, digests in zip(table["id"].to_pylist(), table["digests"].to_pylist(), strict=True)
            }
            self._row_digests = {each["id"].decode(): int(each["digest"]) for each in org}
        elif self._scope.ranges:
            bounds = [moment for each in self._scope.ranges for moment in each.bounds]
            statement = sql.find_live(self._spec, len(self._scope.ranges))
            ids |= {row[0] for row in reading.fetch(statement, bounds)}
        listed = sorted(ids)
        for first in range(0, len(listed), self._parent.rows_at_once):
            some = listed[first : first + self._parent.rows_at_once]
            named = pa.table({"record_id": pa.array(some, pa.large_string())})
            reading.stage(sql.NAMED, RECORD_LIST, named)
            rows = reading.fetch(sql.read_named_facts(self._spec, self._columns))
            yield self._facts(rows, self._too_wide(reading))

    def _too_wide(self, reading: Transaction) -> dict[str, set[str]]:
        """Record -> fields that its row has no room for, of the named records."""
        found: dict[str, set[str]] = {}
        if self._digests and is_bounded(self._spec):
            for record_id, field in reading.fetch(sql.find_too_wide(), [self._spec.name]):
                found.setdefault(record_id, set()).add(field)
        return found

    def _facts(
        self, rows: Sequence[tuple[Any, ...]], too_wide: Mapping[str, set[str]] | None = None
    ) -> Facts:
        facts = np.zeros(len(rows), FACTS)
        if not rows:
            return facts
        names_ = [column.name for column in self._columns]
        if self._fields and not self._digests and is_bounded(self._spec):
            self._undecided |= {row[0] for row in rows if row[5] is not None}
        places = self._forms.places(names_)
        rows = [
            (*row[:5], *with_misfits(self._forms.row(row[0], row[6:], places), names_, row[5]))
            for row in rows
        ]
        columns = list(zip(*rows, strict=True))
        for name, column in zip(("id", "lmd", "stamp", "deleted", "complete"), columns, strict=False):
            facts[name] = column
        if self._fields:
            facts["digest"] = [row_digest(row[5:]) for row in rows]
        for place, row in enumerate(rows if self._digests else ()):
            if row[0] in self._digests:
                theirs, ours = self._digests[row[0]]
                ours[:] = field_digests(row[5:])
                if lost := (too_wide or {}).get(row[0]):
                    ours[:] = [
                        there if here == _MISFIT and name in lost else here
                        for name, here, there in zip(self._fields, ours, theirs, strict=True)
                    ]
                    if ours == theirs:
                        facts["digest"][place] = self._row_digests[row[0]]
        return facts

    def _result(self, judged: Sequence[RowComparison]) -> ComparedFacts:
        kinds = Counter[str]()
        ids: list[str] = []
        listed: list[dict[str, Any]] = []
        for each in judged:
            for kind, names_ in each.kinds.items():
                kinds[kind] += len(names_)
                ids += names_
                room = max(0, MOST_LISTED - len(listed))
                listed += [self._difference(name, kind) for name in names_[:room]]
        unsettled = [name for each in judged for name in each.unsettled]
        moved = [name for each in judged for name in each.moved]
        if len(moved) <= MOST_MOVED:
            unsettled += moved
        different, above = set(ids), {name for each in judged for name in each.above}
        return ComparedFacts(
            records=sum(each.records for each in judged),
            differing=len(different),
            unsettled=len(unsettled),
            kinds=dict(kinds),
            key=self._keep_list(listed),
            ids_key=self._keep_ids(sorted(different - above)),
            above_key=self._keep_ids(sorted(above)),
            unsettled_key=self._keep_ids(sorted(set(unsettled))),
        )

    def _difference(self, record_id: str, kind: DifferenceKind) -> dict[str, Any]:
        theirs, ours = self._digests.get(record_id, ([], []))
        fields: tuple[str, ...] = ()
        if kind in _BY_FIELD and theirs and ours:
            fields = tuple(
                name for name, one, other in zip(self._fields, theirs, ours, strict=True) if one != other
            )
        return RecordDifference(record_id=record_id, kind=kind, fields=fields).model_dump(mode="json")

    def _keep_list(self, listed: list[dict[str, Any]]) -> str | None:
        if not listed:
            return None
        request = self._request
        name = f"differences-{request.number}.json"
        key = reconcile_key(request.org, request.object, request.run, name)
        self._parent.store.put(key, orjson.dumps(listed))
        return key

    def _keep_ids(self, ids: list[str]) -> str | None:
        return kept_ids(self._parent.store, self._request.org, ids)


def clock_ends(as_of: datetime) -> datetime:
    """A commit time after this one lies ahead of the clock, of ours and of the org's, which said
    `as_of` not long ago.
    """
    return max(datetime.now(UTC), as_of) + CLOCK_ALLOWANCE


def kept_ids(store: ObjectStore, org: str, ids: list[str]) -> str | None:
    """Keep a list of ids, and return its key; None for an empty one."""
    if not ids:
        return None
    body = orjson.dumps(ids)
    key = ids_key(org, hashlib.sha256(body).hexdigest())
    store.put(key, body)
    return key


def _joined(parts: Sequence[Facts]) -> Facts:
    return np.concatenate(parts) if parts else np.empty(0, FACTS)
