"""Metrics over HTTP, on a port of their own, and the lag of the event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from clients.metrics.registry import REGISTRY
from clients.metrics.work import EVENT_LOOP_LAG
from schemas.errors import SettingsError

_EVERY_SECONDS = 0.5


@contextmanager
def serving(host: str, port: int, registry: CollectorRegistry = REGISTRY) -> Iterator[None]:
    """Serve `/metrics` from a thread until left. Raises `SettingsError` when the port is taken."""
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise SettingsError(
            f"Metrics cannot be served at {host}:{port}: {error.strerror}. "
            "Set TIDEGATE_METRICS__PORT to a free port, or to 0 to serve none."
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


@asynccontextmanager
async def watching_loop() -> AsyncIterator[None]:
    """Observe how late the event loop wakes a task, until left."""
    task = asyncio.create_task(_watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch() -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + _EVERY_SECONDS
        await asyncio.sleep(_EVERY_SECONDS)
        EVENT_LOOP_LAG.observe(max(0.0, clock() - due))
