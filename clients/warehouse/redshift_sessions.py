"""Sessions of Redshift that are kept, each looked at before it is used again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue

import psycopg

from clients.database.address import Database
from clients.database.connect import connect_redshift
from clients.warehouse.psycopg_errors import translated_psycopg

SYSTEM = "Redshift"
SURE_SECONDS = 20.0
"""A session that was used within this time is used again without a look. A firewall or a failover
may have dropped an older one, and nothing says so until a statement waits for its answer.
"""


class RedshiftSessions:
    """Connections of one process to one database; threads share it."""

    def __init__(self, dsn: Database, most_idle: int) -> None:
        self._dsn = dsn
        self._most_idle = most_idle
        self._idle: LifoQueue[tuple[float, psycopg.Connection]] = LifoQueue()
        """With the time of the clock at which each was given back, the last first."""

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection]:
        """A session in autocommit, for one holder at a time."""
        connection = self._take()
        try:
            yield connection
        finally:
            if connection.closed or connection.broken or self._idle.qsize() >= self._most_idle:
                connection.close()
            else:
                self._idle.put((time.monotonic(), connection))

    def close(self) -> None:
        """Close those that nobody holds."""
        with suppress(Empty):
            while True:
                self._idle.get_nowait()[1].close()

    def _take(self) -> psycopg.Connection:
        with suppress(Empty):
            while True:
                since, connection = self._idle.get_nowait()
                if _is_alive(connection, time.monotonic() - since):
                    return connection
                connection.close()
        with translated_psycopg(SYSTEM):
            return connect_redshift(self._dsn, autocommit=True)


def _is_alive(connection: psycopg.Connection, idle_seconds: float) -> bool:
    if connection.closed or connection.broken:
        return False
    if idle_seconds < SURE_SECONDS:
        return True
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
