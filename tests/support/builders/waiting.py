"""Waiting for what other processes do."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(ready: Callable[[], Awaitable[bool]], *, seconds: float = 15) -> None:
    """Return when `ready()` is true; raises `TimeoutError` when that takes too long."""
    async with asyncio.timeout(seconds):
        while not await ready():  # noqa: ASYNC110 -- another process cannot set an event
            await asyncio.sleep(0.03)
