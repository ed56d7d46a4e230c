"""Law 3 in a transaction: changes of one object are logged once and folded into its tables.

A change that the log knows is counted as a duplicate; a change that is later than everything
applied to its record takes the fast path, any other has its record rebuilt from the log.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from activities.apply.commits import next_commit, write_commit
from activities.apply.erased import erased_grouped
from activities.apply.ledger import BatchSlice, count_changes, count_rebuilt
from activities.apply.rebuild import ask_for_refold, refold_records
from activities.apply.seen import SeenChanges, grouped_records
from activities.apply.steps import Steps
from activities.quality.fold_findings import record_fold_findings
from activities.quality.record_quality import record_quality
from activities.request_reread import reread_incomplete
from clients.warehouse import Load, Transaction
from clients.warehouse.sql import apply as sql, merge as merge_sql
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.tables import change_columns, current_columns, history_columns, net_columns
from transforms.apply.net_changes import NetRows, first_current_rows, first_history_rows
from transforms.erasure.changes import erase_changes
from transforms.pii.token_forms import TokenForms


def apply_changes(
    transaction: Transaction,
    spec: ObjectSpec,
    shares: Sequence[BatchSlice],
    catalogue: Catalogue,
    forms: TokenForms | None = None,
) -> Steps[None]:
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
    yield [grouped_records(spec, incoming)]
    seen = SeenChanges.of(transaction, spec, incoming)
    # What was staged before a record was erased may still hold its values.
    incoming = erase_changes(incoming, spec, erased_grouped(transaction, spec))
    new = incoming if all(seen.is_new) else incoming.filter(pa.array(seen.is_new))
    if len(new):
        commit = next_commit(transaction, spec.name)
        foldable = _foldable(transaction, spec, seen, incoming, new, commit.applied_at)
        slow = seen.slow_records(foldable)
        folding = _folding(spec, seen, new, _without(foldable, slow), commit.applied_at)
        yield folding.loads
        for statement in folding.statements:
            transaction.execute(statement)
        states = refold_records(transaction, spec, sorted(slow), forms) if slow else {}
        count_rebuilt(shares, foldable, slow)
        recorded = record_quality(transaction, spec, catalogue, foldable, seen.last_orders)
        record_fold_findings(transaction, spec, states)
        for share in shares:
            share.isolated = recorded.isolated.get(share.batch, 0)
        incomplete = reread_incomplete(transaction, spec, foldable, seen.last_orders)
        shares[0].rereads += recorded.rereads + incomplete
        write_commit(transaction, spec.name, commit, len(new))
    count_changes(shares, incoming, seen.is_new)


class _Folding(NamedTuple):
    """The loads of a group's new changes, and the statements after them."""

    loads: list[Load]
    statements: list[str]


def _foldable(
    transaction: Transaction,
    spec: ObjectSpec,
    seen: SeenChanges,
    incoming: pa.Table,
    new: pa.Table,
    applied_at: datetime,
) -> pa.Table:
    """The new changes that are not older than the base of their record."""
    if not any(seen.is_behind):
        return new
    behind = incoming.filter(pa.array(seen.is_behind))
    ask_for_refold(transaction, spec, behind["record_id"].unique().to_pylist(), applied_at)
    return incoming.filter(pa.array(_both(seen.is_new, seen.is_behind)))


def _folding(
    spec: ObjectSpec, seen: SeenChanges, new: pa.Table, fast: pa.Table, applied_at: datetime
) -> _Folding:
    folding = _Folding([_log(spec, new, applied_at)], [])
    if len(fast):
        net = NetRows(fast, spec, applied_at=applied_at, unknown_before=seen.unknown_fields)
        _fold_in(folding, spec, net, seen.last_orders)
    return folding


def _both(is_new: Sequence[bool], is_behind: Sequence[bool]) -> list[bool]:
    return [new and not behind for new, behind in zip(is_new, is_behind, strict=True)]


def _without(changes: pa.Table, record_ids: Collection[str]) -> pa.Table:
    if not record_ids:
        return changes
    ids = changes["record_id"]
    return changes.filter(pc.invert(pc.is_in(ids, value_set=pa.array(sorted(record_ids), ids.type))))


def _log(spec: ObjectSpec, new: pa.Table, applied_at: datetime) -> Load:
    stamp = pa.repeat(pa.scalar(applied_at, pa.timestamp("ms", tz="UTC")), len(new))
    columns = change_columns(spec)
    rows = new.append_column("applied_at", stamp).select([column.name for column in columns])
    return Load(sql.change_table(spec), columns, rows)


def _fold_in(folding: _Folding, spec: ObjectSpec, net: NetRows, existing: Collection[str]) -> None:
    """The fast path: records that are new are loaded as they are, the others merged."""
    more = net.of_records(existing)
    if not more.all():
        rows = first_current_rows(net.table(net.is_latest & ~more), spec)
        folding.loads.append(Load(sql.current_table(spec), current_columns(spec), rows))
        if spec.history:
            versions = first_history_rows(net.table(~more), spec)
            folding.loads.append(Load(sql.history_table(spec), history_columns(spec), versions))
    if more.any():
        _merge(folding, spec, net, more)


def _merge(folding: _Folding, spec: ObjectSpec, net: NetRows, more: NDArray[np.bool_]) -> None:
    columns = net_columns(spec)
    if spec.history:
        versions = merge_sql.net_stage(spec, "versions")
        folding.loads.append(Load(versions, columns, net.table(more), is_stage=True))
        folding.statements.extend([merge_sql.close_versions(spec), merge_sql.open_versions(spec)])
    latest = merge_sql.net_stage(spec, "latest")
    folding.loads.append(Load(latest, columns, net.table(net.is_latest & more), is_stage=True))
    folding.statements.append(merge_sql.update_current(spec))
