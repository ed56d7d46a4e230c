"""Redshift as the warehouse: COPY of Parquet from S3, table locks, distribution and sort keys.

A load is a Parquet object under `load/`, a large reading some under `unload/`. Their values are as
protected as everything we write (law 7). They are deleted after commit and after rollback alike;
what a killed process leaves there is nobody's, the bucket's lifecycle rule may expire it.

No cluster has run this: what AWS' pages leave open is marked "unverified" where it matters. SQL
text is made by pure functions, so that tests hold it whole.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager

import psycopg

from clients.database.address import Database
from clients.database.connect import STATEMENT_MS
from clients.storage.objects import ObjectStore
from clients.warehouse.protocol import Transaction
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.redshift_locks import FIXED, OTHERS, create_lock, is_lock, object_lock
from clients.warehouse.redshift_making import make_view_with_others, make_with_others
from clients.warehouse.redshift_sessions import SYSTEM, RedshiftSessions
from clients.warehouse.redshift_sql import missing_statements
from clients.warehouse.redshift_transaction import Loader, RedshiftTransaction
from clients.warehouse.redshift_unload import Unloader
from clients.warehouse.redshift_values import sql_literal
from clients.warehouse.shadow.schemas import in_schemas, schemas_of
from clients.warehouse.sql.apply import TABLES_OF_OPS, tables_of
from clients.warehouse.sql.scorecard import views
from schemas.catalogue import Catalogue
from schemas.tables import OPS, Column


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
        self._store = store
        self._copy_role = copy_role
        self._sessions = RedshiftSessions(dsn, connections)
        self._locks: frozenset[str] = frozenset()
        """Lock tables that are known to be there. None is ever dropped."""

    def ensure_tables(self, catalogue: Catalogue) -> list[str]:
        """Create what is missing; returns the tables and columns that were made."""
        made: list[str] = []
        with self._sessions.session() as connection, translated_psycopg(SYSTEM):
            for schema in _missing_schemas(connection, schemas_of(self._prefix)):
                make_with_others(connection, f"CREATE SCHEMA IF NOT EXISTS {schema}", f"the schema {schema}")
            existing = _existing_columns(connection, self._prefix)
            tables = {in_schemas(table, self._prefix): c for table, c in _tables(catalogue).items()}
            for lock in _locks(catalogue):
                name = in_schemas(lock, self._prefix)
                if name not in existing and make_with_others(connection, create_lock(name), name):
                    made.append(name)
            for table, columns in tables.items():
                # Each statement commits by itself: a transaction over all would hold locks that
                # appliers wait for.
                statements = missing_statements(table, columns, existing.get(table))
                made += [
                    name
                    for name, statement in statements.items()
                    if make_with_others(connection, statement, name)
                ]
            for view, statement in views().items():
                name = in_schemas(view, self._prefix)
                make_view_with_others(connection, name, in_schemas(statement, self._prefix))
        return made

    def existing_columns(self) -> Mapping[str, Set[str]]:
        """Table (schema.name) -> its columns. Lock tables are left out."""
        with self._sessions.session() as connection, translated_psycopg(SYSTEM):
            found = _existing_columns(connection, self._prefix)
        named = {table.removeprefix(self._prefix): columns for table, columns in found.items()}
        return {table: columns for table, columns in named.items() if not is_lock(table)}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction on a connection of its own."""
        with self._sessions.session() as connection:
            loader = Loader(self._store, self._copy_role)
            unloader = Unloader(self._store, self._copy_role)
            try:
                with translated_psycopg(SYSTEM), connection.transaction():
                    opened = RedshiftTransaction(connection, loader, unloader, self._lock_of, self._prefix)
                    yield opened
                    opened.drop_stages()
            finally:
                loader.clean()
                unloader.clean()

    def reading(self) -> AbstractContextManager[Transaction]:
        """Every transaction of Redshift sees one state of the database."""
        return self.transaction()

    def reclaim(self, tables: Sequence[str], *, rewrite: bool = False) -> None:
        """VACUUM the tables, which takes deleted rows out of their blocks; `rewrite` sorts them,
        too.

        See https://docs.aws.amazon.com/redshift/latest/dg/r_VACUUM_command.html.
        """
        kind = "FULL" if rewrite else "DELETE ONLY"
        with self._sessions.session() as connection, translated_psycopg(SYSTEM):
            connection.execute("SET statement_timeout TO 0")
            for table in tables:
                where = in_schemas(table, self._prefix)
                connection.execute(f"VACUUM {kind} {where} TO 100 PERCENT".encode())
            connection.execute(f"SET statement_timeout TO {STATEMENT_MS}".encode())

    def with_copy(self) -> "Sequence[RedshiftWarehouse]":
        """This one alone."""
        return (self,)

    def close(self) -> None:
        """Close the idle connections."""
        self._sessions.close()

    def _lock_of(self, table: str) -> str:
        """The lock table of an object; `OTHERS` for what has none.

        It is asked for on another session: in the transaction, a query would take the snapshot
        before the lock. What is not known is asked for each time, so that two processes never take
        two locks for one object.
        """
        wanted = object_lock(table)
        if wanted not in self._locks:
            with self._sessions.session() as connection:
                found = connection.execute(_find_locks(self._prefix).encode()).fetchall()
            self._locks = frozenset(f"{OPS}.{name}" for (name,) in found)
        return wanted if wanted in self._locks else OTHERS


def _tables(catalogue: Catalogue) -> dict[str, tuple[Column, ...]]:
    tables = dict(TABLES_OF_OPS)
    for spec in catalogue.objects.values():
        tables |= tables_of(spec)
    return tables


def _locks(catalogue: Catalogue) -> list[str]:
    return [*FIXED, *(object_lock(spec.table) for spec in catalogue.objects.values())]


def _find_locks(prefix: str) -> str:
    """The names of every lock table that is there."""
    return (
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE n.nspname = {sql_literal(prefix + OPS)} AND c.relname LIKE 'lock_%'"
    )


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
