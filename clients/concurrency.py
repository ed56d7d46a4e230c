"""Steps that nobody cuts short."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def run_to_completion(step: Coroutine[None, None, T]) -> T:
    """Run a step to its end, also when the caller is cancelled; the cancellation goes on after it.

    A worker that stops cancels steps that are closing already. A thread (`asyncio.to_thread`) goes on after a cancellation:
    it gives back its connection before anybody closes the pool.
    """
    running = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
