"""tidegate metrics: the engine's state for Prometheus, without the HTTP API."""

import asyncio
import signal
from contextlib import closing
from typing import Annotated

import typer
import uvloop

from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import say
from cli.state import local_settings
from schemas.settings.metrics import MetricsSettings
from workers.metrics.serve import serving_metrics
from workers.metrics.state import exporting_state
from workers.settings import Settings
from workers.status import StatusLook
from workers.telemetry import telemetry

PORT = 9464


def metrics(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where `/metrics` is served.")] = PORT,
    host: Annotated[str, typer.Option(help="Address to listen on. There is no token.")] = "127.0.0.1",
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Serve the engine's state to Prometheus until SIGTERM or Ctrl-C.

    The HTTP API serves the same at its metrics port. Any number may run.

    Example: tidegate metrics --port 9464
    """
    loaded = local_settings(settings, home)
    with telemetry(loaded, "metrics"):
        uvloop.run(_serve(loaded, MetricsSettings(port=port, host=host)))


async def _serve(settings: Settings, where: MetricsSettings) -> None:
    stop = asyncio.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.set)
    with closing(StatusLook(settings)) as looks:
        async with exporting_state(looks), serving_metrics(where, "metrics"):
            say(f"metrics at http://{where.host}:{where.port}/metrics")
            await stop.wait()
