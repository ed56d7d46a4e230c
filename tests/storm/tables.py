"""The warehouse and the operational store: one real PostgreSQL, asked by one thread.

A statement is done when its call returns, so what runs at the same time in a schedule is drawn by
the loop alone. Commits may fail, or succeed without an answer.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Any

import psycopg
import sqlalchemy as sa

import clients.warehouse.postgres as real
from clients.database.address import connected
from clients.database.audit_log import AuditLog
from clients.database.engine import open_engine, translated_database
from clients.database.erasures import Erasures
from clients.database.key_register import DataKeyRegister
from clients.retention.subject_keys import SubjectKeys
from clients.warehouse.protocol import Transaction
from clients.writeback.store import WritebackStore
from schemas.errors import UnavailableError
from schemas.ingest.messages import Act
from tests.storm.death import die
from tests.storm.fate import Fate

_KEPT_SESSIONS: dict[str, LifoQueue[Any]] = {}
"""Sessions of a database, kept from schedule to schedule: making one costs more than using it."""


class _Session(real._Connection):
    """A session that outlives a failed transaction: a new one costs as much as ten of them."""

    def __init__(self, dsn: str, idle: "LifoQueue[Any]") -> None:
        super().__init__(dsn, "")
        self._idle = idle

    def close(self) -> None:
        """Undo what was not committed, and wait for the next transaction."""
        self._adbc.rollback()
        for name in self._staged:
            self.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
        self._staged.clear()
        self.commit()
        self._idle.put((0.0, self))

    def end(self) -> None:
        """Give the connection back."""
        super().close()


class StormWarehouse(real.PostgresWarehouse):
    """The warehouse as one process reaches it."""

    def __init__(self, dsn: str, fate: Fate) -> None:
        super().__init__(dsn)
        self._fate = fate
        self._idle = _KEPT_SESSIONS.setdefault(dsn, LifoQueue())

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction. It may not begin, not commit, or commit and not say so."""
        fault = self._fate.strike("warehouse")
        if fault == "refused":
            raise UnavailableError(system="the warehouse", detail="the storm takes the connection")
        with super().transaction() as opened:
            yield opened
            if fault == "aborted":
                raise UnavailableError(system="the warehouse", detail="the storm takes the commit")
        if fault == "dies":
            die()
        if fault in ("lost", "dies"):
            raise UnavailableError(system="the warehouse", detail="the storm takes the commit's answer")

    def close(self) -> None:
        """The sessions stay for the next schedule."""

    def _kept(self) -> "real._Connection | None":
        try:
            found: real._Connection = self._idle.get_nowait()[1]
        except Empty:
            return None
        return found

    def _connect(self) -> "real._Connection":
        return connected(self._dsn, lambda url: _Session(url, self._idle))


class StormStore(WritebackStore):
    """The store of writebacks as one process reaches it; its connections are the database's."""

    def __init__(self, database: "Database", fate: Fate) -> None:
        self.engine = database.engine
        self._fate = fate

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Open a transaction. It meets the same faults as one of the warehouse."""
        fault = self._fate.strike("store")
        if fault == "refused":
            raise UnavailableError(system="the store", detail="the storm takes the connection")
        with translated_database(), self.engine.begin() as connection:
            yield connection
            if fault == "aborted":
                raise UnavailableError(system="the store", detail="the storm takes the commit")
        if fault == "dies":
            die()
        if fault in ("lost", "dies"):
            raise UnavailableError(system="the store", detail="the storm takes the commit's answer")

    def close(self) -> None:
        """The connections stay for the next schedule."""


class StormAudit(AuditLog):
    """The audit log as one process reaches it."""

    def __init__(self, database: "Database", fate: Fate) -> None:
        self._engine = database.engine
        self._is_ready = True
        self._fate = fate

    def append(self, act: Act, *, asked_of: str = "", principal: str = "") -> int:
        """Append as the real log does. It may fail, or succeed and not say so."""
        fault = self._fate.strike("audit")
        if fault == "refused":
            raise UnavailableError(system="the store", detail="the storm takes the connection")
        number = super().append(act, asked_of=asked_of, principal=principal)
        if fault == "dies":
            die()
        if fault in ("lost", "dies"):
            raise UnavailableError(system="the store", detail="the storm takes the commit's answer")
        return number


class StormErasures(Erasures):
    """The certificates of erasures, past every fault."""

    def __init__(self, database: "Database") -> None:
        self._engine = database.engine


class StormRegister(DataKeyRegister):
    """The register of data keys, past every fault."""

    def __init__(self, database: "Database") -> None:
        self._engine = database.engine


class StormSubjects(SubjectKeys):
    """The keys of archived records, of which a schedule has none."""

    def __init__(self, database: "Database", org: str) -> None:
        self._engine, self._org, self._is_ready = database.engine, org, True
        self._making = threading.Lock()


class Database:
    """The database that holds both, emptied before every schedule."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.engine = open_engine(dsn)
        self.engine.pool._pre_ping = False  # the server outlives every connection
        self._connection = psycopg.connect(dsn, autocommit=True)
        found = self._connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') "
            "AND tablename <> 'alembic_version' ORDER BY 1"
        ).fetchall()
        self._tables = [name for (name,) in found]
        self._statement = " UNION ALL ".join(
            f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in self._tables
        )

    def full_tables(self) -> list[str]:
        """Those with rows, as schema.name."""
        return [name for (name,) in self._connection.execute(self._statement.encode())]

    def empty(self) -> None:
        """Delete every row."""
        if full := self.full_tables():
            self._connection.execute(f"TRUNCATE {', '.join(full)} RESTART IDENTITY CASCADE".encode())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database, past every fault."""
        return self._connection.execute(query.encode()).fetchall()

    @contextmanager
    def reading(self) -> Iterator[psycopg.Connection]:
        """A transaction, past every fault."""
        with self._connection.transaction():
            yield self._connection

    def close(self) -> None:
        """Give the connections back."""
        self._connection.close()
        self.engine.dispose()
        kept = _KEPT_SESSIONS.pop(self.dsn, None)
        while kept is not None and not kept.empty():
            kept.get_nowait()[1].end()
