"""Records with a change that is older than their base are folded again, from the archive and the
log.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from activities.apply.rebuild import logged_by_record, replace_records
from activities.quality.fold_findings import FoldState, record_fold_findings
from activities.retention.months import Tell
from clients.retention.archived_months import archived_months
from clients.retention.parts import RetentionParts
from clients.warehouse import Transaction
from clients.warehouse.sql import apply as sql, retention as retention_sql
from schemas.catalogue import ObjectSpec
from schemas.security.retention import MonthState, RetentionTask, TaskDone
from schemas.tables import base_columns
from transforms.apply.base_rows import StoredBase, base_table, fingerprint, read_bases
from transforms.apply.fold import LoggedChange, fold, sum_up

RECORDS_AT_ONCE = 2_000
_HEAD = (
    "record_id",
    "change_order",
    "change_type",
    "changed_at",
    "changed_fields",
    "diff_fields",
    "isolated_fields",
    "batch",
    "applied_at",
)


def refold(parts: RetentionParts, task: RetentionTask, now: datetime, tell: Tell) -> TaskDone:
    """Fold the records on the list. A record of which the archive has no longer every change, or
    whose values were erased, keeps its base: its late change stays in the log without effect.
    """
    source = parts.change_log(task.target)
    spec = source.spec
    assert spec is not None  # noqa: S101 -- of a change log
    with parts.warehouse.reading() as reading:
        listed = [row[0] for row in reading.fetch(retention_sql.list_refolds(RECORDS_AT_ONCE), [spec.name])]
    archived, whole = _archived(parts, task.target, listed, spec, tell)
    with parts.warehouse.transaction() as transaction:
        transaction.lock_object(spec.table)
        folded = [name for name in listed if name in whole]
        if folded:
            _fold_in(transaction, spec, folded, archived)
        _stage(transaction, listed)
        transaction.execute(retention_sql.close_refolds(), [spec.name, now])
    kept = len(listed) - len(folded)
    note = f"{kept} of them stay as they were: the archive has no longer all of their changes" if kept else ""
    return TaskDone(task=task, rows=len(folded), kept=kept, note=note)


def _archived(
    parts: RetentionParts, source: str, record_ids: Sequence[str], spec: ObjectSpec, tell: Tell
) -> tuple[dict[str, list[LoggedChange]], set[str]]:
    """The archived changes of some records, and the records of which it has all."""
    found: dict[str, list[LoggedChange]] = {}
    whole = set(record_ids)
    for row in archived_months(parts.warehouse):
        if row.source != source:
            continue
        if row.state == MonthState.EXPIRED:
            return {}, set()
        manifest, _ = row.read_files(parts.archive)
        for opened in parts.archive.find(manifest, record_ids) if manifest is not None else ():
            whole -= opened.gone
            for change in _changes(opened.rows, spec):
                found.setdefault(change.record_id, []).append(change)
        tell(row.month)
    return found, whole


def _changes(rows: pa.Table, spec: ObjectSpec) -> Iterable[LoggedChange]:
    there = set(rows.column_names)
    columns = [*_HEAD, *spec.columns.values()]
    values = [rows[name].to_pylist() if name in there else [None] * len(rows) for name in columns]
    for row in zip(*values, strict=True):
        yield LoggedChange(*(*row[: len(_HEAD)], row[len(_HEAD) :]))


def _fold_in(
    transaction: Transaction,
    spec: ObjectSpec,
    record_ids: Sequence[str],
    archived: Mapping[str, list[LoggedChange]],
) -> None:
    _stage(transaction, record_ids)
    logged = logged_by_record(transaction.fetch(sql.read_changes(spec)))
    known = read_bases(transaction.fetch(sql.read_bases(spec)), spec)
    versions, bases, states = [], [], {}
    for name in record_ids:
        by_place = {change.change_order: change for change in archived.get(name, [])}
        # What is in both is the log's: an erasure reaches it there.
        by_place |= {change.change_order: change for change in logged.get(name, [])}
        every = list(by_place.values())
        record = fold(every, spec)
        if not record:
            continue
        versions.append(record)
        states[name] = FoldState.of(record[-1])
        if (stored := known.get(name)) is not None:
            bases.append(_base(every, spec, stored))
    replace_records(transaction, spec, versions, {})
    transaction.execute(retention_sql.delete_bases(spec))
    transaction.load(sql.base_table(spec), base_columns(spec), base_table(bases, spec))
    record_fold_findings(transaction, spec, states)


def _base(every: Sequence[LoggedChange], spec: ObjectSpec, stored: StoredBase) -> StoredBase:
    """The base at the same place, of all changes up to there."""
    covered = [change for change in every if change.change_order <= stored.order]
    base = sum_up(covered, spec)
    if base is None:
        return stored
    return replace(stored, base=base, covered=frozenset(fingerprint(each.change_order) for each in covered))


def _stage(transaction: Transaction, record_ids: Sequence[Any]) -> None:
    rows = pa.table({"record_id": pa.array(record_ids, pa.large_string())})
    transaction.stage(sql.REBUILT, sql.RECORD_LIST, rows)
