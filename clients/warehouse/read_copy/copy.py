"""The read copy as a warehouse: the code that applies, erases, re-encrypts and drops runs on it
unchanged.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from clients.warehouse.loads import Load
from clients.warehouse.protocol import Transaction, Warehouse
from clients.warehouse.read_copy.books import asks_the_warehouse, is_kept_by_copy, written_table
from schemas.catalogue import Catalogue
from schemas.tables import Column


class ReadCopy:
    """A warehouse without books of its own but those that say what it has (`OWN_BOOKS`). Safe to
    share between threads.
    """

    def __init__(self, tables: Warehouse, books: Warehouse) -> None:
        """`tables`: where it lies. `books`: the warehouse that it is a copy of."""
        self._tables = tables
        self._books = books

    def ensure_tables(self, catalogue: Catalogue) -> list[str]:
        """Create what is missing; returns the tables and columns that were made."""
        return self._tables.ensure_tables(catalogue)

    def existing_columns(self) -> Mapping[str, Set[str]]:
        """Table (schema.name) -> its columns."""
        return self._tables.existing_columns()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction of the copy."""
        with self._tables.transaction() as opened:
            yield _CopyTransaction(opened, self._books)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that sees one state of the copy."""
        with self._tables.reading() as opened:
            yield _CopyTransaction(opened, self._books)

    def reclaim(self, tables: Sequence[str], *, rewrite: bool = False) -> None:
        """Give back the space of deleted rows."""
        self._tables.reclaim(tables, rewrite=rewrite)

    def with_copy(self) -> "Sequence[ReadCopy]":
        """This one alone."""
        return (self,)

    def close(self) -> None:
        """Give the copy's connections back; the warehouse's are its owner's."""
        self._tables.close()


class _CopyTransaction:
    """A transaction of the copy. What it writes to the warehouse's books is left out."""

    def __init__(self, opened: Transaction, books: Warehouse) -> None:
        self._opened = opened
        self._books = books

    def lock_object(self, table: str) -> None:
        self._opened.lock_object(table)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        table = written_table(statement)
        if table is not None and not is_kept_by_copy(table):
            return 0
        return self._opened.execute(statement, parameters)

    def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if not asks_the_warehouse(statement):
            return self._opened.fetch(statement, parameters)
        # A decision about fields waits for the copy's lock before it is written
        # (`locked_with_copy`), so the answer holds until this transaction ends.
        with self._books.transaction() as asked:
            return asked.fetch(statement, parameters)

    def stage(self, name: str, columns: Sequence[Column], rows: pa.Table) -> None:
        self._opened.stage(name, columns, rows)

    def load(self, table: str, columns: Sequence[Column], rows: pa.Table) -> None:
        if is_kept_by_copy(table):
            self._opened.load(table, columns, rows)

    def export(self, query: str) -> Iterator[list[tuple[Any, ...]]] | None:
        return self._opened.export(query)

    def load_all(self, loads: Sequence[Load]) -> None:
        self._opened.load_all([each for each in loads if each.is_stage or is_kept_by_copy(each.table)])
