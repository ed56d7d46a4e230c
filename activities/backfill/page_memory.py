"""Memory for pages: a process reads several parts at once, and a page of 50,000 wide rows has
hundreds of megabytes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

MOST_BYTES = 256 * 1024**2
"""Of the pages that a process holds at once, as Arrow has them. Reading and encrypting one takes
some three times as much for a moment.
"""
EXPECTED_BYTES = 32 * 1024**2
"""Of a page before the first one of its part has come: 50,000 rows of 600 bytes."""


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
