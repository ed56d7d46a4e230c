"""Heartbeats for steps that work in threads: a killed worker is noticed in seconds, not at the
step's timeout.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from temporalio import activity

_EVERY_SECONDS = 2.0


@asynccontextmanager
async def heartbeating(tell: Callable[[], tuple[str, ...]] = lambda: ()) -> AsyncIterator[None]:
    """Heartbeat while the body runs. It proves that the process lives, not that the step moves.

    Args:
        tell: Gives what the next attempt should know.
    """
    beat = asyncio.create_task(_beat(tell))
    try:
        yield
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)


async def _beat(tell: Callable[[], tuple[str, ...]]) -> None:
    # Most steps are over before the first one, and each that reaches the server costs an action.
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        activity.heartbeat(*tell())
