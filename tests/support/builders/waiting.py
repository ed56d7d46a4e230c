"""Waiting for what other processes do."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

from sandbox.org.state.org import Org

SLOWNESS: Final = float(os.environ.get("TEST_SLOWNESS", "4"))
"""Times every limit of a wait: a machine may be so much slower than the one on which the limits
were found. From TEST_SLOWNESS; default 4.
"""


def limit_in(seconds: float) -> float:
    """The moment of `time.monotonic()` at which a wait of `seconds` times `SLOWNESS` is over."""
    return time.monotonic() + seconds * SLOWNESS


async def until(ready: Callable[[], Awaitable[bool]], *, seconds: float = 15) -> None:
    """Return when `ready()` is true. Raise `TimeoutError` after `seconds` times `SLOWNESS`."""
    async with asyncio.timeout(seconds * SLOWNESS):
        while not await ready():  # noqa: ASYNC110 -- another process cannot set an event
            await asyncio.sleep(0.03)


async def has_struck(org: Org) -> bool:
    """True once a fault has struck. A call that it delays is then under way, until
    `org.faults.clear()` lets it go.
    """
    return any(rule["struck"] for rule in org.faults.listing())


def wait_for(
    ready: Callable[[], bool],
    *,
    seconds: float = 60,
    every: float = 0.1,
    why: Callable[[], object] = lambda: "it did not happen",
) -> None:
    """Return when `ready()` is true, asked `every` so many seconds. Fail with `why()` after
    `seconds` times `SLOWNESS`.
    """
    limit = limit_in(seconds)
    while not ready():
        assert time.monotonic() < limit, why()
        time.sleep(every)
