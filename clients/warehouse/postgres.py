"""PostgreSQL as the warehouse: Arrow tables in by binary COPY, advisory locks.

Transactions run on Arrow's own driver (ADBC): it sends a table as binary COPY from C, which
costs a row of 5 KB 12 µs here and 31 µs in the server, against 22 and 60 as CSV. Tables are made
with psycopg (`postgres_tables`).
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from decimal import Decimal
from queue import Empty, LifoQueue
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from clients.database import engine
from clients.database.address import Database, connected, with_parameters
from clients.warehouse import postgres_tables
from clients.warehouse.loads import Load, by_table
from clients.warehouse.postgres_tables import INLINE, SYSTEM, definitions
from clients.warehouse.protocol import Transaction
from clients.warehouse.shadow.schemas import in_schemas
from schemas.catalogue import Catalogue
from schemas.errors import CredentialsRejectedError, StatementError, UnavailableError
from schemas.tables import Column

_TRANSIENT_STATES = ("08", "25P03", "40", "53", "55", "57", "58", "XX")
"""SQLSTATE classes that pass by themselves (PostgreSQL manual, appendix A): connection, silent in a
transaction, rollback, resources, lock, operator intervention, system, internal. What is refused
by any other class, a row that is too big among them, is refused again.
"""
_REFUSED_STATE = "28"


class PostgresWarehouse:
    """A PostgreSQL database as the warehouse. Safe to share between threads: each transaction has
    its connection.
    """

    def __init__(
        self,
        dsn: Database,
        *,
        connections: int = 8,
        prefix: str = "",
        more_tables: Mapping[str, Sequence[Column]] | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            dsn: The database.
            connections: Most idle ones that are kept.
            prefix: Of the schemas' names; empty but for a shadow.
            more_tables: Tables (schema.name) beside those of every warehouse. None = none.
        """
        self._dsn = dsn
        self._prefix = prefix
        self._more_tables = more_tables or {}
        self._idle: LifoQueue[tuple[float, _Connection]] = LifoQueue()
        """With the time of the clock at which each was given back, the last first."""
        self._most_idle = connections

    def ensure_tables(self, catalogue: Catalogue) -> list[str]:
        """Create what is missing; returns the tables and columns that were made."""
        return postgres_tables.ensure_tables(
            self._dsn, catalogue, prefix=self._prefix, more_tables=self._more_tables
        )

    def existing_columns(self) -> Mapping[str, Set[str]]:
        """Table (schema.name) -> its columns."""
        return postgres_tables.existing_columns(self._dsn, prefix=self._prefix)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction on a connection of its own; one that failed is not used again."""
        with _translated():
            connection = self._kept() or self._connect()
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.close()
                raise
        if self._idle.qsize() < self._most_idle:
            self._idle.put((time.monotonic(), connection))
        else:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that sees one state of the database."""
        with self.transaction() as opened:
            opened.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield opened

    def reclaim(self, tables: Sequence[str], *, rewrite: bool = False) -> None:
        """VACUUM the tables; FULL to `rewrite` them."""
        postgres_tables.vacuum(
            self._dsn, [in_schemas(each, self._prefix) for each in tables], is_full=rewrite
        )

    def with_copy(self) -> "Sequence[PostgresWarehouse]":
        """This one alone."""
        return (self,)

    def close(self) -> None:
        """Close the idle connections."""
        with suppress(Empty):
            while True:
                self._idle.get_nowait()[1].close()

    def _kept(self) -> "_Connection | None":
        """One that the server has not ended: the driver begins the next transaction when it ends
        one, so an idle one is silent in it.
        """
        try:
            since, connection = self._idle.get_nowait()
        except Empty:
            return None
        if time.monotonic() - since < engine.IDLE_SECONDS / 2:
            return connection
        connection.close()
        self.close()
        return None

    def _connect(self) -> "_Connection":
        return connected(self._dsn, lambda url: _Connection(url, self._prefix))


class _Connection:
    """A session and its open transaction."""

    def __init__(self, dsn: str, prefix: str) -> None:
        self._prefix = prefix
        self._adbc = adbc.connect(with_parameters(dsn, connect_timeout="5", options=engine.session_options()))
        self._cursor = self._adbc.cursor()
        self._staged: dict[str, str] = {}
        """Temporary tables that the session has, with their definitions."""
        self._filled: set[str] = set()
        """Those of them that may have rows: a commit empties each one."""

    def commit(self) -> None:
        self._adbc.commit()
        self._filled.clear()

    def close(self) -> None:
        """End the session; what was not committed is gone."""
        try:
            self._cursor.close()
            self._adbc.close()
        except adbc.Error:
            return  # the server ended it before

    def lock_object(self, table: str) -> None:
        # Cast to text: the driver has no type for void.
        self.fetch(
            "SELECT CAST(pg_advisory_xact_lock(hashtext(%s)) AS TEXT)", (f"tidegate {self._prefix}{table}",)
        )

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        self._cursor.execute(self._sent(statement), list(parameters) or None)
        return int(self._cursor.rowcount)

    def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self._cursor.execute(self._sent(statement), list(parameters) or None)
        found = self._cursor.fetch_arrow_table()
        columns = [_values(found.field(place), column) for place, column in enumerate(found.columns)]
        return list(zip(*columns, strict=True))

    def stage(self, name: str, columns: Sequence[Column], rows: pa.Table) -> None:
        definition = definitions(columns, keys=False)
        if self._staged.get(name) != definition:
            self.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
            # A commit empties the table where it lies. TRUNCATE makes a new file each time, which
            # cost a thirtieth of the processor time of stage and apply.
            self.execute(f"CREATE TEMP TABLE {name} ({definition}) {INLINE} ON COMMIT DELETE ROWS")
            self._staged[name] = definition
        elif name in self._filled:
            self.execute(f"TRUNCATE pg_temp.{name}")
        self._filled.add(name)
        if len(rows):
            self._cursor.adbc_ingest(name, rows, mode="append", temporary=True)

    def load(self, table: str, columns: Sequence[Column], rows: pa.Table) -> None:
        if not len(rows):
            return
        schema, _, name = in_schemas(table, self._prefix).partition(".")
        ordered = rows.select([column.name for column in columns])
        self._cursor.adbc_ingest(name, ordered, mode="append", db_schema_name=schema)

    def export(self, query: str) -> None:
        """PostgreSQL sends rows as it finds them: `fetch` by pages costs no more."""
        del query

    def load_all(self, loads: Sequence[Load]) -> None:
        for each in by_table(loads):
            (self.stage if each.is_stage else self.load)(each.table, each.columns, each.rows)

    def _sent(self, statement: str) -> str:
        return _numbered(in_schemas(statement, self._prefix))


def _numbered(statement: str) -> str:
    """Shared statements mark parameters with %s; this driver counts them: $1, $2."""
    number = iter(range(1, statement.count("%s") + 1))
    return re.sub("%s", lambda _: f"${next(number)}", statement)


def _values(field: pa.Field, column: pa.ChunkedArray) -> list[Any]:
    values: list[Any] = column.to_pylist()
    # The driver hands NUMERIC over as text: Arrow has no decimal without a scale.
    if (field.metadata or {}).get(b"ADBC:postgresql:typname") == b"numeric":
        return [None if value is None else Decimal(value) for value in values]
    return values


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors become ours."""
    try:
        yield
    except adbc.Error as error:
        state = error.sqlstate or ""
        first_line = str(error).strip().splitlines()[0]
        if state.startswith(_REFUSED_STATE) or "authentication failed" in first_line:
            raise CredentialsRejectedError(
                system=SYSTEM,
                error_code=state or "28P01",
                detail=first_line,
                setting="TIDEGATE_WAREHOUSE__DSN",
            ) from error
        if not state or state.startswith(_TRANSIENT_STATES):
            raise UnavailableError(system=SYSTEM, detail=first_line) from error
        # Only the first line: a DETAIL may show a row.
        raise StatementError(statement="", detail=f"{type(error).__name__} {state}: {first_line}") from error
