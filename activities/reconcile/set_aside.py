"""set_aside: changes that lie ahead of the clock leave the change log for quarantine, and their
records are folded again.

A change of the year 2100 stands above every later one of its record, a repair among them.
Staging refuses such a change by now; this is for those that older releases applied
(docs/decisions/0028).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
from temporalio import activity

from activities.apply.rebuild import RECORDS_AT_ONCE, rebuild_records
from activities.apply.token_keys import table_forms
from activities.reconcile.compare_digests import clock_ends
from activities.runtime.heartbeat import heartbeating
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import changes_ahead as sql
from clients.warehouse.sql.apply import QUARANTINE, RECORD_LIST
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ingest.positions import epoch_ms
from schemas.ops_tables import QUARANTINE_COLUMNS
from schemas.reconcile_steps import SetAside, SetAsideInput
from schemas.tables import arrow_schema, change_columns
from transforms.pii import Protector
from transforms.reconcile.changes_ahead import moved_counts, refused_rows

_ABOVE = timedelta(milliseconds=1)
"""A repair at the very millisecond of an event would stand below it: events have the larger
numbers.
"""


@dataclass
class SetAsideActivity:
    """The activity and what it needs; one for a process."""

    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue
    protector: Protector

    @activity.defn(name=names.SET_ASIDE)
    async def set_aside(self, request: SetAsideInput) -> SetAside:
        """Take what lies ahead of the clock out of force; returns where a repair stands above the
        rest. Done twice, it is done once.
        """
        async with heartbeating():
            return await asyncio.to_thread(self._set_aside, request)

    def _set_aside(self, request: SetAsideInput) -> SetAside:
        ids: list[str] = orjson.loads(self.store.get(request.ids_key))
        *copies, own = self.warehouse.with_copy()
        for each in copies:
            self._set_aside_in(each, request, ids)
        return self._set_aside_in(own, request, ids)

    def _set_aside_in(self, warehouse: Warehouse, request: SetAsideInput, ids: Sequence[str]) -> SetAside:
        spec = self.catalogue.object(request.object)
        ends = clock_ends(request.as_of)
        changes = records = 0
        last: datetime | None = None
        for first in range(0, len(ids), RECORDS_AT_ONCE):
            with warehouse.transaction() as transaction:
                transaction.lock_object(spec.table)
                moved = _move(transaction, spec, ids[first : first + RECORDS_AT_ONCE], ends)
                again = sorted({change["record_id"] for change in moved})
                if again:
                    rebuild_records(transaction, spec, again, table_forms(transaction, spec, self.protector))
                ((newest,),) = transaction.fetch(sql.find_last_change(spec))
            changes += len(moved)
            records += len(again)
            last = max(filter(None, (last, newest)), default=None)
        stands_at = None if last is None else last + _ABOVE
        return SetAside(changes=changes, records=records, stands_at=stands_at)


def _move(
    transaction: Transaction, spec: ObjectSpec, ids: Sequence[str], ends: datetime
) -> list[dict[str, Any]]:
    """Move what lies ahead of `ends` of these records, and correct the books; returns the
    changes.
    """
    table = pa.table({"record_id": pa.array(ids, pa.large_string())})
    transaction.stage(sql.ABOVE, RECORD_LIST, table)
    columns = [column.name for column in change_columns(spec)]
    rows = transaction.fetch(sql.read_ahead(spec), [ends])
    logged = [dict(zip(columns, row, strict=True)) for row in rows]
    if not logged:
        return []
    now = datetime.now(UTC)
    counts = moved_counts(logged)
    highest = dict(transaction.fetch(sql.find_highest_ordinals(len(counts)), list(counts)))
    refused = refused_rows(logged, spec, highest, now)
    schema = arrow_schema(QUARANTINE_COLUMNS)
    transaction.load(QUARANTINE, QUARANTINE_COLUMNS, pa.Table.from_pylist(refused, schema=schema))
    for batch, (changes, isolated) in counts.items():
        transaction.execute(sql.move_counts(), [changes, changes, isolated, batch, spec.name])
    place = f"{epoch_ms(ends):013d}"
    for statement in (sql.settle_findings_ahead(), sql.close_rereads_ahead()):
        transaction.execute(statement, [now, spec.name, place])
    transaction.execute(sql.delete_ahead(spec), [ends])
    return logged
