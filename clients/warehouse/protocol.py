"""The operations that the engine needs of a warehouse. Loading and table options differ between
warehouses; the rest is shared SQL.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from typing import Any, Protocol

import pyarrow as pa

from clients.warehouse.loads import Load
from schemas.catalogue import Catalogue
from schemas.tables import Column


class Transaction(Protocol):
    """One warehouse transaction: everything in it commits together or not at all (law 4)."""

    def lock_object(self, table: str) -> None:
        """Wait until nobody else applies to this object, and keep others out until the transaction
        ends.
        """

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; returns the number of rows it touched."""

    def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query; returns all of its rows."""

    def stage(self, name: str, columns: Sequence[Column], rows: pa.Table) -> None:
        """Make `rows` readable as the session's temporary table `name`, in place of what was
        there.
        """

    def load(self, table: str, columns: Sequence[Column], rows: pa.Table) -> None:
        """Append `rows` to a table (schema.name); their columns are `columns`, in that order."""

    def export(self, query: str) -> Iterator[list[tuple[Any, ...]]] | None:
        """The rows of a query without parameters, some at a time and in no order: for millions of
        rows, where the warehouse has a way that `fetch` does not take. None: it has none.

        The query is run at once, and the transaction is over when it is refused.
        """

    def load_all(self, loads: Sequence[Load]) -> None:
        """Carry out several loads, in fewer steps than one by one where the warehouse has any.

        What several of them bring to one table, or to one temporary table, is brought together.
        """


class Warehouse(Protocol):
    """A warehouse. Its methods block; callers run them in threads."""

    def ensure_tables(self, catalogue: Catalogue) -> list[str]:
        """Create what is missing: schemas, tables, columns of new fields. Returns what was made.
        Drops nothing.
        """

    def existing_columns(self) -> Mapping[str, Set[str]]:
        """Table (schema.name, without a shadow's prefix) -> its columns, of all tables in the
        warehouse's schemas.
        """

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A transaction: commits when left, rolls back when an exception leaves it."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction whose queries all see the warehouse as it was at the first of them. It
        changes no table.
        """

    def reclaim(self, tables: Sequence[str], *, rewrite: bool = False) -> None:
        """Give back the space of deleted rows of tables (schema.name). `rewrite`: rewrite
        the tables, so that no page keeps their bytes; they are locked meanwhile.
        """

    def with_copy(self) -> Sequence["Warehouse"]:
        """Every warehouse that holds the records, in the order in which they are written: the read
        copy, where there is one, then this one. A step that changes tables of records does so in
        each of them.
        """

    def close(self) -> None:
        """Give the connections back."""
