"""Laws 3, 4 and 8 in the warehouse: a group of staged batches of one object becomes one
transaction.

In it: the change log, current, history, quarantine and a ledger row a batch. A batch that the
ledger knows is not applied again; a change that the log knows is counted as a duplicate; a
change that is later than everything applied to its record takes the fast path, any other has its
record rebuilt from the log.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from activities.apply.erased import erased_touched, without_erased
from activities.apply.holds import TooManyRejectedError, check_hold, hold
from activities.apply.ledger import BatchSlice, count_changes, count_rebuilt, write_ledger
from activities.apply.rebuild import ask_for_refold, refold_records
from activities.apply.seen import SeenChanges
from activities.apply.token_keys import table_forms
from activities.quality.fold_findings import record_fold_findings
from activities.quality.record_quality import count_rejected, record_quality
from activities.request_reread import enqueue_rereads, reread_incomplete
from clients.metrics.changes import count_applied, object_label, observe_applied, timed, timed_outcome
from clients.metrics.work import WAREHOUSE_LOCK_SECONDS, WAREHOUSE_SECONDS
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.live_catalogue import check_revision
from clients.warehouse.sql import apply as sql, ledger as ledger_sql, merge as merge_sql
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import StaleCatalogueError
from schemas.ingest.change_types import SNAPSHOT
from schemas.ingest.messages import ApplyInput, ApplyResult
from schemas.ops_tables import QUARANTINE_COLUMNS
from schemas.tables import (
    change_columns,
    current_columns,
    field_columns,
    history_columns,
    net_columns,
    staged_columns,
)
from transforms.apply.net_changes import NetRows, first_current_rows, first_history_rows
from transforms.erasure.changes import erase_changes
from transforms.ingest.stage_events import for_quarantine
from transforms.pii import Protector
from transforms.pii.token_forms import TokenForms
from transforms.repair import rereads_for_refusals


@dataclass
class Applier:
    """Applies groups of staged batches. One for a process; its methods block."""

    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue
    protector: Protector | None = None
    """Brings tokens to the form that the object's tables have; None = they stay as they were
    landed.
    """

    def apply(self, items: Sequence[ApplyInput]) -> list[ApplyResult]:
        """Apply batches of one object in one transaction; the results are in the order of `items`.

        Raises `ObjectHeldError` while the object is held, or when one of the batches holds it.
        """
        name = items[0].staged.object
        # The revision first, so that the fields are those of it or newer ones.
        known, spec = self.catalogue.revision_of(name), self.catalogue.objects.get(name)
        try:
            return self._apply(items, spec, known)
        except StaleCatalogueError:
            self.catalogue.follow()
            raise
        except TooManyRejectedError as cause:
            raise hold(self.warehouse, self.catalogue.object(name), cause) from cause

    def _apply(
        self, items: Sequence[ApplyInput], spec: ObjectSpec | None, known: int | None
    ) -> list[ApplyResult]:
        name = items[0].staged.object
        shares = [self.read(item, spec) for item in items]
        with (
            timed_outcome(WAREHOUSE_SECONDS, object_label(name)),
            self.warehouse.transaction() as transaction,
        ):
            with timed(WAREHOUSE_LOCK_SECONDS, object_label(name)):
                transaction.lock_object(spec.table if spec else name)
            check_revision(transaction, name, known)
            done = _applied_before(transaction, name, [share.batch for share in shares])
            fresh = [share for share in shares if share.batch not in done]
            if spec is not None:
                check_hold(transaction, spec, fresh)
                with_changes = [share for share in fresh if share.changes is not None]
                forms = table_forms(transaction, spec, self.protector) if with_changes else None
                apply_changes(transaction, spec, with_changes, self.catalogue, forms)
                count_rejected(
                    transaction,
                    spec,
                    sum(share.item.staged.landed for share in fresh),
                    [share.refused for share in fresh],
                )
            for share in fresh:
                self._load_refused(transaction, share)
            write_ledger(transaction, fresh)
            before = {batch: _ledger_result(row) for batch, row in done.items()}
        _observe(fresh)
        return [before.get(share.batch) or share.result() for share in shares]

    def read(self, item: ApplyInput, spec: ObjectSpec | None) -> BatchSlice:
        """The batch's part as its staged files have it, in the columns of `spec`; None: of an
        object that the catalogue lacks.
        """
        staged = item.staged
        changes = None
        if staged.staged_key is not None and spec is not None:
            changes = with_columns(pq.read_table(pa.BufferReader(self.store.get(staged.staged_key))), spec)
        refused = None
        if staged.refused_key is not None:
            refused = pq.read_table(pa.BufferReader(self.store.get(staged.refused_key)))
        return BatchSlice(item, changes, refused)

    def _load_refused(self, transaction: Transaction, share: BatchSlice) -> None:
        if share.refused is None:
            return
        refused = without_erased(transaction, share.refused, self.catalogue)
        transaction.load(sql.QUARANTINE, QUARANTINE_COLUMNS, for_quarantine(refused, [_now()] * len(refused)))
        share.rereads += enqueue_rereads(transaction, rereads_for_refusals(share.refused))


def _observe(fresh: Sequence[BatchSlice]) -> None:
    """Count the changes of the commit."""
    committed_at = _now()
    for share in fresh:
        count_applied(share.result())
        if share.changes is not None and share.applied:
            new = share.changes if not share.duplicate else share.changes.filter(pa.array(share.is_new))
            observe_applied(share.item.manifest, share.item.staged.object, new, committed_at)


def with_columns(changes: pa.Table, spec: ObjectSpec) -> pa.Table:
    """Staged changes in the columns of today. Raises `StaleCatalogueError` when they have columns
    that the spec lacks.

    What was staged before a field was added has no column of it. Readings say nothing of the
    field then, so they name what they carry; an event that had carried the field would have been
    refused.
    """
    wanted = pa.schema([(column.name, column.arrow) for column in staged_columns(spec)])
    there = set(changes.column_names)
    if there - set(wanted.names):
        raise StaleCatalogueError(object_name=spec.name)
    if missing := [name for name in wanted.names if name not in there]:
        changes = _with_missing(changes, missing, spec)
    return changes.select(wanted.names).cast(wanted)


def _with_missing(changes: pa.Table, missing: Sequence[str], spec: ObjectSpec) -> pa.Table:
    """The changes with empty columns for what came after they were staged."""
    there = set(changes.column_names)
    if not there.issuperset(spec.columns.values()):
        carried = ",".join(column.name for column in field_columns(spec) if column.name in there)
        is_reading = pc.and_(
            pc.equal(changes["change_type"], SNAPSHOT), pc.is_null(changes["changed_fields"])
        )
        place = changes.column_names.index("changed_fields")
        named = pc.if_else(is_reading, pa.scalar(carried, pa.large_string()), changes["changed_fields"])
        changes = changes.set_column(place, "changed_fields", named)
    types = {column.name: column.arrow for column in staged_columns(spec)}
    for name in missing:
        changes = changes.append_column(name, pa.nulls(len(changes), types[name]))
    return changes


def _now() -> datetime:
    return datetime.now(UTC)


def _applied_before(transaction: Transaction, name: str, batches: list[str]) -> dict[str, tuple[Any, ...]]:
    """Batches that the ledger has: an earlier try committed and was killed before it could say
    so.
    """
    rows = transaction.fetch(ledger_sql.find_applied_batches(len(batches)), [name, *batches])
    return {row[0]: row for row in rows}


def _ledger_result(row: tuple[Any, ...]) -> ApplyResult:
    _, name, landed, applied, duplicate, quarantined, rebuilt, isolated, last_changed_at = row
    return ApplyResult(
        object=name,
        landed=landed,
        applied=applied,
        duplicate=duplicate,
        quarantined=quarantined,
        rebuilt=rebuilt,
        isolated=isolated,
        last_changed_at=last_changed_at,
    )


def apply_changes(
    transaction: Transaction,
    spec: ObjectSpec,
    shares: Sequence[BatchSlice],
    catalogue: Catalogue,
    forms: TokenForms | None = None,
) -> None:
    """Log the shares' changes that are new and fold them in; counts in each share what became of
    its changes.

    `catalogue` tells which other objects the warehouse has, `forms` is of its tokens
    (`table_forms`).
    """
    tables = [share.changes for share in shares if share.changes is not None and len(share.changes)]
    if not tables:
        return
    incoming = pa.concat_tables(tables)
    if forms is not None:
        incoming = forms.table(incoming)
    seen = SeenChanges.of(transaction, spec, incoming)
    # What was staged before a record was erased may still hold its values.
    incoming = erase_changes(incoming, spec, erased_touched(transaction))
    new = incoming if all(seen.is_new) else incoming.filter(pa.array(seen.is_new))
    applied_at = _now()
    if len(new):
        _log(transaction, spec, new, applied_at)
        foldable = new
        if any(seen.is_behind):
            behind = incoming.filter(pa.array(seen.is_behind))
            ask_for_refold(transaction, spec, behind["record_id"].unique().to_pylist(), applied_at)
            foldable = incoming.filter(pa.array(_both(seen.is_new, seen.is_behind)))
        slow = seen.slow_records(foldable)
        fast = _without(foldable, slow)
        if len(fast):
            net = NetRows(fast, spec, applied_at=applied_at, unknown_before=seen.unknown_fields)
            _fold_in(transaction, spec, net, seen.last_orders)
        states = refold_records(transaction, spec, sorted(slow), forms) if slow else {}
        count_rebuilt(shares, foldable, slow)
        recorded = record_quality(transaction, spec, catalogue, foldable, seen.last_orders)
        record_fold_findings(transaction, spec, states)
        for share in shares:
            share.isolated += recorded.isolated.get(share.batch, 0)
        shares[0].rereads += recorded.rereads
        shares[0].rereads += reread_incomplete(transaction, spec, foldable, seen.last_orders)
    count_changes(shares, incoming, seen.is_new)


def _both(is_new: Sequence[bool], is_behind: Sequence[bool]) -> list[bool]:
    return [new and not behind for new, behind in zip(is_new, is_behind, strict=True)]


def _without(changes: pa.Table, record_ids: Collection[str]) -> pa.Table:
    if not record_ids:
        return changes
    ids = changes["record_id"]
    return changes.filter(pc.invert(pc.is_in(ids, value_set=pa.array(sorted(record_ids), ids.type))))


def _log(transaction: Transaction, spec: ObjectSpec, new: pa.Table, applied_at: datetime) -> None:
    stamp = pa.repeat(pa.scalar(applied_at, pa.timestamp("ms", tz="UTC")), len(new))
    columns = change_columns(spec)
    rows = new.append_column("applied_at", stamp).select([column.name for column in columns])
    transaction.load(sql.change_table(spec), columns, rows)


def _fold_in(transaction: Transaction, spec: ObjectSpec, net: NetRows, existing: Collection[str]) -> None:
    """The fast path: records that are new are loaded as they are, the others merged."""
    more = net.of_records(existing)
    if not more.all():
        rows = first_current_rows(net.table(net.is_latest & ~more), spec)
        transaction.load(sql.current_table(spec), current_columns(spec), rows)
        if spec.history:
            versions = first_history_rows(net.table(~more), spec)
            transaction.load(sql.history_table(spec), history_columns(spec), versions)
    if more.any():
        _merge(transaction, spec, net, more)


def _merge(transaction: Transaction, spec: ObjectSpec, net: NetRows, more: NDArray[np.bool_]) -> None:
    columns = net_columns(spec)
    if spec.history:
        transaction.stage(merge_sql.net_stage(spec, "versions"), columns, net.table(more))
        transaction.execute(merge_sql.close_versions(spec))
        transaction.execute(merge_sql.open_versions(spec))
    transaction.stage(merge_sql.net_stage(spec, "latest"), columns, net.table(net.is_latest & more))
    transaction.execute(merge_sql.update_current(spec))
