"""Queries run beside the event loop: a scan of a million records must not hold up a CometD client.

A few read-only connections, each used by one thread at a time; one query sees one state of the
data from beginning to end.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sandbox.org.soql.functions import register_functions
from sandbox.org.state.org import Org

READERS = 4
"""Queries that run at the same time; further ones wait."""

Result = TypeVar("Result")


_SNAPSHOT_SECONDS = 0.25


@dataclass(slots=True)
class _Past:
    """The data as it was."""

    connection: sqlite3.Connection
    taken_at: float
    """Monotonic seconds."""
    turn: asyncio.Lock
    users: int = 0
    """Queries that read it or wait for their turn."""


class Readers:
    """The pool. Connections are made when first needed."""

    def __init__(self, org: Org) -> None:
        self._store = org.store
        self._delay: Callable[[], float] = lambda: org.dials.records.query_delay_seconds
        self._past: deque[_Past] = deque()
        """Snapshots that are held open while queries see commits late, the oldest first."""
        self._free: list[sqlite3.Connection] = []
        self._turn = asyncio.Semaphore(READERS)

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Call `work` in a thread with a connection that sees one snapshot."""
        async with self._turn:
            if (delay := self._delay()) and (past := self._seen_after(delay)) is not None:
                past.users += 1
                try:
                    async with past.turn:
                        return await asyncio.to_thread(work, past.connection)
                finally:
                    past.users -= 1
            connection = self._free.pop() if self._free else self._new()
            try:
                return await asyncio.to_thread(_in_snapshot, connection, work)
            finally:
                self._free.append(connection)

    async def keep_the_past(self) -> None:
        """Hold a snapshot every quarter of a second while `dials.records.query_delay_seconds` is
        on; never returns.
        """
        while True:
            if delay := self._delay():
                connection = self._new()
                connection.execute("BEGIN")
                connection.execute(
                    "SELECT count(*) FROM sandbox_meta"
                ).fetchone()  # a snapshot begins with a read
                self._past.append(_Past(connection, time.monotonic(), asyncio.Lock()))
            self._let_go(delay)
            await asyncio.sleep(_SNAPSHOT_SECONDS)

    def _seen_after(self, delay: float) -> "_Past | None":
        """The newest snapshot that is old enough; the oldest when the dial has just been turned."""
        latest = time.monotonic() - delay
        old_enough = [past for past in self._past if past.taken_at <= latest]
        return old_enough[-1] if old_enough else (self._past[0] if self._past else None)

    def _let_go(self, delay: float) -> None:
        """Close the snapshots that no later query will want; one that is being read is left for the
        next time.
        """
        latest = time.monotonic() - delay
        while self._past and (not delay or (len(self._past) > 1 and self._past[1].taken_at <= latest)):
            if self._past[0].users:
                return
            self._past.popleft().connection.close()

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
