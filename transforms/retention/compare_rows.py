"""Hold archived rows against the table's own before these are dropped."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc


class Compared(NamedTuple):
    """Archived rows beside those of the table."""

    equal: int
    missing: int
    """Rows of the table that the archive has not."""
    differing: int
    left: int
    """Rows of the archive that the table has no more."""
    erased: int
    """Rows whose subject's key was destroyed: their values cannot be compared."""

    @property
    def is_safe(self) -> bool:
        """True when nothing would be lost by dropping the table's rows."""
        return not self.missing and not self.differing


def compare_rows(
    archived: pa.Table, live: pa.Table, *, keys: Sequence[str], subject: str | None, gone: Collection[str]
) -> Compared:
    """Compare row by row. Both have the same columns and are sorted by `keys`."""
    names = archived.column_names
    live = live.select(names).cast(archived.schema)
    erased = 0
    if subject is not None and gone:
        erased = _count(live, subject, gone)
        archived, live = _without(archived, subject, gone), _without(live, subject, gone)
    ours, theirs = _places(archived, keys), _places(live, keys)
    known = pc.is_in(theirs, value_set=ours)
    missing = len(live) - int(pc.sum(known).as_py() or 0)
    both = archived.filter(pc.is_in(ours, value_set=theirs))
    live = live.filter(known)
    differing = 0 if both.equals(live) else _differing(both, live)
    return Compared(len(live) - differing, missing, differing, len(archived) - len(both), erased)


def _places(rows: pa.Table, keys: Sequence[str]) -> pa.ChunkedArray:
    texts = [rows[key].cast(pa.large_string()) for key in keys]
    # A key holds no line feed.
    return pc.binary_join_element_wise(*texts, pa.scalar("\n", pa.large_string()))


def _differing(archived: pa.Table, live: pa.Table) -> int:
    differs = pa.chunked_array([pa.array([False] * len(live))])
    for name in archived.column_names:
        one, other = archived[name], live[name]
        unequal = pc.fill_null(pc.not_equal(one, other), False)
        nulls = pc.xor(pc.is_null(one), pc.is_null(other))
        differs = pc.or_(differs, pc.or_(unequal, nulls))
    return int(pc.sum(differs).as_py() or 0)


def _count(rows: pa.Table, column: str, values: Collection[str]) -> int:
    return int(pc.sum(_is_in(rows, column, values)).as_py() or 0)


def _without(rows: pa.Table, column: str, values: Collection[str]) -> pa.Table:
    return rows.filter(pc.invert(_is_in(rows, column, values)))


def _is_in(rows: pa.Table, column: str, values: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(rows[column], value_set=pa.array(sorted(values), rows[column].type))
