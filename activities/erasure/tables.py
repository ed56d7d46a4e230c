"""erase_tables: take the records' values out of the warehouse's tables, its read copy's and every
shadow's.

Of the change log the rows stay with their places, so counts, ledger and replays do not change. The
curated rows follow from the log as always. Where older changes have left the log, the record's base
and the rows that they made are emptied as they are.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from temporalio import activity

from activities.apply.rebuild import rebuild_records
from activities.erasure.scope import Scope, put_on_list, read_scope, stage_ids
from activities.runtime.heartbeat import heartbeating
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.shadow.compare import shadows_of
from clients.warehouse.shadow.schemas import shadow_prefix
from clients.warehouse.sql import apply as sql, erasure as erasure_sql
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.security.erasure import ErasedPlaces, ErasureStep, StoreCount
from schemas.tables import (
    Column,
    arrow_schema,
    base_columns,
    change_columns,
    current_columns,
    history_columns,
)
from transforms.apply.base_rows import read_bases
from transforms.erasure.changes import erase_changes
from transforms.erasure.curated import erase_rows
from transforms.erasure.events import DETAIL, erase_quarantined
from transforms.erasure.fields import erased_columns, kept_fields
from transforms.pii import Protector

IN_COPY = "read copy "
"""Before the names of its tables in a certificate."""
_AT_ONCE = 500
"""Records of one transaction."""
_ID_SHOWN = 15
"""Characters of an id that a text surely has."""


@dataclass
class EraseTables:
    """The activity and what it needs; one for a process."""

    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue
    protector: Protector
    open_shadow: Callable[[str], Warehouse]
    rewrites: bool = False
    """True: tables are rewritten after an erasure, so that no page keeps old bytes; locks them
    meanwhile.
    """

    @activity.defn(name=names.ERASE_TABLES)
    async def erase_tables(self, request: ErasureStep) -> ErasedPlaces:
        """Take the values out, object by object, then give the space of the old rows back."""
        async with heartbeating():
            return await asyncio.to_thread(self._erase, request)

    def _erase(self, request: ErasureStep) -> ErasedPlaces:
        scope = read_scope(self.store, self.protector, request.org, request.key)
        *copies, own = self.warehouse.with_copy()
        counts: list[StoreCount] = []
        for each in copies:
            counts += self._of_warehouse(each, scope, request, IN_COPY)
        counts += self._of_warehouse(own, scope, request, "")
        for name in shadows_of(self.warehouse):
            shadow = self.open_shadow(name)
            try:
                counts += self._of_warehouse(shadow, scope, request, shadow_prefix(name))
            finally:
                shadow.close()
        return ErasedPlaces(stores=tuple(counts))

    def _of_warehouse(
        self, warehouse: Warehouse, scope: Scope, request: ErasureStep, prefix: str
    ) -> Iterator[StoreCount]:
        there = warehouse.existing_columns()
        is_listed = sql.ERASED in there
        for name, ids in scope.records.items():
            spec = self.catalogue.object(name)
            if sql.change_table(spec) not in there:
                continue
            counts = _Counts(prefix)
            for first in range(0, len(ids), _AT_ONCE):
                work = _Work(spec, self.catalogue, self.protector, request, counts)
                with warehouse.transaction() as transaction:
                    transaction.lock_object(spec.table)
                    if is_listed and not request.is_dry:
                        put_on_list(transaction, scope, request.key)
                    work.take(transaction, ids[first : first + _AT_ONCE])
            yield from counts.counts()
            if counts.has_rewritten and not request.is_dry:
                warehouse.reclaim([*sql.tables_of(spec), sql.QUARANTINE, sql.QUALITY], rewrite=self.rewrites)


@dataclass
class _Counts:
    prefix: str
    found: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, table: str, places: int, rewritten: int) -> None:
        before = self.found.get(table, (0, 0))
        self.found[table] = (before[0] + places, before[1] + rewritten)

    @property
    def has_rewritten(self) -> bool:
        return any(rewritten for _, rewritten in self.found.values())

    def counts(self) -> Iterator[StoreCount]:
        for table, (places, rewritten) in self.found.items():
            yield StoreCount(store=f"{self.prefix}{table}", places=places, rewritten=rewritten)


@dataclass
class _Work:
    """One object's records in one transaction."""

    spec: ObjectSpec
    catalogue: Catalogue
    protector: Protector
    request: ErasureStep
    counts: _Counts

    def take(self, transaction: Transaction, ids: Sequence[str]) -> None:
        stage_ids(transaction, ids)
        is_changed = self._log(transaction, ids)
        is_changed |= self._curated(transaction)
        if is_changed and not self.request.is_dry:
            self._fold_again(transaction)
        stage_ids(transaction, ids)
        self._quarantine(transaction, ids)
        self._findings(transaction)

    def _log(self, transaction: Transaction, ids: Sequence[str]) -> bool:
        columns = change_columns(self.spec)
        rows = transaction.fetch(erasure_sql.read_log(self.spec))
        logged = _table(rows, columns)
        erased = erase_changes(logged, self.spec, ids)
        rewritten = _differing(logged, erased)
        self.counts.add(sql.change_table(self.spec), len(rows), rewritten)
        if rewritten and not self.request.is_dry:
            transaction.execute(erasure_sql.delete_log(self.spec))
            transaction.load(sql.change_table(self.spec), columns, erased)
        return bool(rewritten)

    def _curated(self, transaction: Transaction) -> bool:
        columns = sorted(erased_columns(self.spec))
        is_changed = False
        for table in sql.tables_of(self.spec):
            if table == sql.change_table(self.spec):
                continue
            ((places,),) = transaction.fetch(erasure_sql.count_rows(table))
            ((rewritten,),) = transaction.fetch(erasure_sql.count_with_values(table, columns))
            self.counts.add(table, int(places), int(rewritten))
            is_changed |= bool(rewritten)
        return is_changed

    def _fold_again(self, transaction: Transaction) -> None:
        spec = self.spec
        # A fold begins with the base, where older changes have left the log.
        self._empty(transaction, sql.base_table(spec), base_columns(spec))
        logged = {row[0]: row[1] for row in transaction.fetch(erasure_sql.count_log(spec))}
        based = read_bases(transaction.fetch(sql.read_bases(spec)), spec).keys()
        versions = transaction.fetch(erasure_sql.read_versions(sql.current_table(spec)))
        short = sorted(record_id for record_id, version in versions if logged.get(record_id, 0) < version)
        if short:
            # No fold makes these versions again.
            stage_ids(transaction, short)
            if spec.history:
                self._empty(transaction, sql.history_table(spec), history_columns(spec))
            self._empty(transaction, sql.current_table(spec), current_columns(spec))
        foldable = sorted((set(logged) - set(short)) | based)
        if foldable:
            rebuild_records(transaction, spec, foldable)

    def _empty(self, transaction: Transaction, table: str, columns: Sequence[Column]) -> None:
        """Take the values out of rows as they are."""
        rows = _table(transaction.fetch(erasure_sql.read_curated(table, columns)), columns)
        transaction.execute(sql.delete_rebuilt(table))
        transaction.load(table, columns, erase_rows(rows, self.spec))

    def _quarantine(self, transaction: Transaction, ids: Sequence[str]) -> None:
        likes = [f"%{each[:_ID_SHOWN]}%" for each in ids]
        found = {tuple(row[:2]): row for row in transaction.fetch(erasure_sql.read_quarantine())}
        named = transaction.fetch(erasure_sql.read_quarantine_of(len(likes)), likes)
        found |= {tuple(row[:2]): row for row in named}
        places = rewritten = 0
        for batch, ordinal, name, record_id, _, event in found.values():
            spec = self.catalogue.objects.get(name)
            event_after = erase_quarantined(event, record_id, spec, frozenset(ids), self._opens)
            is_of_record = record_id in set(ids) or event_after != event
            places += is_of_record
            if event_after == event:
                continue
            rewritten += 1
            if not self.request.is_dry:
                transaction.execute(erasure_sql.rewrite_quarantine(), [event_after, DETAIL, batch, ordinal])
        self.counts.add(sql.QUARANTINE, places, rewritten)

    def _findings(self, transaction: Transaction) -> None:
        kept = kept_fields(self.spec)
        rows = transaction.fetch(erasure_sql.read_findings())
        mine = [row for row in rows if row[0] == self.spec.name and row[2] not in kept]
        left = [row for row in mine if row[4] != DETAIL]
        self.counts.add(sql.QUALITY, len(mine), len(left))
        if self.request.is_dry:
            return
        now, by = datetime.now(UTC), f"erasure {self.request.key}"[:255]
        for name, record_id, api_name, rule, _ in left:
            transaction.execute(
                erasure_sql.close_finding(), [DETAIL, now, by, name, record_id, api_name, rule]
            )

    def _opens(self, token: str) -> str:
        return str(self.protector.decrypt("unknown", token))


def _table(rows: Sequence[tuple[Any, ...]], columns: Sequence[Column]) -> pa.Table:
    schema = arrow_schema(columns)
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [pa.array(list(some), field.type) for some, field in zip(values, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _differing(before: pa.Table, after: pa.Table) -> int:
    if before is after or before.equals(after):
        return 0
    return sum(one != other for one, other in zip(before.to_pylist(), after.to_pylist(), strict=True))
