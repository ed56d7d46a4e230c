"""PostgreSQL as the warehouse: COPY from memory, advisory locks, indexes.

Arrow writes CSV and PostgreSQL reads it: both in C, so a row costs Python nothing. An empty cell is null and a
quoted empty cell is the empty text, on both sides.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import LifoQueue
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.abc import Query
from pyarrow import csv

from clients.warehouse.protocol import Transaction
from clients.warehouse.psycopg_errors import translated
from clients.warehouse.statements import TABLES_OF_OPS, tables_of
from schemas.catalogue import Catalogue
from schemas.tables import AUDIT, CURATED, OPS, Column, Kind

_SYSTEM = "PostgreSQL"
_TYPES = {
    Kind.TEXT: "TEXT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.DOUBLE: "DOUBLE PRECISION",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMPTZ",
}
_INLINE = "WITH (toast_tuple_target = 8160)"
"""Rows up to a page stay in it. PostgreSQL would else move or compress every text that makes a row longer than 2 KB,
which costs more processor time than all the rest of a load (145 against 65 µs a row of 5 KB)."""
_CSV = csv.WriteOptions(include_header=False, quoting_style="needed")


class PostgresWarehouse:
    """A PostgreSQL database as the warehouse. Safe to share between threads: each transaction has its connection."""

    def __init__(self, dsn: str, *, connections: int = 8) -> None:
        self._dsn = dsn
        self._idle: LifoQueue[psycopg.Connection] = LifoQueue()
        self._most_idle = connections
        self._staged: dict[int, dict[str, str]] = {}

    def ensure_tables(self, catalogue: Catalogue) -> list[str]:
        """Create what is missing; returns the tables and columns that were made."""
        made: list[str] = []
        with self._connection() as connection, connection.transaction(), translated(_SYSTEM):
            # Several workers start at once: one makes the tables, the others wait and find them.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('tidegate tables'))")
            for schema in (CURATED, AUDIT, OPS):
                connection.execute(_plain(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
            existing = _existing_columns(connection)
            for table, columns in _tables(catalogue):
                made += _ensure_table(connection, table, columns, existing.get(table))
        return made

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction on a connection of its own."""
        with self._connection() as connection:
            staged = self._staged.pop(id(connection), {})
            with translated(_SYSTEM), connection.transaction():
                yield _PostgresTransaction(connection, staged)
            # Only a commit keeps the temporary tables that it made.
            self._staged[id(connection)] = staged

    def close(self) -> None:
        """Close the idle connections."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        connection = self._take()
        try:
            yield connection
        finally:
            if connection.closed or connection.broken or self._idle.qsize() >= self._most_idle:
                self._staged.pop(id(connection), None)
                connection.close()
            else:
                self._idle.put(connection)

    def _take(self) -> psycopg.Connection:
        while not self._idle.empty():
            connection = self._idle.get_nowait()
            if not connection.closed:
                return connection
        with translated(_SYSTEM):
            return psycopg.connect(self._dsn, autocommit=True, connect_timeout=5)


class _PostgresTransaction:
    def __init__(self, connection: psycopg.Connection, staged: dict[str, str]) -> None:
        self._connection = connection
        self._staged = staged  # temporary tables that the session has, with their definitions

    def lock_object(self, table: str) -> None:
        self._connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"tidegate {table}",))

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        return self._connection.execute(_plain(statement), parameters or None).rowcount

    def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(_plain(statement), parameters or None).fetchall()

    def stage(self, name: str, columns: Sequence[Column], rows: pa.Table) -> None:
        definition = _definitions(columns, keys=False)
        if self._staged.get(name) == definition:
            self.execute(f"TRUNCATE pg_temp.{name}")
        else:
            self.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
            self.execute(f"CREATE TEMP TABLE {name} ({definition}) {_INLINE}")
            self._staged[name] = definition
        self.load(name, columns, rows)

    def load(self, table: str, columns: Sequence[Column], rows: pa.Table) -> None:
        if not len(rows):
            return
        # An Arrow stream: a Python file object would take the interpreter's lock for every block.
        sink = pa.BufferOutputStream()
        csv.write_csv(rows, sink, _CSV)
        names = ", ".join(column.sql for column in columns)
        with (
            self._connection.cursor() as cursor,
            cursor.copy(_plain(f"COPY {table} ({names}) FROM STDIN (FORMAT csv)")) as copy,
        ):
            copy.write(memoryview(sink.getvalue()))


def _plain(statement: str) -> Query:
    """Statements are composed of catalogue names alone; values always travel as parameters."""
    return statement.encode()


def _tables(catalogue: Catalogue) -> Iterator[tuple[str, tuple[Column, ...]]]:
    per_object = (tables_of(spec).items() for spec in catalogue.objects.values())
    return itertools.chain(TABLES_OF_OPS.items(), itertools.chain.from_iterable(per_object))


def _existing_columns(connection: psycopg.Connection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    query = "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE table_schema = ANY(%s)"
    for schema, table, column in connection.execute(query, ([CURATED, AUDIT, OPS],)):
        found.setdefault(f"{schema}.{table}", set()).add(column)
    return found


def _ensure_table(
    connection: psycopg.Connection, table: str, columns: Sequence[Column], existing: set[str] | None
) -> list[str]:
    if existing is None:
        for statement in create_statements(table, columns):
            connection.execute(_plain(statement))
        return [table]
    missing = [column for column in columns if column.name not in existing]
    for column in missing:
        connection.execute(_plain(f"ALTER TABLE {table} ADD COLUMN {column.sql} {_type_name(column)}"))
    return [f"{table}.{column.name}" for column in missing]


def create_statements(table: str, columns: Sequence[Column]) -> list[str]:
    """The DDL of one permanent table with its keys and indexes."""
    bare = table.partition(".")[2]
    statements = [f"CREATE TABLE {table} ({_definitions(columns, keys=True)}{_key_of(table)}) {_INLINE}"]
    if table.endswith("_history"):
        statements.append(f"CREATE INDEX {bare}_open ON {table} (record_id) WHERE is_current")
    return statements


def _key_of(table: str) -> str:
    if table.endswith("_current"):
        return ", PRIMARY KEY (record_id)"
    if table.endswith("_change"):
        return ", PRIMARY KEY (record_id, change_order)"
    if table.endswith("_history"):
        return ", PRIMARY KEY (record_id, change_order)"
    return ", PRIMARY KEY (batch, object)" if table.endswith("ledger") else ", PRIMARY KEY (batch, ordinal)"


def _definitions(columns: Sequence[Column], *, keys: bool) -> str:
    return ", ".join(
        f"{column.sql} {_type_name(column)}{' NOT NULL' if keys and column.required else ''}" for column in columns
    )


def _type_name(column: Column) -> str:
    return f"NUMERIC(18, {column.scale})" if column.kind is Kind.DECIMAL else _TYPES[column.kind]
