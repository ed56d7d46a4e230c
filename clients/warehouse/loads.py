"""Rows on their way into a table of the warehouse, or into a temporary one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pyarrow as pa

from schemas.tables import Column


@dataclass(frozen=True)
class Load:
    """Rows for one table."""

    table: str
    """schema.name, or the name of a temporary table."""
    columns: tuple[Column, ...]
    rows: pa.Table
    """Has the columns, in any order."""
    is_stage: bool = False
    """For a temporary table, in place of what was there."""


def by_table(loads: Iterable[Load]) -> list[Load]:
    """One load a table, with the rows of all that are for it, in the order of the first ones.

    Loads of one table have the same columns.
    """
    rows: dict[str, list[pa.Table]] = {}
    first: dict[str, Load] = {}
    for load in loads:
        first.setdefault(load.table, load)
        rows.setdefault(load.table, []).append(load.rows.select([column.name for column in load.columns]))
    return [
        load if len(rows[table]) == 1 else replace(load, rows=pa.concat_tables(rows[table]))
        for table, load in first.items()
    ]
