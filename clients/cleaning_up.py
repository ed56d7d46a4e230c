"""Clean-ups that nobody cuts short."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def to_the_end(step: Coroutine[None, None, T]) -> T:
    """Run it. Cancelled meanwhile, it is waited for, and then the cancellation goes on: a worker
    that stops cancels what is closing already.
    """
    running = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
