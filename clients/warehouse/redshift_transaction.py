"""One transaction of Redshift, and the objects in S3 from which it loads."""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pyarrow as pa

from clients.database.connect import STATEMENT_MS
from clients.storage.objects import ObjectStore
from clients.warehouse.loads import Load, by_table
from clients.warehouse.redshift_locks import WRITES, lock_statement, writes_to_ops
from clients.warehouse.redshift_shipment import SHIPPED, Shipment, shipments, take_out_statement
from clients.warehouse.redshift_sql import copy_statement, insert_statement, stage_statement
from clients.warehouse.redshift_unload import Unloader
from clients.warehouse.redshift_values import inserted_values, parquet_of, typed_rows
from clients.warehouse.shadow.schemas import in_schemas
from schemas.errors import TidegateError
from schemas.tables import OPS, Column

LOAD_PREFIX = "load/"
_AT_ONCE = 8
"""Objects that are written or deleted at once."""
LOCK_MS = 2 * 60 * 1_000
"""Milliseconds that a transaction waits for a lock; longer than a turn takes."""
_log = logging.getLogger(__name__)


class Loader:
    """The objects from which one transaction loads."""

    def __init__(self, store: ObjectStore, copy_role: str) -> None:
        self._store = store
        self.role = copy_role
        self._keys: list[str] = []

    def put(self, rows: pa.Table) -> str:
        """Write the rows to S3; returns the object's URL."""
        key = f"{LOAD_PREFIX}{uuid.uuid4().hex}.parquet"
        self._write(key, rows)
        return self._url(key)

    def put_shipment(self, shipment: Shipment) -> str:
        """Write an object a load; returns the URL of their folder, by which one COPY reads all."""
        folder = f"{LOAD_PREFIX}{uuid.uuid4().hex}/"
        with ThreadPoolExecutor(min(_AT_ONCE, len(shipment.loads))) as pool:
            keys = [f"{folder}{place:04}.parquet" for place in range(len(shipment.loads))]
            list(pool.map(lambda key, load: self._write(key, shipment.file(load)), keys, shipment.loads))
        return self._url(folder)

    def clean(self) -> None:
        """Delete the objects. A failure is logged and no more: the transaction's outcome stands."""
        if self._keys:
            with ThreadPoolExecutor(min(_AT_ONCE, len(self._keys))) as pool:
                list(pool.map(self._delete, self._keys))

    def _write(self, key: str, rows: pa.Table) -> None:
        self._keys.append(key)
        self._store.put(key, parquet_of(rows))

    def _url(self, key: str) -> str:
        return f"s3://{self._store.bucket_of(key)}/{key}"

    def _delete(self, key: str) -> None:
        try:
            self._store.delete(key)
        except TidegateError as error:
            _log.warning("Could not delete the loaded object %s: %s", key, error)


class RedshiftTransaction:
    """One transaction; as of `Transaction`."""

    def __init__(
        self,
        connection: psycopg.Connection,
        loader: Loader,
        unloader: Unloader,
        lock_of: Callable[[str], str],
        prefix: str,
    ) -> None:
        self._prefix = prefix
        self._connection = connection
        self._loader = loader
        self._unloader = unloader
        self._lock_of = lock_of
        self._staged: set[str] = set()
        self._has_writes = False

    def lock_object(self, table: str) -> None:
        if self._has_writes:
            raise ValueError(
                f"Lock {table} before the first write to {OPS}: two transactions could wait for each other."
            )
        self._lock(self._lock_of(table))

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        if writes_to_ops(statement):
            self._lock_writes()
        return self._run(in_schemas(statement, self._prefix), parameters).rowcount

    def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._run(in_schemas(statement, self._prefix), parameters).fetchall()

    def stage(self, name: str, columns: Sequence[Column], rows: pa.Table) -> None:
        self.load_all([Load(name, tuple(columns), rows, is_stage=True)])

    def load(self, table: str, columns: Sequence[Column], rows: pa.Table) -> None:
        self.load_all([Load(table, tuple(columns), rows)])

    def export(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        return self._unloader.rows(self._run, in_schemas(query, self._prefix))

    def load_all(self, loads: Sequence[Load]) -> None:
        """A few rows are inserted. All others travel by one COPY, which takes as long for one table
        as for many.
        """
        typed = [replace(each, rows=typed_rows(each.table, each.columns, each.rows)) for each in loads]
        many = []
        for load in by_table(typed):
            if load.is_stage:
                self._make_stage(load.table, load.columns)
            elif len(load.rows) and load.table.startswith(f"{OPS}."):
                self._lock_writes()
            values = inserted_values(load.columns, load.rows) if len(load.rows) else ""
            if values is None:
                many.append(load)
            elif values:
                self._run(insert_statement(self._name(load), load.columns, values))
        if len(many) == 1:
            self._copy(self._name(many[0]), many[0])
        elif many:
            for shipment in shipments(many):
                self._ship(shipment)

    def drop_stages(self) -> None:
        """The equivalent of ON COMMIT DROP. Only what this transaction made: the name is looked up
        along the search path, so that DROP … IF EXISTS could hit somebody's permanent table.
        """
        for name in sorted(self._staged):
            self.execute(f"DROP TABLE {name}")

    # Statements with values or URLs run as they are: the bucket's name, or a value, may look like
    # one of the schemas.

    def _name(self, load: Load) -> str:
        """The table's name as the database has it."""
        return load.table if load.is_stage else in_schemas(load.table, self._prefix)

    def _make_stage(self, name: str, columns: Sequence[Column]) -> None:
        if name in self._staged:
            self.execute(f"DROP TABLE {name}")
        self.execute(stage_statement(name, columns))
        self._staged.add(name)

    def _copy(self, table: str, load: Load) -> None:
        url = self._loader.put(load.rows)
        self._run(copy_statement(table, load.columns, url, self._loader.role, is_stage=load.is_stage))

    def _ship(self, shipment: Shipment) -> None:
        self._make_stage(SHIPPED, shipment.columns)
        url = self._loader.put_shipment(shipment)
        self._run(copy_statement(SHIPPED, shipment.columns, url, self._loader.role, is_stage=True))
        for load in shipment.loads:
            self._run(take_out_statement(load, self._name(load)))

    def _lock_writes(self) -> None:
        if not self._has_writes:
            self._lock(WRITES)
            self._has_writes = True

    def _lock(self, lock: str) -> None:
        # A session that hangs with the lock must not hold a turn of all objects for as long as a
        # statement may take.
        self._run(f"SET statement_timeout TO {LOCK_MS}")
        self._run(lock_statement(in_schemas(lock, self._prefix)))
        self._run(f"SET statement_timeout TO {STATEMENT_MS}")

    def _run(self, statement: str, parameters: Sequence[Any] = ()) -> psycopg.Cursor[Any]:
        return self._connection.execute(statement.encode(), parameters or None)
