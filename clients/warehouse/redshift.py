"""Redshift as the warehouse: COPY of Parquet from S3, table locks, distribution and sort keys.

A load is one Parquet object under `load/`, whose values are as protected as everything we write
(law 7). It is deleted after commit and after rollback alike; what a killed process leaves there
is nobody's, the bucket's lifecycle rule may expire it.

No cluster has run this: what AWS' pages leave open is marked "unverified" where it matters. SQL
text is made by pure functions, so that tests hold it whole.
"""

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager
from queue import LifoQueue
from typing import Any

import psycopg
import pyarrow as pa

from clients.database.address import Database
from clients.database.connect import connect_redshift
from clients.storage.objects import ObjectStore
from clients.warehouse.making import make, make_view
from clients.warehouse.protocol import Transaction
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.redshift_sql import (
    copy_statement,
    lock_statement,
    missing_statements,
    parquet_of,
    sql_literal,
    stage_statement,
)
from clients.warehouse.shadow.schemas import in_schemas, schemas_of
from clients.warehouse.sql.apply import TABLES_OF_OPS, tables_of
from clients.warehouse.sql.scorecard import views
from schemas.catalogue import Catalogue
from schemas.errors import TidegateError
from schemas.tables import Column

LOAD_PREFIX = "load/"
_SYSTEM = "Redshift"
# Somebody else was faster: several workers start at once, and Redshift has no lock that is not on a
# table.
_MADE_MEANWHILE = (
    psycopg.errors.DuplicateSchema,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateColumn,
    psycopg.errors.UniqueViolation,
)
_log = logging.getLogger(__name__)


class RedshiftWarehouse:
    """A Redshift database as the warehouse. Safe to share between threads: each transaction has its
    connection.

    The database should have SNAPSHOT isolation (the default of new ones): every transaction
    reads and writes the ledger, and under SERIALIZABLE two objects applied at once conflict
    there. The loser is tried again, so that is slow, not wrong.
    https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
    """

    def __init__(
        self, dsn: Database, *, store: ObjectStore, copy_role: str, connections: int = 8, prefix: str = ""
    ) -> None:
        """`copy_role`: ARN of the role with which COPY reads the store's bucket, which must be in
        Redshift's region.

        `prefix`: of the schemas' names; empty but for a shadow.
        """
        self._prefix = prefix
        self._dsn = dsn
        self._store = store
        self._copy_role = copy_role
        self._idle: LifoQueue[psycopg.Connection] = LifoQueue()
        self._most_idle = connections
        self._tables: frozenset[str] | None = None  # None: not looked yet

    def ensure_tables(self, catalogue: Catalogue) -> list[str]:
        """Create what is missing; returns the tables and columns that were made."""
        made: list[str] = []
        with self._connection() as connection, translated_psycopg(_SYSTEM):
            for schema in _missing_schemas(connection, schemas_of(self._prefix)):
                _make(connection, f"CREATE SCHEMA IF NOT EXISTS {schema}", f"the schema {schema}")
            existing = _existing_columns(connection, self._prefix)
            tables = {in_schemas(table, self._prefix): c for table, c in _tables(catalogue).items()}
            for table, columns in tables.items():
                # Each statement commits by itself: a transaction over all would hold locks that
                # appliers wait for.
                statements = missing_statements(table, columns, existing.get(table))
                made += [name for name, statement in statements.items() if _make(connection, statement, name)]
            for view, statement in views().items():
                name = in_schemas(view, self._prefix)
                make_view(connection, name, in_schemas(statement, self._prefix), _SYSTEM)
        self._tables = frozenset(tables) | frozenset(existing)
        return made

    def existing_columns(self) -> Mapping[str, Set[str]]:
        """Table (schema.name) -> its columns."""
        with self._connection() as connection, translated_psycopg(_SYSTEM):
            found = _existing_columns(connection, self._prefix)
        return {table.removeprefix(self._prefix): columns for table, columns in found.items()}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction on a connection of its own."""
        with self._connection() as connection:
            load = _Loader(self._store, self._copy_role)
            try:
                with translated_psycopg(_SYSTEM):
                    # Looked up before the transaction begins: in it, a query would take the
                    # snapshot before the lock.
                    tables = self._known_tables(connection)
                    with connection.transaction():
                        opened = _RedshiftTransaction(connection, load, tables, self._prefix)
                        yield opened
                        opened.drop_stages()
            finally:
                load.clean()

    def reading(self) -> AbstractContextManager[Transaction]:
        """Every transaction of Redshift sees one state of the database."""
        return self.transaction()

    def reclaim(self, tables: Sequence[str], *, rewrite: bool = False) -> None:
        """VACUUM the tables, which takes deleted rows out of their blocks; `rewrite` sorts them,
        too.

        See https://docs.aws.amazon.com/redshift/latest/dg/r_VACUUM_command.html.
        """
        kind = "FULL" if rewrite else "DELETE ONLY"
        with self._connection() as connection, translated_psycopg(_SYSTEM):
            for table in tables:
                where = in_schemas(table, self._prefix)
                connection.execute(f"VACUUM {kind} {where} TO 100 PERCENT".encode())

    def close(self) -> None:
        """Close the idle connections."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _known_tables(self, connection: psycopg.Connection) -> frozenset[str]:
        if self._tables is None:
            self._tables = frozenset(_existing_columns(connection, self._prefix))
        return self._tables

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        connection = self._take()
        try:
            yield connection
        finally:
            if connection.closed or connection.broken or self._idle.qsize() >= self._most_idle:
                connection.close()
            else:
                self._idle.put(connection)

    def _take(self) -> psycopg.Connection:
        while not self._idle.empty():
            connection = self._idle.get_nowait()
            if not connection.closed:
                return connection
        with translated_psycopg(_SYSTEM):
            return connect_redshift(self._dsn, autocommit=True)


class _RedshiftTransaction:
    def __init__(
        self, connection: psycopg.Connection, load: "_Loader", tables: frozenset[str], prefix: str
    ) -> None:
        self._prefix = prefix
        self._connection = connection
        self._loader = load
        self._tables = tables
        self._staged: set[str] = set()

    def lock_object(self, table: str) -> None:
        self._run(lock_statement(table, self._tables, self._prefix))

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        return self._run(in_schemas(statement, self._prefix), parameters).rowcount

    def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._run(in_schemas(statement, self._prefix), parameters).fetchall()

    def stage(self, name: str, columns: Sequence[Column], rows: pa.Table) -> None:
        if name in self._staged:
            self.execute(f"DROP TABLE {name}")
        self.execute(stage_statement(name, columns))
        self._staged.add(name)
        self.load(name, columns, rows)

    def load(self, table: str, columns: Sequence[Column], rows: pa.Table) -> None:
        if len(rows):
            # As it is: the bucket's name may look like one of the schemas.
            self._run(self._loader.put(in_schemas(table, self._prefix), columns, rows))

    def drop_stages(self) -> None:
        """The equivalent of ON COMMIT DROP. Only what this transaction made: the name is looked up
        along the search path, so that DROP … IF EXISTS could hit somebody's permanent table.
        """
        for name in sorted(self._staged):
            self.execute(f"DROP TABLE {name}")

    def _run(self, statement: str, parameters: Sequence[Any] = ()) -> psycopg.Cursor[Any]:
        return self._connection.execute(statement.encode(), parameters or None)


class _Loader:
    """The objects from which one transaction loads."""

    def __init__(self, store: ObjectStore, copy_role: str) -> None:
        self._store = store
        self._copy_role = copy_role
        self._keys: list[str] = []

    def put(self, table: str, columns: Sequence[Column], rows: pa.Table) -> str:
        """Write the rows to S3; returns the statement that loads them."""
        body = parquet_of(table, columns, rows)
        key = f"{LOAD_PREFIX}{uuid.uuid4().hex}.parquet"
        self._keys.append(key)
        self._store.put(key, body)
        return copy_statement(table, columns, f"s3://{self._store.bucket_of(key)}/{key}", self._copy_role)

    def clean(self) -> None:
        """Delete the objects. A failure is logged and no more: the transaction's outcome stands."""
        for key in self._keys:
            try:
                self._store.delete(key)
            except TidegateError as error:
                _log.warning("Could not delete the loaded object %s: %s", key, error)


def _tables(catalogue: Catalogue) -> dict[str, tuple[Column, ...]]:
    tables = dict(TABLES_OF_OPS)
    for spec in catalogue.objects.values():
        tables |= tables_of(spec)
    return tables


def _existing_columns(connection: psycopg.Connection, prefix: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    schemas = ", ".join(sql_literal(schema) for schema in schemas_of(prefix))
    query = f"SELECT table_schema, table_name, column_name FROM svv_columns WHERE table_schema IN ({schemas})"
    for schema, table, column in connection.execute(query.encode()):
        found.setdefault(f"{schema}.{table}", set()).add(column)
    return found


def _missing_schemas(connection: psycopg.Connection, schemas: Sequence[str]) -> list[str]:
    named = ", ".join(sql_literal(schema) for schema in schemas)
    rows = connection.execute(f"SELECT nspname FROM pg_namespace WHERE nspname IN ({named})".encode())
    there = {str(name) for (name,) in rows}
    return [schema for schema in schemas if schema not in there]


def _make(connection: psycopg.Connection, statement: str, called: str) -> bool:
    try:
        make(connection, statement, _SYSTEM, called)
    except _MADE_MEANWHILE:
        return False
    return True
