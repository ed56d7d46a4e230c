"""The fold's fast path: what a group of new changes does to each record, as net rows that SQL can
merge.

A net row sums up a record's changes in the group from the first up to one of them: which fields
they set, and to what. The state after that change is then the row before the group with those
fields replaced: one CASE a column, for one change or for a hundred, so hot records cost no extra
round.

Only for changes that are new, later than everything applied to their record, and free of text
diffs; the rest takes the slow path (`transforms.apply.fold`), which gives the same rows.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.catalogue import ObjectSpec
from schemas.ingest.change_types import DELETE, WHOLE
from schemas.tables import (
    BITS_PER_MASK,
    Column,
    arrow_schema,
    current_columns,
    field_columns,
    history_columns,
    mask_names,
    net_columns,
)

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]


class NetRows:
    """The net rows of a group's changes (columns of `staged_columns`), one a change, by record and
    change.

    Only keys and masks are held; a column's values are copied once, for the rows that `table` is
    asked for.
    """

    def __init__(
        self,
        changes: pa.Table,
        spec: ObjectSpec,
        *,
        applied_at: datetime,
        unknown_before: Mapping[str, str] | None = None,
    ) -> None:
        """`unknown_before`: record -> `unknown_fields` of its row before the group; None: no record
        has any.
        """
        self._changes = changes
        self._spec = spec
        self._applied_at = applied_at
        by_record = [("record_id", "ascending"), ("change_order", "ascending")]
        self._order: _Ints = np.asarray(pc.sort_indices(changes, sort_keys=by_record)).astype(np.int64)
        records = _Records(changes["record_id"].take(pa.array(self._order)))
        types = changes["change_type"].take(pa.array(self._order))
        whole = np.asarray(pc.is_in(types, value_set=pa.array(sorted(WHOLE), types.type)))
        deletes = np.asarray(pc.equal(types, DELETE))
        self._records = records
        named = changes["changed_fields"]
        sets_all = whole & np.asarray(pc.is_null(named))[self._order]
        self._sets = _fields_set(named, spec)[self._order] | sets_all[:, None]
        self._deleted_by = records.last_true(whole | deletes)
        self._is_deleted = (self._deleted_by >= 0) & deletes[self._deleted_by]
        self._is_complete = records.last_true(whole) >= 0
        columns = set(spec.columns.values())
        before = {
            id_: names for id_, text in (unknown_before or {}).items() if (names := known_only(text, columns))
        }
        self._unknown = _unknown_texts(changes, self._order, before)
        self.is_latest: _Bools = records.following < 0
        """By net row: is it its record's last?"""

    def of_records(self, record_ids: Collection[str]) -> _Bools:
        """By net row: is it one of these records'?"""
        ids = self._changes["record_id"]
        found = pc.is_in(ids, value_set=pa.array(sorted(record_ids), ids.type))
        return np.asarray(found)[self._order]

    def table(self, wanted: _Bools) -> pa.Table:
        """The wanted net rows, in the columns of `schemas.tables.net_columns`."""
        rows = np.flatnonzero(wanted)
        masks = [np.zeros(len(rows), np.int64) for _ in mask_names(self._spec)]
        values = []
        for place, column in enumerate(field_columns(self._spec)):
            source = self._records.last_true(self._sets[:, place])[rows]
            masks[place // BITS_PER_MASK] |= (source >= 0).astype(np.int64) << (place % BITS_PER_MASK)
            values.append(self._take(column.name, source))
        head = [self._take(name, rows) for name in ("record_id", "change_order", "changed_at")]
        stamp = pa.repeat(pa.scalar(self._applied_at, pa.timestamp("ms", tz="UTC")), len(rows))
        flags = [
            pa.array((self._deleted_by >= 0)[rows]),
            pa.array(self._is_deleted[rows]),
            pa.array(self._is_complete[rows]),
            self._unknown.take(pa.array(rows)),
            pa.array(self._records.step[rows]),
            self._take("changed_at", self._records.following[rows]),
            pa.array(self.is_latest[rows]),
        ]
        arrays = [*head, stamp, self._take("batch", rows), *map(pa.array, masks), *flags, *values]
        return pa.Table.from_arrays(arrays, schema=arrow_schema(net_columns(self._spec)))

    def _take(self, column: str, sorted_rows: _Ints) -> pa.ChunkedArray:
        """A column's values at rows of the sorted order; null where the row is -1."""
        rows = pa.array(self._order[sorted_rows], mask=sorted_rows < 0)
        return self._changes[column].take(rows)


def first_current_rows(latest: pa.Table, spec: ObjectSpec) -> pa.Table:
    """Current rows of records that had none: the last net row of each is the whole row."""
    return _renamed(
        latest, current_columns(spec), {"version": "version_step", "last_change_order": "change_order"}
    )


def first_history_rows(versions: pa.Table, spec: ObjectSpec) -> pa.Table:
    """History rows of records that had none: every net row is a whole version."""
    return _renamed(versions, history_columns(spec), {"version": "version_step", "valid_from": "changed_at"})


def _renamed(net: pa.Table, columns: Sequence[Column], names: dict[str, str]) -> pa.Table:
    arrays = [net[names.get(column.name, column.name)] for column in columns]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(columns))


class _Records:
    """Where each record's rows begin and end in a column of ids ordered by record."""

    def __init__(self, record_ids: pa.ChunkedArray) -> None:
        count = len(record_ids)
        codes = np.asarray(record_ids.combine_chunks().dictionary_encode().indices)
        self.row: _Ints = np.arange(count, dtype=np.int64)
        begins = np.ones(count, np.bool_)
        begins[1:] = codes[1:] != codes[:-1]
        self.begin: _Ints = np.maximum.accumulate(np.where(begins, self.row, 0))
        self.step: _Ints = self.row - self.begin + 1
        ends = np.ones(count, np.bool_)
        ends[:-1] = begins[1:]
        self.following: _Ints = np.where(ends, -1, self.row + 1)

    def last_true(self, flags: _Bools) -> _Ints:
        """For each row the latest row of the same record, itself included, that has the flag; -1
        when none has.
        """
        latest = np.maximum.accumulate(np.where(flags, self.row, -1))
        return np.where(latest >= self.begin, latest, np.int64(-1))


def _unknown_texts(changes: pa.Table, order: _Ints, before: Mapping[str, str]) -> pa.Array:
    """`unknown_fields` after each change, in `order`; null for nearly all."""
    if not before and changes["isolated_fields"].null_count == len(changes):
        return pa.nulls(len(changes), pa.large_string())
    ordered = changes.select(["record_id", "change_type", "changed_fields", "isolated_fields"]).take(
        pa.array(order)
    )
    isolated, ids = ordered["isolated_fields"], ordered["record_id"]
    touched = pc.is_valid(isolated)
    if before:
        touched = pc.or_(touched, pc.is_in(ids, value_set=pa.array(sorted(before), ids.type)))
    records = set(ids.filter(touched).unique().to_pylist())
    chosen = np.flatnonzero(np.asarray(pc.is_in(ids, value_set=pa.array(sorted(records), ids.type))))
    columns = (ordered[name].take(pa.array(chosen)).to_pylist() for name in ordered.column_names)
    texts: list[str | None] = [None] * len(ordered)
    states = {record_id: before.get(record_id) for record_id in records}
    for row, record_id, change_type, changed, of_change in zip(chosen, *columns, strict=True):
        state = unknown_after(states[record_id], change_type, changed, of_change)
        states[record_id] = texts[row] = state
    return pa.array(texts, pa.large_string())


def unknown_after(
    before: str | None, change_type: str, changed: str | None, isolated: str | None
) -> str | None:
    """`unknown_fields` of a record after a change, given those before it and the change's own
    columns of the same names.
    """
    if change_type == DELETE or (before is None and isolated is None):
        return before
    known = _columns(before)
    known = set() if changed is None else known - _columns(changed)
    return ",".join(sorted(known | _columns(isolated))) or None


def known_only(unknown: str | None, columns: Collection[str]) -> str | None:
    """`unknown_fields` without the columns that the catalogue has no more: it removed their field,
    or ignores it.
    """
    if unknown is None:
        return None
    return ",".join(name for name in unknown.split(",") if name in columns) or None


def _columns(text: str | None) -> set[str]:
    return set(text.split(",")) if text else set()


def _fields_set(changed_fields: pa.ChunkedArray, spec: ObjectSpec) -> _Bools:
    """One row a change, one column a field: does the change carry it?"""
    encoded = changed_fields.combine_chunks().dictionary_encode(null_encoding="encode")
    places = {column.name: place for place, column in enumerate(field_columns(spec))}
    table = np.zeros((len(encoded.dictionary), len(places)), np.bool_)
    for row, names in enumerate(encoded.dictionary.to_pylist()):
        for name in (names or "").split(","):
            # What was staged may name a field that the catalogue has no more.
            if name in places:
                table[row, places[name]] = True
    flags: _Bools = table[np.asarray(encoded.indices)]
    return flags
