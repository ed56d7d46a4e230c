"""tidegate worker: one engine process."""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from cli.output import say
from schemas.errors import UnavailableError
from workers.lanes import ensure_lanes
from workers.metrics.serve import serving_metrics
from workers.process import run_workers
from workers.reconciliations import ensure_reconciliations
from workers.retention import ensure_retention
from workers.roles import Role
from workers.schedules import ensure_watches
from workers.settings import Settings, load_settings
from workers.telemetry import telemetry

_RETRY_SECONDS = 2.0


def worker(
    role: Annotated[Role, typer.Option(help="What this process does.")] = Role.ALL,
    settings: Annotated[
        Path | None, typer.Option("--settings", help="Settings file; the environment wins over it.")
    ] = None,
) -> None:
    """Run one engine process until SIGTERM or Ctrl-C.

    Example: tidegate worker --role lanes
    """
    loaded = load_settings(settings)
    with telemetry(loaded, f"worker-{role}"):
        uvloop.run(_serve(loaded, role))


async def _serve(settings: Settings, role: Role) -> None:
    stop = asyncio.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.set)
    async with serving_metrics(settings.metrics, f"worker-{role}"):
        await _work_until(stop, settings, role)


async def _work_until(stop: asyncio.Event, settings: Settings, role: Role) -> None:
    while not stop.is_set():
        try:
            async with run_workers(settings, role) as client:
                await ensure_lanes(client, settings)
                await ensure_reconciliations(client, settings)
                await ensure_watches(client, settings)
                await ensure_retention(client, settings)
                say(f"worker {role} is ready")
                await stop.wait()
        except UnavailableError as error:
            # A worker that starts before its remote parts waits for them.
            logging.getLogger(__name__).warning("%s", error)
            await _pause(stop)


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_RETRY_SECONDS):
            await stop.wait()
    except TimeoutError:
        return
