"""reencrypt_tables, reencrypt_log: an object's tokens under the newest key, and in the form of
their field's present class.

First the personal columns of current and history, in one transaction under the object's lock,
with the row of `ops.token_key`: nobody ever sees a table in which equal values have two tokens.
What nobody compares comes after, some records a transaction: sensitive columns, and the change
log, whose readers bring its tokens to the tables' form. A stretch that is begun again finds what
is left by the tokens themselves.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from temporalio import activity

from activities.apply.token_keys import table_key
from activities.runtime.heartbeat import heartbeating
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.live_catalogue import check_revision
from clients.warehouse.sql import apply as sql, token_keys
from clients.warehouse.sql.token_keys import TokenShape
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.security.keys import ReencryptCounts, Reencrypted, ReencryptInput
from schemas.tables import arrow_schema
from transforms.pii import Protector
from transforms.pii.token_forms import TokenForms

STRETCH = timedelta(seconds=60)
"""Of the log: duration of one activity before its workflow hears of it."""
IN_COPY = "copy:"
"""Before a table of the read copy, in the place where a stretch ended."""
RECORDS_AT_ONCE = 2_000
"""Of one transaction of the log: the object's batches wait for it."""


@dataclass
class Reencryption:
    """The activities and what they need; one for a process."""

    warehouse: Warehouse
    catalogue: Catalogue
    protector: Protector
    stretch: timedelta = STRETCH
    records_at_once: int = RECORDS_AT_ONCE

    @activity.defn(name=names.REENCRYPT_TABLES)
    async def reencrypt_tables(self, request: ReencryptInput) -> Reencrypted:
        """Bring current and history to the newest key, all of it or nothing."""
        async with heartbeating():
            return await asyncio.to_thread(self._switch, request)

    @activity.defn(name=names.REENCRYPT_LOG)
    async def reencrypt_log(self, request: ReencryptInput) -> Reencrypted:
        """Bring the change log, and what of the tables nobody compares, to the newest key for one
        stretch.
        """
        async with heartbeating():
            return await asyncio.to_thread(self._follow_up, request)

    def _switch(self, request: ReencryptInput) -> Reencrypted:
        counts = ReencryptCounts()
        for each in self.warehouse.with_copy():
            counts = counts.plus(self._switch_in(each, request))
        return Reencrypted(after="", is_done=True, counts=counts)

    def _switch_in(self, warehouse: Warehouse, request: ReencryptInput) -> ReencryptCounts:
        spec, known = self._spec(request.object)
        key_id = self._newest()
        counts = ReencryptCounts()
        with _locked(warehouse, spec, known) as transaction:
            former = table_key(transaction, spec, key_id)
            forms = TokenForms(self.protector, spec, key_id)
            for table in _curated(spec):
                for _, page in self._pages(transaction, table, forms, forms.compared, ""):
                    counts = counts.plus(page)
            if former != key_id:
                values = [key_id, datetime.now(UTC), spec.name]
                transaction.execute(token_keys.set_token_key(), values)
        return counts

    def _follow_up(self, request: ReencryptInput) -> Reencrypted:
        ends = time.monotonic() + self.stretch.total_seconds()
        spec, known = self._spec(request.object)
        forms = TokenForms(self.protector, spec, self._newest())
        tables = [(table, forms.bound) for table in _curated(spec)]
        tables.append((sql.change_table(spec), forms.columns))
        *copies, own = self.warehouse.with_copy()
        # The warehouse first: a place in it is named as it was before there were copies.
        todo = [(own, "", *each) for each in tables]
        todo += [(copy, IN_COPY, *each) for copy in copies for each in tables]
        counts, at = ReencryptCounts(), request.after
        for warehouse, mark, table, columns in todo:
            before, _, after = at.partition(" ")
            if before and before != f"{mark}{table}":
                continue
            while True:
                with _locked(warehouse, spec, known) as transaction:
                    page = next(self._pages(transaction, table, forms, columns, after), None)
                if page is None:
                    break
                after, done = page
                counts, at = counts.plus(done), f"{mark}{table} {after}"
                if time.monotonic() >= ends or activity.is_cancelled():
                    return Reencrypted(after=at, is_done=False, counts=counts)
            at = ""
        return Reencrypted(after="", is_done=True, counts=counts)

    def _spec(self, name: str) -> tuple[ObjectSpec, int | None]:
        # The revision first, so that the fields are those of it or newer ones.
        self.catalogue.follow()
        return self.catalogue.object(name), self.catalogue.revision_of(name)

    def _newest(self) -> str:
        self.protector.ring.refresh()
        return self.protector.ring.active.id

    def _pages(
        self,
        transaction: Transaction,
        table: str,
        forms: TokenForms,
        columns: Sequence[str],
        after: str,
    ) -> Iterator[tuple[str, ReencryptCounts]]:
        """Replace tokens of some records after another; gives the last record and the counts."""
        if not columns:
            return
        odd = {name: TokenShape(*forms.shape(name)) for name in columns}
        while True:
            find = token_keys.find_odd_tokens(table, odd, self.records_at_once)
            ids = [record_id for (record_id,) in transaction.fetch(find, [after])]
            if not ids:
                return
            after = ids[-1]
            yield after, _replace(transaction, table, forms, columns, ids)


@contextmanager
def _locked(warehouse: Warehouse, spec: ObjectSpec, known: int | None) -> Iterator[Transaction]:
    """A transaction under the object's lock. Raises `StaleCatalogueError` when its fields were
    changed.
    """
    with warehouse.transaction() as transaction:
        transaction.lock_object(spec.table)
        check_revision(transaction, spec.name, known)
        yield transaction


def _curated(spec: ObjectSpec) -> list[str]:
    return [sql.current_table(spec), *([sql.history_table(spec)] if spec.history else [])]


def _replace(
    transaction: Transaction, table: str, forms: TokenForms, columns: Sequence[str], ids: Sequence[str]
) -> ReencryptCounts:
    named = pa.table({"record_id": pa.array(ids, pa.large_string())})
    transaction.stage(sql.REBUILT, sql.RECORD_LIST, named)
    rows = transaction.fetch(token_keys.read_tokens(table, columns))
    places = forms.places(columns)
    replaced = 0
    for place, column in enumerate(columns):
        seal = dict(places)[place]
        pairs = {(row[0], row[1 + place]) for row in rows if row[1 + place] is not None}
        new = {pair: forms.value(seal, *pair) for pair in pairs}
        changed = [(record_id, old, value) for (record_id, old), value in new.items() if value != old]
        if changed:
            schema = arrow_schema(token_keys.NEW_TOKEN_COLUMNS)
            staged = pa.Table.from_arrays(
                [pa.array(values, pa.large_string()) for values in zip(*changed, strict=True)], schema=schema
            )
            transaction.stage(token_keys.NEW_TOKENS, token_keys.NEW_TOKEN_COLUMNS, staged)
            replaced += transaction.execute(token_keys.replace_tokens(table, column))
    return ReencryptCounts(records=len(ids), tokens=replaced)
