"""The rows of an export, a page at a time, in SQL that PostgreSQL and Redshift share.

Only fields whose values an erasure keeps: no erasure reaches a copy that others hold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from clients.warehouse import Transaction
from clients.warehouse.arrow_rows import arrow_rows
from clients.warehouse.sql.apply import change_table, current_table, history_table
from schemas.catalogue import ObjectSpec
from schemas.tables import Column, change_columns, current_columns, history_columns
from transforms.erasure.fields import erased_columns

PAGE = 50_000
"""Rows of a file, and of what is in memory at once."""


@dataclass(frozen=True)
class PagedTable:
    """A table that is read in the order of a key."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that name a row, in the order of the read."""

    def pages(
        self, reading: Transaction, *, span: tuple[datetime, datetime] | None = None, page: int = PAGE
    ) -> Iterator[pa.Table]:
        """The rows, in tables of up to `page`.

        Args:
            reading: Sees one state for all pages.
            span: Rows with `applied_at` after the first time and up to the second. None = all.
            page: The most rows of a table.
        """
        behind: tuple[Any, ...] | None = None
        schema = pa.schema([(column.name, column.arrow) for column in self.columns])
        places = [schema.get_field_index(name) for name in self.key]
        while rows := reading.fetch(self._statement(behind, span, page), [*(span or ()), *(behind or ())]):
            yield arrow_rows(rows, schema)
            if len(rows) < page:
                return
            behind = tuple(rows[-1][place] for place in places)

    def _statement(
        self, behind: Sequence[Any] | None, span: tuple[datetime, datetime] | None, page: int
    ) -> str:
        names = ", ".join(column.sql for column in self.columns)
        conditions = [] if span is None else ["applied_at > %s AND applied_at <= %s"]
        if behind is not None:
            conditions.append(f"({', '.join(self.key)}) > ({', '.join(['%s'] * len(self.key))})")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT {names} FROM {self.name}{where} ORDER BY {', '.join(self.key)} LIMIT {page}"


def paged_tables(spec: ObjectSpec) -> dict[str, PagedTable]:
    """Name, as of `schemas.model.export.TABLES` -> the table."""
    gone = erased_columns(spec)

    def kept(columns: Sequence[Column]) -> tuple[Column, ...]:
        return tuple(each for each in columns if each.name not in gone)

    found = {"current": PagedTable(current_table(spec), kept(current_columns(spec)), ("record_id",))}
    if spec.history:
        found["history"] = PagedTable(
            history_table(spec), kept(history_columns(spec)), ("record_id", "change_order")
        )
    place = ("applied_at", "change_order", "record_id")
    return found | {"change": PagedTable(change_table(spec), kept(change_columns(spec)), place)}
