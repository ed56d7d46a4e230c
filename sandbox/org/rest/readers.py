"""Queries run beside the event loop: a scan of a million records must not hold up a CometD client.

A few read-only connections, each used by one thread at a time; one query sees one state of the data from beginning to end.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from sandbox.org.soql.functions import register_functions
from sandbox.org.store import Store

READERS = 4
"""Queries that run at the same time; further ones wait."""

Result = TypeVar("Result")


class Readers:
    """The pool. Connections are made when first needed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._free: list[sqlite3.Connection] = []
        self._turn = asyncio.Semaphore(READERS)

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Call `work` in a thread with a connection that sees one snapshot."""
        async with self._turn:
            connection = self._free.pop() if self._free else self._new()
            try:
                return await asyncio.to_thread(_in_snapshot, connection, work)
            finally:
                self._free.append(connection)

    def _new(self) -> sqlite3.Connection:
        connection = self._store.reader()
        connection.isolation_level = None
        register_functions(connection)
        return connection

    def close(self) -> None:
        """Close what is open; a query that still runs keeps its connection until it ends."""
        while self._free:
            self._free.pop().close()


def _in_snapshot(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Result]) -> Result:
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        connection.execute("ROLLBACK")
