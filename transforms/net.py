"""The fold's fast path: what a group of new changes does to each record, as net rows that SQL can merge.

A net row sums up a record's changes in the group from the first up to one of them: which fields they set, and to
what. The state after that change is then the row before the group with those fields replaced: one CASE a column,
for one change or for a hundred, so hot records cost no extra round.

Only for changes that are new, later than everything applied to their record, and free of text diffs; the rest
takes the slow path (`transforms.fold`), which gives the same rows.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.catalogue import ObjectSpec
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
from transforms.decode import DELETE, WHOLE

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]


def net_rows(changes: pa.Table, spec: ObjectSpec, *, applied_at: datetime) -> pa.Table:
    """A net row for every change, in the columns of `schemas.tables.net_columns`, ordered by record and change."""
    by_record = changes.take(
        pc.sort_indices(changes, sort_keys=[("record_id", "ascending"), ("change_order", "ascending")])
    ).combine_chunks()
    records = _Records(by_record)
    types = by_record["change_type"]
    whole = np.asarray(pc.is_in(types, value_set=pa.array(sorted(WHOLE), types.type)))
    deletes = np.asarray(pc.equal(types, DELETE))
    sets = _fields_set(by_record["changed_fields"], spec) | whole[:, None]

    masks = [np.zeros(len(by_record), np.int64) for _ in mask_names(spec)]
    values = []
    for place, column in enumerate(field_columns(spec)):
        source = records.last_true(sets[:, place])
        masks[place // BITS_PER_MASK] |= (source >= 0).astype(np.int64) << (place % BITS_PER_MASK)
        values.append(_carried(by_record[column.name], source, records))
    deleted_by = records.last_true(whole | deletes)
    flags = [
        pa.array(deleted_by >= 0),
        pa.array((deleted_by >= 0) & deletes[deleted_by]),
        pa.array(records.last_true(whole) >= 0),
        pa.array(records.step),
        _carried(by_record["changed_at"], records.following, records, always=True),
        pa.array(records.following < 0),
    ]
    head = [by_record[name] for name in ("record_id", "change_order", "changed_at")]
    stamp = pa.repeat(pa.scalar(applied_at, pa.timestamp("ms", tz="UTC")), len(by_record))
    arrays = [*head, stamp, by_record["batch"], *(pa.array(mask) for mask in masks), *flags, *values]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(net_columns(spec)))


def first_current_rows(latest: pa.Table, spec: ObjectSpec) -> pa.Table:
    """Current rows of records that had none: the last net row of each is the whole row."""
    return _renamed(latest, current_columns(spec), {"version": "version_step", "last_change_order": "change_order"})


def first_history_rows(versions: pa.Table, spec: ObjectSpec) -> pa.Table:
    """History rows of records that had none: every net row is a whole version."""
    return _renamed(versions, history_columns(spec), {"version": "version_step", "valid_from": "changed_at"})


def _renamed(net: pa.Table, columns: Sequence[Column], names: dict[str, str]) -> pa.Table:
    arrays = [net[names.get(column.name, column.name)] for column in columns]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(columns))


class _Records:
    """Where each record's rows begin and end in a table ordered by record."""

    def __init__(self, ordered: pa.Table) -> None:
        count = len(ordered)
        codes = np.asarray(ordered["record_id"].combine_chunks().dictionary_encode().indices)
        self.row: _Ints = np.arange(count, dtype=np.int64)
        begins = np.ones(count, np.bool_)
        begins[1:] = codes[1:] != codes[:-1]
        self.begin: _Ints = np.maximum.accumulate(np.where(begins, self.row, 0))
        self.step: _Ints = self.row - self.begin + 1
        ends = np.ones(count, np.bool_)
        ends[:-1] = begins[1:]
        self.following: _Ints = np.where(ends, -1, self.row + 1)
        self.all_single = bool(begins.all())

    def last_true(self, flags: _Bools) -> _Ints:
        """For each row the latest row of the same record, itself included, that has the flag; -1 when none has."""
        latest = np.maximum.accumulate(np.where(flags, self.row, -1))
        return np.where(latest >= self.begin, latest, -1)


def _carried(column: pa.ChunkedArray, source: _Ints, records: _Records, *, always: bool = False) -> pa.ChunkedArray:
    if records.all_single and not always:
        return column  # every row carries its own values, and a field that is not set is null already
    return column.take(pa.array(source, mask=source < 0))


def _fields_set(changed_fields: pa.ChunkedArray, spec: ObjectSpec) -> _Bools:
    """One row a change, one column a field: does the change carry it?"""
    encoded = changed_fields.combine_chunks().dictionary_encode(null_encoding="encode")
    places = {column.name: place for place, column in enumerate(field_columns(spec))}
    table = np.zeros((len(encoded.dictionary), len(places)), np.bool_)
    for row, names in enumerate(encoded.dictionary.to_pylist()):
        for name in (names or "").split(","):
            if name:
                table[row, places[name]] = True
    return table[np.asarray(encoded.indices)]
