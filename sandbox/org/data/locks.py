"""Record locks: a write holds its records, and the parents that they point to, for as long as it
takes.

Only writes that take time can meet, so with `dials.records.chunk_seconds` at 0 nobody ever
waits. A row that cannot get its locks in time fails with UNABLE_TO_LOCK_ROW and leaves the
others alone (Salesforce Developer, "Record Locking Cheat Sheet").
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from sandbox.org.errors import SalesforceError


class Locks:
    """Who holds which record."""

    def __init__(self) -> None:
        self._held: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def held(
        self, rows: Sequence[Iterable[str]], wait_seconds: float
    ) -> AsyncIterator[list[str | None]]:
        """Hold what each row needs (record ids); yields, by row, None or the id that it could not
        get.

        Ids are taken in their order, so that two writes never wait for each other in a circle.
        """
        wanted = sorted({record_id for row in rows for record_id in row})
        deadline = time.monotonic() + wait_seconds
        mine: list[str] = []
        missed: set[str] = set()
        try:
            for record_id in wanted:
                if await self._taken(record_id, deadline - time.monotonic()):
                    mine.append(record_id)
                else:
                    missed.add(record_id)
            yield [next((record_id for record_id in row if record_id in missed), None) for row in rows]
        finally:
            for record_id in mine:
                self._release(record_id)

    async def _taken(self, record_id: str, seconds: float) -> bool:
        lock = self._held.setdefault(record_id, asyncio.Lock())
        if not lock.locked():
            await lock.acquire()
            return True
        try:
            await asyncio.wait_for(lock.acquire(), max(seconds, 0.001))
        except TimeoutError:
            return False
        return True

    def _release(self, record_id: str) -> None:
        lock = self._held[record_id]
        lock.release()
        if not lock.locked() and not getattr(lock, "_waiters", None):
            del self._held[record_id]


def unable_to_lock(record_id: str) -> SalesforceError:
    return SalesforceError(
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {record_id}",
    )
