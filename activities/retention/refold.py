"""Records with a change that is older than their base are folded again, from the archive and the
log.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from activities.apply.erased import erased_named
from activities.apply.rebuild import logged_by_record, reformed, replace_records
from activities.apply.token_keys import table_forms
from activities.quality.fold_findings import FoldState, record_fold_findings
from activities.retention.months import Tell
from clients.retention.archived_months import archived_months
from clients.retention.parts import RetentionParts
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import apply as sql, retention as retention_sql
from schemas.catalogue import ObjectSpec
from schemas.security.retention import MonthState, RetentionTask, TaskDone
from schemas.tables import base_columns, change_columns
from transforms.apply.base_rows import StoredBase, base_table, fingerprint, read_bases
from transforms.apply.fold import LoggedChange, fold, sum_up
from transforms.erasure.changes import erase_changes
from transforms.pii.token_forms import TokenForms

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


class _Archived(NamedTuple):
    """The archived changes of some records."""

    files: list[pa.Table]
    """Their rows, opened."""
    gone: frozenset[str]
    """Records of which a value cannot be read any more."""
    is_whole: bool
    """False = the archive has no longer every change."""


def refold(parts: RetentionParts, task: RetentionTask, now: datetime, tell: Tell) -> TaskDone:
    """Fold the records on the list. One that was erased is folded from what is left of its changes.

    Where the archive has no longer every change, a record keeps its base: its late change stays in
    the log without effect.
    """
    *copies, own = parts.warehouse.with_copy()
    for copy in copies:
        _refold_in(copy, parts, task, now, tell)
    return _refold_in(own, parts, task, now, tell)


def _refold_in(
    warehouse: Warehouse, parts: RetentionParts, task: RetentionTask, now: datetime, tell: Tell
) -> TaskDone:
    source = parts.change_log(task.target)
    spec = source.spec
    assert spec is not None  # noqa: S101 -- of a change log
    with warehouse.reading() as reading:
        listed = [row[0] for row in reading.fetch(retention_sql.list_refolds(RECORDS_AT_ONCE), [spec.name])]
    archived = _archived(parts, task.target, listed, tell)
    folded = listed if archived.is_whole else []
    with warehouse.transaction() as transaction:
        transaction.lock_object(spec.table)
        if folded:
            # Asked under the lock: an erasure may have come since the archive was read.
            gone = archived.gone | erased_named(transaction, folded)
            changes = _changes(archived.files, spec, gone)
            _fold_in(transaction, spec, changes, folded, table_forms(transaction, spec, parts.protector))
        _stage(transaction, listed)
        transaction.execute(retention_sql.close_refolds(), [spec.name, now])
    kept = len(listed) - len(folded)
    note = f"{kept} of them stay as they were: the archive has no longer all of their changes" if kept else ""
    return TaskDone(task=task, rows=len(folded), kept=kept, note=note)


def _archived(parts: RetentionParts, source: str, record_ids: Sequence[str], tell: Tell) -> _Archived:
    found: list[pa.Table] = []
    gone: set[str] = set()
    for row in archived_months(parts.warehouse):
        if row.source != source:
            continue
        if row.state == MonthState.EXPIRED:
            return _Archived([], frozenset(), is_whole=False)
        manifest, _ = row.read_files(parts.archive)
        for opened in parts.archive.find(manifest, record_ids) if manifest is not None else ():
            gone |= opened.gone
            found.append(opened.rows)
        tell(row.month)
    return _Archived(found, frozenset(gone), is_whole=True)


def _changes(
    files: Iterable[pa.Table], spec: ObjectSpec, gone: Collection[str]
) -> dict[str, list[LoggedChange]]:
    """record_id -> its archived changes; those of erased records as an erasure leaves them in the
    log.
    """
    kinds = {column.name: column.arrow for column in change_columns(spec)}
    columns = [*_HEAD, *spec.columns.values()]
    found: dict[str, list[LoggedChange]] = {}
    for file in files:
        rows = erase_changes(file, spec, gone)
        there = set(rows.column_names)
        values = [
            # A number whose values are sealed is archived as a text.
            rows[name].cast(kinds[name]).to_pylist() if name in there else [None] * len(rows)
            for name in columns
        ]
        for row in zip(*values, strict=True):
            change = LoggedChange(*(*row[: len(_HEAD)], row[len(_HEAD) :]))
            found.setdefault(change.record_id, []).append(change)
    return found


def _fold_in(
    transaction: Transaction,
    spec: ObjectSpec,
    archived: Mapping[str, list[LoggedChange]],
    record_ids: Sequence[str],
    forms: TokenForms | None,
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
        record = fold(every, spec, sealed=forms)
        if not record:
            continue
        versions.append(record)
        states[name] = FoldState.of(record[-1])
        if (stored := known.get(name)) is not None:
            bases.append(_base(every, spec, stored, forms))
    # The archive's tokens are of the keys of its time.
    replace_records(transaction, spec, reformed(versions, spec, forms), {})
    transaction.execute(retention_sql.delete_bases(spec))
    transaction.load(sql.base_table(spec), base_columns(spec), base_table(bases, spec))
    record_fold_findings(transaction, spec, states)


def _base(
    every: Sequence[LoggedChange], spec: ObjectSpec, stored: StoredBase, forms: TokenForms | None
) -> StoredBase:
    """The base at the same place, of all changes up to there."""
    covered = [change for change in every if change.change_order <= stored.order]
    base = sum_up(covered, spec, sealed=forms)
    if base is None:
        return stored
    return replace(stored, base=base, covered=frozenset(fingerprint(each.change_order) for each in covered))


def _stage(transaction: Transaction, record_ids: Sequence[Any]) -> None:
    rows = pa.table({"record_id": pa.array(record_ids, pa.large_string())})
    transaction.stage(sql.REBUILT, sql.RECORD_LIST, rows)
