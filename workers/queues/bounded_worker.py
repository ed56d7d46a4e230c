"""A worker of the Temporal SDK whose end takes a bounded time.

With temporalio 1.35 the end hangs now and then, once in some thirty ends of a worker whose steps
send heartbeats: `finalize_shutdown` of the SDK's core does not return, though every step is
answered, no request is under way and no slot is taken. There is nothing left to lose then.
"""

import asyncio
import logging

from temporalio.client import Client
from temporalio.worker import Worker

_LOG = logging.getLogger(__name__)


class BoundedWorker:
    """Serves from `async with` on until it is left."""

    def __init__(self, worker: Worker, seconds: float) -> None:
        """`seconds`: from the first `stop` on. Longer than the worker's own time for steps at
        work.
        """
        self._worker = worker
        self._seconds = seconds
        self._until: float | None = None

    @property
    def queue(self) -> str:
        """Its task queue."""
        return self._worker.task_queue

    @property
    def has_ended(self) -> bool:
        """False = it has not begun to end, or its end was given up."""
        return self._worker.is_shutdown

    def renew(self, client: Client) -> None:
        """Go on with another connection."""
        self._worker.client = client

    async def stop(self) -> None:
        """Have it end; returns when it has, or when its time is over."""
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + self._seconds
        ending = asyncio.ensure_future(self._worker.shutdown())
        try:
            await asyncio.wait([ending], timeout=max(0.0, self._until - now))
        finally:
            ending.cancel()

    async def __aenter__(self) -> "BoundedWorker":
        await self._worker.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.stop()
        if self._worker.is_shutdown:
            await self._worker.__aexit__(*raised)  # type: ignore[arg-type]
            return
        _LOG.warning(
            "the worker of %s does not end within %.0f s, and is given up. Steps that it still has are taken up by "
            "other workers",
            self.queue,
            self._seconds,
        )
