"""Memory for pages: a process reads several parts at once, and holds the rows of each page that are
not in a raw file yet.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

MOST_BYTES = 256 * 1024**2
"""Of what a process holds of pages at once, as Arrow has it."""
EXPECTED_BYTES = 32 * 1024**2
"""Of a page before the first one of its part has come: a raw file's rows."""


@dataclass(eq=False)
class HeldPage:
    """A page's share of the memory."""

    size: int
    """Bytes."""


class PageMemory:
    """The pages that a process holds. One that is larger than all of the memory is held alone."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._held: list[HeldPage] = []
        self._door = asyncio.Lock()
        """Held by the page that waits for room, so that small ones do not pass a large one."""
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def held(self, expected: int) -> AsyncIterator[HeldPage]:
        """Have room for a page of some size while the body runs. When the size is known, set it:
        pages that come later then wait for what is really there.

        Args:
            expected: Bytes, estimated.
        """
        page = HeldPage(expected)
        async with self._door:
            while self._held and sum(each.size for each in self._held) + expected > self._most:
                self._freed.clear()
                await self._freed.wait()
            self._held.append(page)
        try:
            yield page
        finally:
            self._held.remove(page)
            self._freed.set()
