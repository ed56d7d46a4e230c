"""Calls of the store from an event loop."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from clients.concurrency import run_to_completion

P = ParamSpec("P")
T = TypeVar("T")


async def stored(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a call that blocks in a thread, to its end: a thread goes on after a cancellation, and
    gives its connection back before the store is closed.
    """
    return await run_to_completion(asyncio.to_thread(call, *args, **kwargs))
