"""Records that are too wide for one row of the warehouse: the last of their fields are isolated, so
that the others land.

A row of PostgreSQL lies in one page of 8 KB. A long text is moved out and leaves a pointer of 18
bytes, so some 400 texts fit, however long they are (PostgreSQL manual, "TOAST", "Database Page
Layout", and appendix K "PostgreSQL Limits"). Redshift has no such bound below 1,600 columns.

A change fits by itself when it is staged (`fitted`). What changes make together is bounded by
the fold (`overflow`).
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.catalogue import STAMPS, ObjectSpec
from schemas.quality import Finding, Rule, Severity
from schemas.tables import Column, Kind, field_columns
from transforms.quality import findings

LARGEST_INLINE = 24
"""Bytes of a text that is left in its row, with one byte of length; a longer one can be moved out.
"""
_POINTER = 18
_PRESSED = 27
"""Most bytes of a text that PostgreSQL may compress in its row instead of moving it out: 24, which
begin at a multiple of 4.
"""
_PRESSED_LETTERS = 16
"""A text of more letters has more than 24 bytes when it is compressed."""
_PRESSED_LENGTH = 5_000
"""So has a text of more bytes."""
_PRESSED_LEAST = 32
"""Bytes of a text that are compressed at all."""
_ALIGNED = 8
"""Bytes of a number or a time; it begins at a multiple of them."""
_PADDING = _ALIGNED - 1
_DATE = 4 + 3
"""It begins at a multiple of 4."""
_DECIMAL = 3
"""And two for every four digits, before and after the point."""
_MOST_DECIMAL = _DECIMAL + 2 * 6
_HEADER = 24
_FEWEST = 300
"""Fields with which a row fits, all of them at their largest."""

Sizes = NDArray[np.int32]


def is_bounded(spec: ObjectSpec) -> bool:
    """True for an object whose records may be too wide."""
    return spec.most_row_bytes is not None and len(spec.fields) > _FEWEST


def room(spec: ObjectSpec) -> int:
    """Bytes that a row has for the fields' values, of an object that is bounded."""
    return (spec.most_row_bytes or 0) - _HEADER - len(spec.fields) // 8


def overflow(values: Sequence[Any], spec: ObjectSpec) -> list[int]:
    """Places of the values, in catalogue order, that do not fit into the row of a record any more;
    null ones are left out.

    They are the last in catalogue order, but for what the org's records are found and compared
    by: that is left out last. It follows from the values alone, so that a record comes out the
    same however it is folded.
    """
    if not is_bounded(spec):
        return []
    bytes_there = room(spec)
    if (len(values) - values.count(None)) * _PRESSED <= bytes_there:
        return []
    total = aligned = others = 0
    order = _order(spec)
    for number, place in enumerate(order):
        value = values[place]
        if value is None:
            continue
        size = _size(value)
        total += size
        aligned, others = (aligned + 1, others) if size == 0 else (aligned, others + 1)
        # Each run of aligned values begins with at most one padding, and there are no more runs
        # than other values.
        if total + aligned * _ALIGNED + min(aligned, others + 1) * _PADDING > bytes_there:
            return [later for later in order[number:] if values[later] is not None]
    return []


def _order(spec: ObjectSpec) -> list[int]:
    """Places of the fields, those first that are left out last."""
    ranks = [name not in STAMPS and not field.external_id for name, field in spec.fields.items()]
    return sorted(range(len(ranks)), key=ranks.__getitem__)


def _size(value: Any) -> int:
    """Bytes of a value in its row once all that can be is moved out; 0 for one that is aligned."""
    if isinstance(value, str):
        return _text_size(value)
    if isinstance(value, bool):
        return 1
    if isinstance(value, Decimal):
        digits, exponent = len(value.as_tuple().digits), int(value.as_tuple().exponent)
        return _DECIMAL + 2 * (-(-max(0, digits + exponent) // 4) - (min(0, exponent) // 4))
    return _DATE if isinstance(value, date) and not isinstance(value, datetime) else 0


def _text_size(text: str) -> int:
    length = len(text.encode())
    if length < LARGEST_INLINE:
        return length + 1
    if _PRESSED_LEAST <= length <= _PRESSED_LENGTH and len(set(text)) <= _PRESSED_LETTERS:
        return _PRESSED
    return _POINTER


def fitted(changes: pa.Table, spec: ObjectSpec) -> pa.Table:
    """Changes (columns of `staged_columns`) whose rows fit; the fields that are left out are named
    as too wide.
    """
    if not is_bounded(spec) or not len(changes):
        return changes
    suspects = np.flatnonzero(widths(changes, spec) > room(spec))
    if not len(suspects):
        return changes
    columns = list(spec.columns.values())
    rows = zip(*(changes[name].take(pa.array(suspects)).to_pylist() for name in columns), strict=True)
    beyond = np.zeros((len(changes), len(columns)), np.bool_)
    for row, values in zip(suspects, rows, strict=True):
        beyond[row, overflow(values, spec)] = True
    return _without(changes, spec, columns, beyond) if beyond.any() else changes


def widths(changes: pa.Table, spec: ObjectSpec) -> Sizes:
    """By change, the most bytes that its values take in a row; those of two changes take no more
    than both.
    """
    total = np.zeros(len(changes), np.int32)
    for column in field_columns(spec):
        total += _sizes(changes[column.name], column)
    return total


def most_bytes_of(column: Column) -> int:
    """Most bytes that a value of a column takes in a row, with all padding."""
    match column.kind:
        case Kind.TEXT:
            return _PRESSED
        case Kind.BOOLEAN:
            return 1
        case Kind.DATE:
            return _DATE
        case Kind.DECIMAL:
            return _MOST_DECIMAL
        case _:
            return _ALIGNED + _PADDING


def _sizes(values: pa.ChunkedArray, column: Column) -> Sizes:
    """Most bytes of each value in its row; 0 for null."""
    if column.kind is not Kind.TEXT:
        return np.asarray(pc.is_valid(values)).astype(np.int32) * most_bytes_of(column)
    length = np.asarray(pc.fill_null(pc.binary_length(values), -1)).astype(np.int32) + 1
    sizes: Sizes = np.where(length > LARGEST_INLINE, _PRESSED, length).astype(np.int32)
    return sizes


def _without(changes: pa.Table, spec: ObjectSpec, columns: list[str], beyond: NDArray[np.bool_]) -> pa.Table:
    for place in np.flatnonzero(beyond.any(axis=0)):
        name = columns[place]
        kept = pc.if_else(pa.array(~beyond[:, place]), changes[name], pa.scalar(None, changes[name].type))
        changes = changes.set_column(changes.column_names.index(name), name, kept)
    fields = dict(zip(columns, spec.columns, strict=True))
    detail = f"the record has more than one row of the warehouse holds ({spec.most_row_bytes} bytes)"
    told, isolated = changes["field_findings"].to_pylist(), changes["isolated_fields"].to_pylist()
    for row in np.flatnonzero(beyond.any(axis=1)):
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
