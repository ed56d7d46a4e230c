"""How long a cluster takes, off by default: commits are serial over the whole cluster, and a COPY
takes its time whatever it loads.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Latency:
    """One for all sessions."""

    commit_ms: float = 0
    """Milliseconds of one commit, one after the other. 0 = none."""
    copy_ms: float = 0
    """Least milliseconds of one COPY. 0 = none."""
    _queue: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def committing(self) -> None:
        """Wait for the commits that came before, and for one's own."""
        if self.commit_ms:
            async with self._queue:
                await asyncio.sleep(self.commit_ms / 1_000)

    @asynccontextmanager
    async def copying(self) -> AsyncIterator[None]:
        """Around a COPY: it takes its least time, or its own when that is longer."""
        least = asyncio.create_task(asyncio.sleep(self.copy_ms / 1_000))
        try:
            yield
            await least
        finally:
            least.cancel()
