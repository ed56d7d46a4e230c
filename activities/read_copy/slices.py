"""Some records as the warehouse has them, and their way into the read copy.

What both have is left as it is: a change has an identity (law 3), so a slice may be brought
twice, and while batches are applied to both.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from activities.apply.commits import next_commit, write_commit
from activities.apply.erased import erased_named
from activities.apply.rebuild import ask_for_refold, rebuild_records
from activities.apply.token_keys import table_forms
from clients.warehouse import Transaction
from clients.warehouse.arrow_rows import arrow_rows
from clients.warehouse.sql import apply as sql, copies
from schemas.catalogue import ObjectSpec
from schemas.tables import (
    Column,
    arrow_schema,
    base_columns,
    change_columns,
    history_columns,
)
from transforms.apply.base_rows import StoredBase, read_bases
from transforms.erasure.changes import erase_changes
from transforms.erasure.curated import erase_rows
from transforms.pii import Protector
from transforms.pii.token_forms import TokenForms


@dataclass(frozen=True)
class RecordSlice:
    """The records after an id and up to another, as the warehouse has them."""

    changes: pa.Table
    """In `change_columns`."""
    bases: pa.Table
    """In `base_columns`."""
    versions: pa.Table
    """In `history_columns`, those before the bases alone: no fold makes them again."""
    last: str | None
    """The last record of the slice. None = there are none behind it."""

    @property
    def record_ids(self) -> list[str]:
        """Each record once."""
        ids = {*self.changes["record_id"].to_pylist(), *self.bases["record_id"].to_pylist()}
        return sorted(ids)


def read_slice(reading: Transaction, spec: ObjectSpec, after: str, records: int) -> RecordSlice:
    """The next `records` records after an id."""
    found = reading.fetch(copies.find_slice_end(spec, records), [after])
    bounds = [after, *(row[0] for row in found)]

    def rows(table: str, columns: Sequence[Column]) -> pa.Table:
        query = copies.read_between(table, columns, is_last=not found)
        return arrow_rows(reading.fetch(query, bounds), arrow_schema(columns))

    changes = rows(sql.change_table(spec), change_columns(spec))
    bases = rows(sql.base_table(spec), base_columns(spec))
    versions = arrow_schema(history_columns(spec)).empty_table()
    if spec.history and len(bases):
        versions = _before(rows(sql.history_table(spec), history_columns(spec)), bases)
    return RecordSlice(changes, bases, versions, found[0][0] if found else None)


def bring_slice(
    transaction: Transaction,
    spec: ObjectSpec,
    found: RecordSlice,
    protector: Protector,
    *,
    as_new: bool,
) -> int:
    """Write into the copy what it lacks of the slice, and fold its records again; returns the
    number of changes that were written. Run it under the object's lock.

    Args:
        transaction: Of the copy.
        spec: The object.
        found: The slice.
        protector: Of the engine.
        as_new: True: changes get the time of this commit as `applied_at`, so that readers of the
            feed get them behind their cursors. False: they keep the warehouse's.
    """
    ids = found.record_ids
    if not ids:
        return 0
    commit = next_commit(transaction, spec.name)
    erased = erased_named(transaction, ids)
    _stage(transaction, ids)
    there = set(transaction.fetch(copies.find_behind(spec)))
    changes = erase_changes(_lacking(found.changes, there), spec, erased)
    if as_new:
        changes = _applied(changes, commit.applied_at)
    transaction.load(sql.change_table(spec), change_columns(spec), changes)
    forms = table_forms(transaction, spec, protector)
    _bring_bases(transaction, spec, found, erased, forms)
    _ask_for_refolds(transaction, spec, there, commit.applied_at)
    rebuild_records(transaction, spec, ids, forms)
    write_commit(transaction, spec.name, commit, len(changes))
    return len(changes)


def _bring_bases(
    transaction: Transaction,
    spec: ObjectSpec,
    found: RecordSlice,
    erased: Collection[str],
    forms: TokenForms | None,
) -> None:
    """Bases that are later than the copy's, and the versions before them."""
    if not len(found.bases):
        return
    known = read_bases(transaction.fetch(sql.read_bases(spec)), spec)
    orders = {name: stored.order for name, stored in known.items()}
    pairs = zip(_ids(found.bases), _orders(found.bases), strict=True)
    later = [order > orders.get(name, "") for name, order in pairs]
    bases = _reformed(found.bases.filter(pa.array(later, pa.bool_())), spec, erased, forms)
    _stage(transaction, _ids(bases))
    transaction.execute(sql.delete_rebuilt(sql.base_table(spec)))
    transaction.load(sql.base_table(spec), base_columns(spec), bases)
    if spec.history:
        places = set(transaction.fetch(copies.find_places(sql.history_table(spec))))
        chosen = pc.is_in(found.versions["record_id"], value_set=pa.array(_ids(bases), pa.large_string()))
        versions = _lacking(found.versions.filter(chosen), places)
        transaction.load(
            sql.history_table(spec), history_columns(spec), _reformed(versions, spec, erased, forms)
        )


def _ask_for_refolds(
    transaction: Transaction, spec: ObjectSpec, there: Collection[tuple[str, str]], at: datetime
) -> None:
    """Ask for the records with a change that the copy had and no base stands for: it was applied
    here before the base came.
    """
    names = sorted({name for name, _ in there})
    if not names:
        return
    _stage(transaction, names)
    bases = read_bases(transaction.fetch(sql.read_bases(spec)), spec)
    late = sorted({name for name, order in there if name in bases and _is_late(bases[name], order)})
    if late:
        ask_for_refold(transaction, spec, late, at)


def _is_late(stored: StoredBase, order: str) -> bool:
    return order <= stored.order and not stored.covers(order)


def _before(versions: pa.Table, bases: pa.Table) -> pa.Table:
    """The versions that lie before the base of their record."""
    places = dict(zip(_ids(bases), _orders(bases), strict=True))
    pairs = zip(_ids(versions), versions["change_order"].to_pylist(), strict=True)
    return versions.filter(pa.array([order < places.get(name, "") for name, order in pairs], pa.bool_()))


def _reformed(
    rows: pa.Table, spec: ObjectSpec, erased: Collection[str], forms: TokenForms | None
) -> pa.Table:
    """Curated rows with the copy's tokens, and without the values of erased records."""
    if forms is not None and len(rows):
        rows = forms.table(rows)
    if not erased or not len(rows):
        return rows
    gone = pc.is_in(rows["record_id"], value_set=pa.array(sorted(erased), pa.large_string()))
    return pa.concat_tables([rows.filter(pc.invert(gone)), erase_rows(rows.filter(gone), spec)])


def _lacking(rows: pa.Table, there: Collection[tuple[str, str]]) -> pa.Table:
    pairs: Iterator[tuple[str, str]] = zip(_ids(rows), rows["change_order"].to_pylist(), strict=True)
    return rows.filter(pa.array([pair not in there for pair in pairs], pa.bool_()))


def _applied(changes: pa.Table, at: datetime) -> pa.Table:
    place = changes.schema.get_field_index("applied_at")
    field = changes.schema.field(place)
    return changes.set_column(place, field, pa.repeat(pa.scalar(at, field.type), len(changes)))


def _ids(rows: pa.Table) -> list[str]:
    found: list[str] = rows["record_id"].to_pylist()
    return found


def _orders(bases: pa.Table) -> list[str]:
    found: list[str] = bases["change_order"].to_pylist()
    return found


def _stage(transaction: Transaction, record_ids: Sequence[str]) -> None:
    rows = pa.table({"record_id": pa.array(record_ids, pa.large_string())})
    transaction.stage(sql.REBUILT, sql.RECORD_LIST, rows)
