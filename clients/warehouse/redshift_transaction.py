"""One transaction of Redshift, and the objects in S3 from which it loads."""

import logging
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pyarrow as pa

from clients.database.connect import STATEMENT_MS
from clients.storage.objects import ObjectStore
from clients.warehouse.redshift_locks import WRITES, lock_statement, writes_to_ops
from clients.warehouse.redshift_sql import copy_statement, insert_statement, stage_statement
from clients.warehouse.redshift_values import inserted_values, parquet_of, typed_rows
from clients.warehouse.shadow.schemas import in_schemas
from schemas.errors import TidegateError
from schemas.tables import OPS, Column

LOAD_PREFIX = "load/"
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
        self._keys.append(key)
        self._store.put(key, parquet_of(rows))
        return f"s3://{self._store.bucket_of(key)}/{key}"

    def clean(self) -> None:
        """Delete the objects. A failure is logged and no more: the transaction's outcome stands."""
        for key in self._keys:
            try:
                self._store.delete(key)
            except TidegateError as error:
                _log.warning("Could not delete the loaded object %s: %s", key, error)


class RedshiftTransaction:
    """One transaction; as of `Transaction`."""

    def __init__(
        self, connection: psycopg.Connection, load: Loader, lock_of: Callable[[str], str], prefix: str
    ) -> None:
        self._prefix = prefix
        self._connection = connection
        self._loader = load
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
        if name in self._staged:
            self.execute(f"DROP TABLE {name}")
        self.execute(stage_statement(name, columns))
        self._staged.add(name)
        self._add(name, columns, rows, is_stage=True)

    def load(self, table: str, columns: Sequence[Column], rows: pa.Table) -> None:
        if len(rows) and table.startswith(f"{OPS}."):
            self._lock_writes()
        self._add(in_schemas(table, self._prefix), columns, rows)

    def drop_stages(self) -> None:
        """The equivalent of ON COMMIT DROP. Only what this transaction made: the name is looked up
        along the search path, so that DROP … IF EXISTS could hit somebody's permanent table.
        """
        for name in sorted(self._staged):
            self.execute(f"DROP TABLE {name}")

    def _add(self, table: str, columns: Sequence[Column], rows: pa.Table, *, is_stage: bool = False) -> None:
        """Append rows to a table, whose name is as the database has it. Statements run as they are:
        the bucket's name, or a value, may look like one of the schemas.
        """
        if not len(rows):
            return
        typed = typed_rows(table, columns, rows)
        values = inserted_values(columns, typed)
        if values is None:
            url = self._loader.put(typed)
            self._run(copy_statement(table, columns, url, self._loader.role, is_stage=is_stage))
        else:
            self._run(insert_statement(table, columns, values))

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
