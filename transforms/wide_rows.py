"""Records that are too wide for one row of the warehouse: the last of their fields are isolated, so that the others land.

A row of PostgreSQL lies in one page of 8 KB. A long text is moved out and leaves a pointer of 18 bytes, so some 450 texts fit, however long they
are (PostgreSQL manual, "TOAST" and appendix K "PostgreSQL Limits"). Redshift has no such bound below 1,600 columns.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.catalogue import ObjectSpec
from schemas.quality import Finding, Rule, Severity
from transforms import findings

_LARGEST = 24
"""Bytes of a text that is left in its row; a longer one can be moved out."""
_POINTER = 18
_FIXED = 8
_HEADER = 24
_FEWEST = 300
"""Fields with which a row fits, all of them at their largest."""


def fitted(changes: pa.Table, spec: ObjectSpec) -> pa.Table:
    """Changes (columns of `staged_columns`) whose rows fit; the fields that are left out are named as too wide."""
    if spec.most_row_bytes is None or len(spec.fields) <= _FEWEST or not len(changes):
        return changes
    columns = list(spec.columns.values())
    sizes = np.stack([_sizes(changes[name]) for name in columns], axis=1)
    room = spec.most_row_bytes - _HEADER - len(columns) // 8
    beyond = np.cumsum(sizes, axis=1) > room
    rows = np.flatnonzero(beyond[:, -1])
    if not len(rows):
        return changes
    return _without(changes, spec, columns, beyond & (sizes > 0), rows)


def _sizes(column: pa.ChunkedArray) -> NDArray[np.int32]:
    """Bytes of each value in its row; 0 for null."""
    if not pa.types.is_large_string(column.type):
        return np.asarray(pc.is_valid(column)).astype(np.int32) * _FIXED
    length = np.asarray(pc.fill_null(pc.binary_length(column), -1)).astype(np.int32) + 1
    sizes: NDArray[np.int32] = np.where(length > _LARGEST, _POINTER, length).astype(np.int32)
    return sizes


def _without(
    changes: pa.Table,
    spec: ObjectSpec,
    columns: list[str],
    beyond: NDArray[np.bool_],
    rows: NDArray[np.intp],
) -> pa.Table:
    for place in np.flatnonzero(beyond.any(axis=0)):
        name = columns[place]
        kept = pc.if_else(pa.array(~beyond[:, place]), changes[name], pa.scalar(None, changes[name].type))
        changes = changes.set_column(changes.column_names.index(name), name, kept)
    fields = dict(zip(columns, spec.columns, strict=True))
    detail = f"the record has more than one row of the warehouse holds ({spec.most_row_bytes} bytes)"
    told, isolated = changes["field_findings"].to_pylist(), changes["isolated_fields"].to_pylist()
    for row in rows:
        found = [
            Finding(fields[columns[place]], columns[place], Rule.TOO_WIDE, Severity.ISOLATE, detail)
            for place in np.flatnonzero(beyond[row])
        ]
        every = (*(findings.read(told[row]) if told[row] else ()), *found)
        told[row], isolated[row] = findings.written(every), findings.isolated_columns(every)
    for name, values in (("field_findings", told), ("isolated_fields", isolated)):
        place = changes.column_names.index(name)
        changes = changes.set_column(place, name, pa.array(values, pa.large_string()))
    return changes
