"""Rows of several tables that travel to Redshift by one COPY, made by pure functions.

A COPY takes about a second before its first row, and the COPYs of a session run one after the
other. So the rows of many tables lie in one temporary table, whose columns are slots: the second
VARCHAR(18) of each table has one slot, whatever the column is called. A column `part` says for
which table a row is; an INSERT a table takes its rows out.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import pyarrow as pa

from clients.warehouse.loads import Load
from clients.warehouse.redshift_sql import type_name
from clients.warehouse.redshift_values import sql_literal
from schemas.tables import NAME_SIZE, RECORD_ID, Column, Kind

SHIPPED = "stage_shipped"
"""Temporary: rows of several tables."""
MOST_COLUMNS = 1_500
"""Columns of the shared table:
https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_usage.html allows 1,600.
"""
PART = Column("part", Kind.TEXT, NAME_SIZE, is_ascii=True)
_RECORD_ID = replace(RECORD_ID, required=False)


@lru_cache(maxsize=1_000)
def slots_of(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The slot of each column. A record's id keeps its name: rows are distributed by it."""
    numbers = Counter[str]()
    found = []
    for column in columns:
        kind = type_name(column)
        if column.name == RECORD_ID.name and kind == type_name(RECORD_ID):
            found.append(_RECORD_ID)
            continue
        numbers[kind] += 1
        name = f"{re.sub('[^a-z0-9]+', '_', kind.lower()).strip('_')}_{numbers[kind]}"
        found.append(replace(column, name=name, required=False))
    return tuple(found)


@dataclass(frozen=True)
class Shipment:
    """Loads that travel together. Their rows are those of `typed_rows`."""

    loads: tuple[Load, ...]
    columns: tuple[Column, ...]
    """Of the shared table."""

    def file(self, load: Load) -> pa.Table:
        """The rows of one load in the columns of the shared table."""
        count = len(load.rows)
        given = {
            slot.name: load.rows[column.name]
            for slot, column in zip(slots_of(load.columns), load.columns, strict=True)
        }
        given[PART.name] = pa.repeat(pa.scalar(load.table, PART.arrow), count)
        arrays = [
            given[column.name] if column.name in given else pa.nulls(count, column.arrow)
            for column in self.columns
        ]
        return pa.Table.from_arrays(arrays, names=[column.name for column in self.columns])


def shipments(loads: Iterable[Load]) -> list[Shipment]:
    """The loads in as few shipments as the width of a table allows."""
    found: list[tuple[list[Load], dict[str, Column]]] = []
    for load in loads:
        slots = {slot.name: slot for slot in slots_of(load.columns)}
        if not found or len(found[-1][1] | slots) >= MOST_COLUMNS:
            found.append(([], {}))
        found[-1][0].append(load)
        found[-1][1].update(slots)
    return [Shipment(tuple(loads), (PART, *_in_order(slots.values()))) for loads, slots in found]


def take_out_statement(load: Load, table: str) -> str:
    """Bring the rows of a load from the shared table into its own, whose name is `table`."""
    slots = slots_of(load.columns)
    return (
        f"INSERT INTO {table} ({_names(load.columns)}) SELECT {_names(slots)} FROM {SHIPPED} "
        f"WHERE part = {sql_literal(load.table)}"
    )


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.sql for column in columns)


def _in_order(slots: Iterable[Column]) -> list[Column]:
    return sorted(slots, key=lambda slot: (slot.name != RECORD_ID.name, slot.name))
