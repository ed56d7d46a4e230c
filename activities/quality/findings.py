"""Law 10 in the warehouse: what a group of changes found goes into `ops.quality`, in the
transaction of its effects.

A change that is applied once is counted once. What the org can tell better than the event is put
on the list of what is to be read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from activities.request_reread import enqueue_rereads
from clients.warehouse import Transaction
from clients.warehouse.sql import quality as sql
from clients.warehouse.sql.apply import RECORD_LIST
from schemas.catalogue import ObjectSpec
from schemas.quality import READ_AGAIN
from schemas.tables import arrow_schema
from transforms.quality import open_findings as quality_rows
from transforms.quality.findings import is_isolating
from transforms.quality.open_findings import FoundChange, OpenFinding
from transforms.repair import rereads_for_findings


@dataclass(frozen=True)
class Recorded:
    """The recorded changes of a group."""

    isolated: Mapping[str, int]
    """Batch -> fields of its applied changes that did not fit."""
    rereads: int
    changes: Sequence[FoundChange]
    """The new changes with which something is wrong."""


def record_findings(
    transaction: Transaction, spec: ObjectSpec, new: pa.Table, last_orders: Mapping[str, str]
) -> Recorded:
    """Write down what is wrong with new changes, and close what they answer.

    Run it after the changes are logged, while the temporary table `GROUPED` holds their records.

    Args:
        transaction: Of the group.
        spec: The object.
        new: The changes that were logged, in the columns of `staged_columns`.
        last_orders: Record -> the last change that was applied to it before; of records that
            were there.
    """
    changes = quality_rows.found_changes(new)
    open_rows = transaction.fetch(sql.find_open_findings(), [spec.name])
    if changes or open_rows:
        records = {row[0] for row in open_rows} | {change.record_id for change in changes}
        places = quality_rows.change_places(new, records)
        settle(transaction, spec, [*quality_rows.settled(open_rows, places, spec)])
        found = [quality_rows.with_answer(each, places, spec) for each in quality_rows.gathered(changes)]
        _write(transaction, spec, _answered_before(transaction, spec, found, last_orders))
    counts = Counter[str]()
    for change in changes:
        counts[change.batch] += sum(map(is_isolating, change.findings))
    return Recorded(counts, _ask(transaction, spec, changes), changes)


def settle(transaction: Transaction, spec: ObjectSpec, rows: Sequence[dict[str, str]]) -> None:
    """Close open findings of the object. Rows in the columns of `SETTLED_COLUMNS`; none =
    nothing is done.
    """
    if rows:
        table = pa.Table.from_pylist(list(rows), schema=arrow_schema(sql.SETTLED_COLUMNS))
        transaction.stage(sql.SETTLED, sql.SETTLED_COLUMNS, table)
        transaction.execute(sql.settle_findings(), [datetime.now(UTC), spec.name])


def _answered_before(
    transaction: Transaction, spec: ObjectSpec, found: Sequence[OpenFinding], last_orders: Mapping[str, str]
) -> list[OpenFinding]:
    """A finding of a change that came late may have been answered before it came."""
    late = {
        each.key[0]
        for each in found
        if each.answered_by is None and each.order < last_orders.get(each.key[0], "")
    }
    if not late:
        return list(found)
    rows = pa.table({"record_id": pa.array(sorted(late), pa.large_string())})
    transaction.stage(sql.LATE, RECORD_LIST, rows)
    logged = transaction.fetch(sql.read_places(spec))
    places = quality_rows.logged_places(logged, "a change that came before")
    return [
        quality_rows.with_answer(each, places, spec)
        if each.answered_by is None and each.key[0] in late
        else each
        for each in found
    ]


def _write(transaction: Transaction, spec: ObjectSpec, found: Sequence[OpenFinding]) -> None:
    if not found:
        return
    schema = arrow_schema(sql.FOUND_COLUMNS)
    table = quality_rows.found_table(found, spec.name, datetime.now(UTC), schema)
    transaction.stage(sql.FOUND, sql.FOUND_COLUMNS, table)
    transaction.execute(sql.update_findings())
    transaction.execute(sql.insert_findings())


def _ask(transaction: Transaction, spec: ObjectSpec, changes: Sequence[FoundChange]) -> int:
    wanted = [change for change in changes if any(each.rule in READ_AGAIN for each in change.findings)]
    return enqueue_rereads(transaction, rereads_for_findings(spec.name, wanted)) if wanted else 0
