"""Columns of texts as columns of the fields' types, and which rows fit.

`transforms.convert_values` says the same of one value.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import (
    DIGITS_MAX,
    FRACTIONS,
    WHOLE_NUMBERS,
    FieldSpec,
    FieldType,
    ObjectSpec,
)
from schemas.ingest.raw import ERASED_MARK
from schemas.tables import TIME_SIZE, most_text_bytes, text_size
from transforms.convert_values import INT64_DIGITS, SURE_DIGITS
from transforms.erasure.fields import kept_fields
from transforms.ingest.row_pages import GONE, IS_DELETED
from transforms.pii import longest_token
from transforms.quality.rules import checks_of

MILLISECONDS = pa.timestamp("ms", tz="UTC")
_Cast = Callable[[pa.ChunkedArray], pa.ChunkedArray]


def typed_values(
    page: pa.Table, spec: ObjectSpec, prefixes: Mapping[str, str]
) -> tuple[dict[str, pa.ChunkedArray], np.ndarray]:
    """Columns by field name, and by row whether everything in it fits and breaks no rule. What
    does not fit is null.
    """
    fits = np.ones(len(page), np.bool_)
    gone = flags_of(pc.equal(page[IS_DELETED], GONE))
    erased = flags_of(pc.is_valid(page[ERASED_MARK])) if ERASED_MARK in page.column_names else None
    kept = kept_fields(spec)
    typed = {}
    for name, field in spec.fields.items():
        if name not in page.column_names:
            # The query was made before the field was added, or it is one that whole records do not
            # bring.
            continue
        typed[name], good = _typed(page[name], field, spec.most_bytes)
        fits &= good
        if field.required:
            excused = gone if erased is None or name in kept else gone | erased
            fits &= excused | flags_of(pc.is_valid(page[name]))
        for check in checks_of(field, prefixes):
            fits &= ~check.failing(typed[name])
    return typed, fits


def _typed(
    column: pa.ChunkedArray, field: FieldSpec, most_bytes: int | None
) -> tuple[pa.ChunkedArray, np.ndarray]:
    if field.is_protected:
        return column, _fits_text(column, longest_token(field.length), most_bytes)
    if field.decimals is not None:
        return _typed_decimals(column, field.decimals)
    cast = _CASTS.get(field.type)
    if cast is not None:
        typed, good = cast_column(column, cast)
        return typed, good & ~_first_inexact(column) if field.type in FRACTIONS else good
    good = _fits_text(column, text_size(field), most_text_bytes(field, most_bytes))
    return column, good & ~_with_nul(column)


def _first_inexact(column: pa.ChunkedArray) -> np.ndarray:
    """The first row whose number a binary column may not hold: it is asked one by one, so that
    it is noted.
    """
    first = np.zeros(len(column), np.bool_)
    if (pc.max(pc.binary_length(column)).as_py() or 0) > SURE_DIGITS:
        first[np.flatnonzero(flags_of(pc.match_substring_regex(column, r"^-?[0-9]{16,}$")))[:1]] = True
    return first


def _fits_text(column: pa.ChunkedArray, most: int, most_bytes: int | None) -> np.ndarray:
    good = flags_of(pc.less_equal(pc.utf8_length(column), most), null=True)
    if most_bytes is not None:
        good &= flags_of(pc.less_equal(pc.binary_length(column), most_bytes), null=True)
    return good


def cast_column(column: pa.ChunkedArray, cast: _Cast) -> tuple[pa.ChunkedArray, np.ndarray]:
    try:
        return cast(column), np.ones(len(column), np.bool_)
    except pa.ArrowInvalid:
        good = np.fromiter((_can(value, cast) for value in column.to_pylist()), np.bool_, len(column))
        return cast(pc.if_else(pa.array(good), column, None)), good


def _can(value: str | None, cast: _Cast) -> bool:
    try:
        cast(pa.chunked_array([pa.array([value], pa.large_string())]))
    except pa.ArrowInvalid:
        return False
    return True


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        # Whole numbers of some types are printed as 10.0.
        return _wide(column).cast(pa.decimal128(INT64_DIGITS, 0)).cast(pa.int64())


def _fraction(column: pa.ChunkedArray) -> pa.ChunkedArray:
    found = column.cast(pa.float64())
    if not _all(pc.is_finite(found)):
        raise pa.ArrowInvalid("a number is none, or beyond a double")
    return found


def _typed_decimals(column: pa.ChunkedArray, scale: int) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Rounded half to even where there are more decimals. The first row that is rounded is said
    not to fit, so that it is noted.
    """
    kind = pa.decimal128(DIGITS_MAX, scale)
    try:
        return column.cast(kind), np.ones(len(column), np.bool_)
    except pa.ArrowInvalid:
        wide, good = cast_column(column, _wide)
    rounded = pc.round(wide, ndigits=scale, round_mode="half_to_even")
    limit = pa.scalar(Decimal(10) ** (DIGITS_MAX - scale), _WIDE)
    has_room = pc.less(pc.abs(rounded), limit)
    good &= flags_of(has_room, null=True)
    good[np.flatnonzero(flags_of(pc.not_equal(wide, rounded)))[:1]] = False
    return pc.if_else(has_room, rounded, None).cast(kind), good


def _wide(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers that are written plainly. The cast itself does not say of longer ones that they do
    not fit.
    """
    if not _all(pc.match_substring_regex(column, _PLAIN)):
        raise pa.ArrowInvalid("a number is written otherwise, or is too long")
    return column.cast(_WIDE)


_PLAIN = r"^-?[0-9]{1,38}(\.[0-9]{1,38})?$"
_WIDE = pa.decimal256(76, 38)
"""Room for every number that is written with up to 38 digits on both sides of the point."""


def _with_nul(column: pa.ChunkedArray) -> np.ndarray:
    """By row, whether the text holds a NUL character; a look at all bytes at once says for most
    pages that none does.
    """
    buffers = [chunk.buffers()[2] for chunk in column.chunks]
    if all(buffer is None or not buffer.size or np.frombuffer(buffer, np.uint8).min() for buffer in buffers):
        return np.zeros(len(column), np.bool_)
    return flags_of(pc.match_substring(column, "\x00"))


def _moment(column: pa.ChunkedArray) -> pa.ChunkedArray:
    found = column.cast(MILLISECONDS)
    bounds = pc.min_max(found.cast(pa.int64()))
    if (bounds["max"].as_py() or 0) > _LAST_MS or (bounds["min"].as_py() or 0) < _FIRST_MS:
        raise pa.ArrowInvalid("a datetime is outside the years 1 to 9999 in UTC")
    return found


_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The range of Python's datetime and of the warehouses."""


def _time(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times as Bulk API writes them, without their zone, which is always UTC."""
    if not _all(pc.match_substring_regex(column, _TIME)):
        raise pa.ArrowInvalid("a time is written otherwise")
    return pc.utf8_slice_codeunits(column, 0, TIME_SIZE)


_TIME = r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$"
_CASTS: dict[FieldType, _Cast] = {
    FieldType.BOOLEAN: lambda column: column.cast(pa.bool_()),
    **dict.fromkeys(WHOLE_NUMBERS, _whole),
    **dict.fromkeys(FRACTIONS, _fraction),
    FieldType.DATE: lambda column: column.cast(pa.date32()),
    FieldType.DATETIME: _moment,
    FieldType.TIME: _time,
}


def _all(flags: pa.ChunkedArray) -> bool:
    """True when none is false; nulls do not count."""
    return bool(pc.all(flags, min_count=0).as_py())


def flags_of(column: pa.ChunkedArray | pa.Array, *, null: bool = False) -> np.ndarray:
    return np.asarray(pc.fill_null(column, null))
