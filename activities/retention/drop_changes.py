"""A month of a change log leaves the warehouse: each of its records gets a base that stands for its
changes, and these go, in one transaction.

What is in the archive is compared with the table first. Whatever happens between two transactions,
a record has either its changes or the base that they make: law 3 holds after each of them.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from activities.apply.rebuild import logged_by_record
from activities.apply.token_keys import table_forms
from activities.retention.months import Tell, compare_month, month_row
from clients.retention.archived_months import keep_month
from clients.retention.parts import RetentionParts
from clients.retention.sources import Span, WarehouseSource
from clients.warehouse import Transaction
from clients.warehouse.sql import apply as sql, retention as retention_sql
from schemas.catalogue import ObjectSpec
from schemas.security.retention import MonthState, RetentionTask, TaskDone
from schemas.tables import base_columns
from transforms.apply.base_rows import StoredBase, base_table, fingerprint, read_bases
from transforms.apply.fold import LoggedChange, sum_up
from transforms.pii.token_forms import TokenForms
from transforms.retention.periods import Month

RECORDS_AT_ONCE = 1_000
"""Of one transaction: the object's batches wait for it, some tenths of a second."""


def drop_changes(parts: RetentionParts, task: RetentionTask, now: datetime, tell: Tell) -> TaskDone:
    """Take a month's rows out of a change log. One that was interrupted is continued."""
    row = month_row(parts, task)
    if row is None or row.state != MonthState.VERIFIED:
        return TaskDone(task=task, note="nothing to drop")
    compare_month(parts, row, tell)
    gone = kept = 0
    _, files = row.read_files(parts.archive)
    source = parts.change_log(task.target)
    for file in files:
        span = (file.first_at, file.until_at)
        for some in _chunks(source.subjects(span)):
            began = time.monotonic()
            dropped, wide = drop_records(parts, source, span, some)
            gone, kept = gone + dropped, kept + wide
            tell(file.key)
            # The object's batches come first: they have the lock for most of the time.
            time.sleep(parts.policy.rest * (time.monotonic() - began))
    for copy in parts.warehouse.with_copy()[:-1]:
        _drop_in_copy(parts, replace(source, warehouse=copy), task, tell)
        with copy.transaction() as transaction:
            # Reads of the copy learn by it that the archive alone knows more.
            keep_month(transaction, row.went(MonthState.DROPPED, now))
    with parts.warehouse.transaction() as transaction:
        keep_month(transaction, row.went(MonthState.DROPPED, now))
    note = f"{kept} records stay in the log: a base's row has no room for them" if kept else ""
    return TaskDone(task=task, rows=gone, kept=kept, note=note)


def _drop_in_copy(parts: RetentionParts, source: WarehouseSource, task: RetentionTask, tell: Tell) -> None:
    """Take the month's rows out of the copy's change log. A change is in it some seconds before it
    is in the warehouse, so a few of the month are the next one's there.
    """
    for span in Month.parse(task.month).days():
        for some in _chunks(source.subjects(span)):
            began = time.monotonic()
            drop_records(parts, source, span, some)
            tell(source.name)
            time.sleep(parts.policy.rest * (time.monotonic() - began))


def drop_records(
    parts: RetentionParts, source: WarehouseSource, span: Span, record_ids: Sequence[str]
) -> tuple[int, int]:
    """Sum up some records and take their changes of a span of time out of the log; returns how many
    changes went and how many records stay.
    """
    spec = source.spec
    assert spec is not None  # noqa: S101 -- of a change log
    with source.warehouse.transaction() as transaction:
        transaction.lock_object(spec.table)
        _stage_records(transaction, record_ids)
        forms = table_forms(transaction, spec, parts.protector)
        bases, wide = _bases_after(transaction, spec, span, forms)
        if wide:
            _stage_records(transaction, [name for name in record_ids if name not in wide])
        gone = transaction.execute(retention_sql.delete_changes(spec), list(span))
        transaction.execute(retention_sql.delete_bases(spec))
        transaction.load(sql.base_table(spec), base_columns(spec), base_table(bases, spec))
    return gone, len(wide)


def _bases_after(
    transaction: Transaction, spec: ObjectSpec, span: Span, forms: TokenForms | None
) -> tuple[list[StoredBase], set[str]]:
    """The bases that the staged records need before their changes of the span go, and the records
    whose state no row holds.
    """
    last = dict(transaction.fetch(retention_sql.find_last_places(spec), list(span)))
    known = read_bases(transaction.fetch(sql.read_bases(spec)), spec)
    logged = logged_by_record(transaction.fetch(sql.read_changes(spec)))
    bases, wide = [], set()
    for name in {**last, **known}:
        made = _base_at(logged.get(name, []), spec, known.get(name), last.get(name, ""), forms)
        if made is None:
            wide.add(name)
        else:
            bases.append(made)
    return bases, wide


def _base_at(
    logged: Sequence[LoggedChange],
    spec: ObjectSpec,
    known: StoredBase | None,
    order: str,
    forms: TokenForms | None,
) -> StoredBase | None:
    """The base that stands for every change up to a place."""
    if known is not None and known.order >= order:
        return known
    changes = [change for change in logged if change.change_order <= order]
    base = sum_up(changes, spec, None if known is None else known.base, forms)
    if base is None:
        return None
    after = "" if known is None else known.order
    covered = frozenset(fingerprint(change.change_order) for change in changes if change.change_order > after)
    return StoredBase(base, covered | (known.covered if known is not None else frozenset()))


def _stage_records(transaction: Transaction, record_ids: Sequence[str]) -> None:
    rows = pa.table({"record_id": pa.array(record_ids, pa.large_string())})
    transaction.stage(sql.REBUILT, sql.RECORD_LIST, rows)


def _chunks(record_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(record_ids), RECORDS_AT_ONCE):
        yield record_ids[first : first + RECORDS_AT_ONCE]
