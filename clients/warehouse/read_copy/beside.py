"""A warehouse with its read copy."""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pyarrow as pa

from clients.warehouse.loads import Load
from clients.warehouse.protocol import Transaction, Warehouse
from clients.warehouse.read_copy.books import is_of_records, written_table
from clients.warehouse.read_copy.copy import ReadCopy
from clients.warehouse.read_copy.standing import take_standing
from schemas.catalogue import Catalogue
from schemas.tables import Column


@contextmanager
def locked_with_copy(warehouse: Warehouse, table: str) -> Iterator[Transaction]:
    """A transaction of the warehouse alone, under the object's lock in the read copy and in the
    warehouse: for a row of its books that binds what is written to both.
    """
    *copies, _ = warehouse.with_copy()
    with ExitStack() as stack:
        for each in copies:
            stack.enter_context(each.transaction()).lock_object(table)
        # It ends before the copy's lock does.
        with warehouse.transaction() as transaction:
            transaction.lock_object(table)
            yield transaction


class CopiedWarehouse:
    """A warehouse that has a read copy. It is the warehouse in everything, but that a write to
    tables of records is refused unless it is made by way of `with_copy`: nothing that erases or
    changes records can forget the copy. Safe to share between threads.
    """

    def __init__(self, own: Warehouse, copy: Warehouse) -> None:
        """`own`: the warehouse. `copy`: the second one, whose tables have `TABLES_OF_COPY`
        beside them.
        """
        self._own = own
        self.copy = ReadCopy(copy, own)

    def ensure_tables(self, catalogue: Catalogue) -> list[str]:
        """Create what is missing in both; returns the tables and columns that were made."""
        made = self._own.ensure_tables(catalogue)
        copied = self.copy.ensure_tables(catalogue)
        take_standing(self._own, self.copy, catalogue)
        return [*made, *(f"{name} of the read copy" for name in copied)]

    def existing_columns(self) -> Mapping[str, Set[str]]:
        """Table (schema.name) -> its columns, of the warehouse."""
        return self._own.existing_columns()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction of the warehouse alone, which writes no table of records."""
        with self._own.transaction() as opened:
            yield _GuardedTransaction(opened)

    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one state of the warehouse."""
        return self._own.reading()

    def reclaim(self, tables: Sequence[str], *, rewrite: bool = False) -> None:
        """Give back the space of deleted rows of the warehouse."""
        self._own.reclaim(tables, rewrite=rewrite)

    def with_copy(self) -> Sequence[Warehouse]:
        """The copy, then the warehouse."""
        return (self.copy, self._own)

    def close(self) -> None:
        """Give the connections of both back."""
        self.copy.close()
        self._own.close()


class _GuardedTransaction:
    """A transaction that refuses to write tables of records."""

    def __init__(self, opened: Transaction) -> None:
        self._opened = opened

    def lock_object(self, table: str) -> None:
        self._opened.lock_object(table)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        _check_written(written_table(statement))
        return self._opened.execute(statement, parameters)

    def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._opened.fetch(statement, parameters)

    def stage(self, name: str, columns: Sequence[Column], rows: pa.Table) -> None:
        self._opened.stage(name, columns, rows)

    def load(self, table: str, columns: Sequence[Column], rows: pa.Table) -> None:
        _check_written(table)
        self._opened.load(table, columns, rows)

    def export(self, query: str) -> Iterator[list[tuple[Any, ...]]] | None:
        return self._opened.export(query)

    def load_all(self, loads: Sequence[Load]) -> None:
        for each in loads:
            _check_written(None if each.is_stage else each.table)
        self._opened.load_all(loads)


def _check_written(table: str | None) -> None:
    if table is not None and is_of_records(table):
        raise RuntimeError(
            f"{table} would be written in the warehouse and not in its read copy. Write it in each of "
            "`warehouse.with_copy()`; nothing was written."
        )
