"""The exporter of the engine's state."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clients.metrics.registry import REGISTRY
from workers.metrics.exporter import StateCollector
from workers.status import StatusLook


@asynccontextmanager
async def exporting_state(looks: StatusLook) -> AsyncIterator[None]:
    """Show the process's look among its metrics until left. It is taken when Prometheus asks."""
    collector = StateCollector(looks, asyncio.get_running_loop())
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)
