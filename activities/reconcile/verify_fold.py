"""check_log: the warehouse held against itself. What is curated must follow from the change log;
what does not is made again from it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
import pyarrow as pa
from temporalio import activity

from activities.apply.rebuild import rebuild_records
from activities.apply.token_keys import table_forms
from activities.runtime.heartbeat import heartbeating
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import apply as sql, reconcile as reconcile_sql
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ids import reconcile_key
from schemas.reconcile import DifferenceKind, LogCheck, RecordDifference
from schemas.reconcile_steps import CheckLogInput
from schemas.tables import Column, current_columns, field_columns, history_columns
from transforms.apply.base_rows import StoredBase, read_bases
from transforms.apply.fold import HEAD
from transforms.pii import Protector
from transforms.pii.token_forms import TokenForms
from transforms.reconcile.verify_fold import Altered, Checked, check_log

STRETCH = timedelta(seconds=60)
"""Duration of one activity's checks before its workflow hears of it."""
CHANGES_AT_ONCE = 5_000
"""Of the log, in one look: bounds memory and how long a snapshot is held."""


@dataclass
class FoldChecks:
    """The activity and what it needs; one for a process."""

    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue
    protector: Protector
    stretch: timedelta = STRETCH
    changes_at_once: int = CHANGES_AT_ONCE

    @activity.defn(name=names.CHECK_LOG)
    async def check_log(self, request: CheckLogInput) -> LogCheck:
        """Check records for one stretch, in the order of their ids; `after` says where the next one
        goes on.
        """
        async with heartbeating():
            return await asyncio.to_thread(self._check, request)

    def _check(self, request: CheckLogInput) -> LogCheck:
        spec = self.catalogue.object(request.object)
        ends = time.monotonic() + self.stretch.total_seconds()
        found: list[Altered] = []
        after, records, done = request.after, 0, False
        while not done and time.monotonic() < ends and not activity.is_cancelled():
            checked, after, done = self._check_some(spec, after)
            records += checked.records
            if request.repairs and checked.altered:
                self._mend(spec, [each.record_id for each in checked.altered])
            found += checked.altered
        return LogCheck(
            records=records,
            altered=len(found),
            duplicated=sum(each.is_duplicate for each in found),
            mended=len(found) if request.repairs else 0,
            after=after,
            key=self._keep(request, spec, found),
            done=done,
        )

    def _check_some(self, spec: ObjectSpec, after: str) -> tuple[Checked, str, bool]:
        with self.warehouse.reading() as reading:
            found = reading.fetch(reconcile_sql.find_bound(spec, self.changes_at_once), [after])
            bounds = [after, *(row[0] for row in found)]
            records, doubtful = _doubtful(reading, spec, bounds)
            checked = _compare(reading, spec, doubtful, self.protector)
        return Checked(records, checked.altered), bounds[-1], not found

    def _mend(self, spec: ObjectSpec, record_ids: list[str]) -> None:
        for each in self.warehouse.with_copy():
            with each.transaction() as transaction:
                transaction.lock_object(spec.table)
                forms = table_forms(transaction, spec, self.protector)
                rebuild_records(transaction, spec, record_ids, forms)

    def _keep(self, request: CheckLogInput, spec: ObjectSpec, found: list[Altered]) -> str | None:
        if not found:
            return None
        fields = {column: name for name, column in spec.columns.items()}
        listed = [
            RecordDifference(
                record_id=each.record_id,
                kind=DifferenceKind.DUPLICATE if each.is_duplicate else DifferenceKind.ALTERED,
                fields=tuple(fields.get(column, column) for column in each.columns),
            ).model_dump(mode="json")
            for each in found
        ]
        key = reconcile_key(request.org, request.object, request.run, f"log-{request.number:04d}.json")
        self.store.put(key, orjson.dumps(listed))
        return key


def _doubtful(reading: Transaction, spec: ObjectSpec, bounds: list[str]) -> tuple[int, list[str]]:
    """The number of records, and those that the warehouse alone cannot prove to be right.

    Most records are what their last whole change says. The warehouse compares these itself, and
    nothing but ids is read.
    """
    is_last = len(bounds) == 1
    logged = reading.fetch(reconcile_sql.count_logged(spec, is_last=is_last), bounds)
    rows = Counter(_ids(reading, reconcile_sql.find_rows(sql.current_table(spec), is_last=is_last), bounds))
    expected = set(logged)
    like = (
        set(reading.fetch(reconcile_sql.find_current_like_log(spec, is_last=is_last), 2 * bounds)) & expected
    )
    right = {record_id for record_id, _, _ in like if rows[record_id] == 1}
    every = rows.keys() | {row[0] for row in logged}
    if spec.history:
        history = sql.history_table(spec)
        versions = Counter(_ids(reading, reconcile_sql.find_rows(history, is_last=is_last), bounds))
        single = set(_ids(reading, reconcile_sql.find_history_like_log(spec, is_last=is_last), 2 * bounds))
        counts = {row[0]: row[1] for row in logged}
        right = {name for name in right & single if versions[name] == 1 == counts[name]}
        every |= versions.keys()
    return len(every), sorted(every - right)


def _ids(reading: Transaction, statement: str, bounds: list[str]) -> list[str]:
    return [row[0] for row in reading.fetch(statement, bounds)]


def _compare(reading: Transaction, spec: ObjectSpec, record_ids: list[str], protector: Protector) -> Checked:
    """Fold the changes of the records, and compare row by row, all tokens in one form: during a
    rotation the log has others than the curated tables.
    """
    if not record_ids:
        return Checked(0, [])
    named = pa.table({"record_id": pa.array(record_ids, pa.large_string())})
    reading.stage(sql.REBUILT, sql.RECORD_LIST, named)
    current = reading.fetch(reconcile_sql.read_rebuilt(sql.current_table(spec), current_columns(spec)))
    history: list[tuple[Any, ...]] = []
    if spec.history:
        history = reading.fetch(reconcile_sql.read_rebuilt(sql.history_table(spec), history_columns(spec)))
    forms, fields = TokenForms(protector, spec, protector.ring.active.id), field_columns(spec)
    bases = read_bases(reading.fetch(sql.read_bases(spec)), spec)
    changes = _formed(reading.fetch(sql.read_changes(spec)), forms, HEAD, fields)
    return check_log(
        changes,
        _formed(current, forms, 1, fields),
        _formed(history, forms, 1, fields),
        spec,
        _formed_bases(bases, forms, fields),
        forms,
    )


def _formed(
    rows: list[tuple[Any, ...]], forms: TokenForms, first: int, fields: Sequence[Column]
) -> list[tuple[Any, ...]]:
    """Rows whose fields stand from `first` on, with their tokens in one form."""
    places = [(first + place, seal) for place, seal in forms.places([column.name for column in fields])]
    return [forms.row(row[0], row, places) for row in rows] if places else rows


def _formed_bases(
    bases: Mapping[str, StoredBase], forms: TokenForms, fields: Sequence[Column]
) -> Mapping[str, StoredBase]:
    places = forms.places([column.name for column in fields])
    formed = {}
    for name, stored in bases.items():
        version = stored.base.version
        version = replace(version, values=forms.row(name, version.values, places))
        formed[name] = replace(stored, base=replace(stored.base, version=version))
    return formed
