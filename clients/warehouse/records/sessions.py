"""Sessions of the warehouse for short reads: kept open, bounded in number and in time.

A read of one record takes less than a millisecond of the server's time. To open a transaction in
a thread for it costs more than the read, so these sessions belong to the event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from clients.database.address import Database, DatabaseAddress, connection_url
from clients.warehouse.psycopg_errors import translated_psycopg

_SYSTEM = "the warehouse"
MOST_SESSIONS = 8
"""Of one process. The loop fills four or so; the others stand for reads that take longer."""
MOST_SECONDS = 10
"""Of one statement; a caller waits no longer."""
_OPTIONS = f"-cstatement_timeout={MOST_SECONDS * 1_000} -cdefault_transaction_read_only=on -cjit=off"
"""To compile a statement takes longer than to run one of these."""
Row = tuple[Any, ...]


class ReadSessions:
    """A pool of read-only sessions of one event loop. Each statement is a transaction of its own,
    so it sees one state of the warehouse.
    """

    def __init__(self, database: Database, *, most: int = MOST_SESSIONS) -> None:
        """`most`: sessions at once. One more reader waits for one of them."""
        self._database = database
        self._free = asyncio.Semaphore(most)
        self._idle: list[psycopg.AsyncConnection[Row]] = []

    async def fetch(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows of a query. A session that the server has ended is replaced once.

        Raises:
            UnavailableError: The warehouse does not answer, or took longer than `MOST_SECONDS`.
        """
        async with self._session() as session:
            try:
                return await _rows(session, statement, parameters)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                if not session.closed:
                    raise
        async with self._session(new=True) as session:
            return await _rows(session, statement, parameters)

    async def fetch_together(self, *queries: tuple[str, Sequence[Any]]) -> list[list[Row]]:
        """The rows of several queries, which see one state of the warehouse.

        Raises:
            UnavailableError: As of `fetch`.
        """
        async with self._session() as session:
            await session.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ")
            found = [await _rows(session, *query) for query in queries]
            await session.execute(b"COMMIT")
        return found

    async def close(self) -> None:
        """End the idle sessions."""
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def _session(self, *, new: bool = False) -> AsyncIterator[psycopg.AsyncConnection[Row]]:
        async with self._free:
            with translated_psycopg(_SYSTEM):
                if new:
                    # The server was started again: it has forgotten all of them.
                    await self.close()
                session = self._idle.pop() if self._idle else await self._connect()
                try:
                    yield session
                except BaseException:
                    # A caller that went away leaves an answer on the wire.
                    await session.close()
                    raise
                finally:
                    if not session.closed:
                        self._idle.append(session)

    async def _connect(self) -> psycopg.AsyncConnection[Row]:
        try:
            return await self._open()
        except psycopg.OperationalError as error:
            if not isinstance(self._database, DatabaseAddress) or "authentication" not in str(error):
                raise
        self._database.renew()
        return await self._open()

    async def _open(self) -> psycopg.AsyncConnection[Row]:
        url = await asyncio.to_thread(connection_url, self._database)
        return await psycopg.AsyncConnection.connect(
            url, autocommit=True, prepare_threshold=1, connect_timeout=5, options=_OPTIONS
        )


async def _rows(
    session: psycopg.AsyncConnection[Row], statement: str, parameters: Sequence[Any]
) -> list[Row]:
    async with session.cursor(binary=True) as cursor:
        await cursor.execute(statement.encode(), parameters)
        return await cursor.fetchall()
