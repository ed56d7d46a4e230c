"""Waiting for what other processes do."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

from sandbox.org.model import Org

PATIENCE: Final = float(os.environ.get("TEST_PATIENCE", "4"))
"""Times every limit of a wait: a machine may be so much slower than the one on which the limits were found. From TEST_PATIENCE; default 4."""


async def until(ready: Callable[[], Awaitable[bool]], *, seconds: float = 15) -> None:
    """Return when `ready()` is true. Raise `TimeoutError` after `seconds` times `PATIENCE`."""
    async with asyncio.timeout(seconds * PATIENCE):
        while not await ready():  # noqa: ASYNC110 -- another process cannot set an event
            await asyncio.sleep(0.03)


async def has_struck(org: Org) -> bool:
    """True once a fault has struck. A call that it delays is then under way, until `org.faults.clear()` lets it go."""
    return any(rule["struck"] for rule in org.faults.listing())


def wait_for(
    ready: Callable[[], bool],
    *,
    seconds: float = 60,
    every: float = 0.1,
    why: Callable[[], object] = lambda: "it did not happen",
) -> None:
    """Return when `ready()` is true, asked `every` so many seconds. Fail with `why()` after `seconds` times `PATIENCE`."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not ready():
        assert time.monotonic() < deadline, why()
        time.sleep(every)
