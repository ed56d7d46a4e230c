"""Blocking steps beside the event loop."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from clients.cleaning_up import to_the_end

P = ParamSpec("P")
R = TypeVar("R")


async def to_its_end(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run it in a thread. Cancelled, it is waited for: what it has borrowed is given back before
    anybody closes what it came from.
    """
    return await to_the_end(asyncio.to_thread(function, *args, **kwargs))
