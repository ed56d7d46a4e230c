"""Heartbeats for steps that work in threads: a killed worker is noticed in seconds, not at the step's timeout."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

_EVERY_SECONDS = 2.0


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Heartbeat while the body runs. It proves that the process lives, not that the step moves."""
    beat = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(_EVERY_SECONDS)
