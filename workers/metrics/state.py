"""From settings to the exporter of the engine's state."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing

from clients.metrics.registry import REGISTRY
from workers.metrics.exporter import StateCollector
from workers.settings import Settings
from workers.status import StatusLook


@asynccontextmanager
async def exporting_state(settings: Settings, looks: StatusLook | None = None) -> AsyncIterator[None]:
    """Show the state among this process's metrics until left. Nothing connects before Prometheus
    asks.

    `looks`: the process's own look; None: one that is opened for it.
    """
    async with AsyncExitStack() as stack:
        if looks is None:
            looks = stack.enter_context(closing(StatusLook(settings)))
        collector = StateCollector(looks, asyncio.get_running_loop())
        REGISTRY.register(collector)
        stack.callback(REGISTRY.unregister, collector)
        yield
