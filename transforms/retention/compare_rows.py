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
    """Rows of erased subjects: they are the same but for the values that were taken."""

    @property
    def is_safe(self) -> bool:
        """True when nothing would be lost by dropping the table's rows."""
        return not self.missing and not self.differing


class Erasable(NamedTuple):
    """The part of a table that an erasure takes."""

    subject: str
    """The column that names whose values a row holds."""
    gone: Collection[str]
    """Subjects that were erased."""
    columns: Collection[str]
    """Columns that it changes. In all others the rows of an erased subject are as they were."""


def compare_rows(
    archived: pa.Table, live: pa.Table, *, keys: Sequence[str], erasable: Erasable | None
) -> Compared:
    """Compare row by row. Both have the same columns and are sorted by `keys`.

    `erasable`: None = nobody can be erased from the table.
    """
    names = archived.column_names
    live = live.select(names).cast(archived.schema)
    ours, theirs = _places(archived, keys), _places(live, keys)
    known = pc.is_in(theirs, value_set=ours)
    missing = len(live) - int(pc.sum(known).as_py() or 0)
    both = archived.filter(pc.is_in(ours, value_set=theirs))
    live = live.filter(known)
    erased = _erased(live, erasable)
    taken = frozenset[str]() if erasable is None else frozenset(erasable.columns)
    differing = 0 if both.equals(live) else _differing(both, live, erased, taken)
    count = int(pc.sum(erased).as_py() or 0)
    return Compared(len(live) - differing - count, missing, differing, len(archived) - len(both), count)


def _erased(live: pa.Table, erasable: Erasable | None) -> pa.ChunkedArray:
    """Of each row whether its subject was erased."""
    if erasable is None:
        return pa.chunked_array([pa.array([False] * len(live))])
    subjects = live[erasable.subject]
    return pc.is_in(subjects, value_set=pa.array(sorted(erasable.gone), subjects.type))


def _places(rows: pa.Table, keys: Sequence[str]) -> pa.ChunkedArray:
    texts = [rows[key].cast(pa.large_string()) for key in keys]
    # A key holds no line feed.
    return pc.binary_join_element_wise(*texts, pa.scalar("\n", pa.large_string()))


def _differing(archived: pa.Table, live: pa.Table, erased: pa.ChunkedArray, taken: Collection[str]) -> int:
    differs = pa.chunked_array([pa.array([False] * len(live))])
    for name in archived.column_names:
        one, other = archived[name], live[name]
        unequal = pc.fill_null(pc.not_equal(one, other), False)
        nulls = pc.xor(pc.is_null(one), pc.is_null(other))
        found = pc.or_(unequal, nulls)
        differs = pc.or_(differs, pc.and_not(found, erased) if name in taken else found)
    return int(pc.sum(differs).as_py() or 0)
