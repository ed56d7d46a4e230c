"""tidegate worker: one engine process."""

import asyncio
import logging
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from cli.output import EXIT_FAILED, say
from clients.memory import keep_little_memory
from schemas.errors import UnavailableError
from workers.health import WorkerHealth, serving_health
from workers.lanes import ensure_lanes
from workers.metrics.serve import serving_metrics
from workers.model.exports import ensure_exports
from workers.model.schedule import ensure_model_builds
from workers.process import run_workers
from workers.reconciliations import ensure_reconciliations
from workers.roles import Role
from workers.schedules import ensure_watches
from workers.security.retention import ensure_retention
from workers.settings import Settings, load_settings
from workers.telemetry import telemetry

_RETRY_SECONDS = 2.0
_END_SECONDS = 20.0
"""From the beginning of the end to the end of the process. Orchestrators kill after 30 s."""


def worker(
    role: Annotated[Role, typer.Option(help="What this process does.")] = Role.ALL,
    settings: Annotated[
        Path | None, typer.Option("--settings", help="Settings file; the environment wins over it.")
    ] = None,
) -> None:
    """Run one engine process until SIGTERM or Ctrl-C.

    Example: tidegate worker --role lanes
    """
    keep_little_memory()
    loaded = load_settings(settings)
    with telemetry(loaded, f"worker-{role}"):
        uvloop.run(_serve(loaded, role))


async def _serve(settings: Settings, role: Role) -> None:
    stop, health, end = asyncio.Event(), WorkerHealth(), EndInTime()

    def drain() -> None:
        # First of all: the orchestrator must hear that no work should be expected of this process.
        health.not_ready("draining")
        end.begin()
        stop.set()

    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, drain)
    async with serving_health(settings.health, health), serving_metrics(settings.metrics, f"worker-{role}"):
        working = asyncio.create_task(_work_until(stop, health, settings, role, end))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if stop.is_set() and not health.started:
            working.cancel()  # it only waits for remotes; there is nothing to finish
        await _ended(working)


class EndInTime:
    """Ends the process when it has begun to end and takes too long; any thread may call it.

    A thread that waits for a statement or for S3 cannot be interrupted, and Python waits for its
    threads. The end of a worker of the Temporal SDK hangs now and then: its core waits without a
    bound. A step that is given up is safe to repeat, as after a kill.
    """

    def __init__(self, seconds: float = _END_SECONDS) -> None:
        self._seconds = seconds
        self._late: threading.Timer | None = None

    def begin(self, code: int = 0) -> None:
        """The process, or its workers, begin to end: without `over` the process ends with this code
        when the time has passed. A second call changes nothing.
        """
        if self._late is None:
            self._late = threading.Timer(self._seconds, _end_now, (self._seconds, code))
            self._late.daemon = True
            self._late.start()

    def over(self) -> None:
        """The workers have ended, and the process goes on."""
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _end_now(seconds: float, code: int) -> None:
    frames = sys._current_frames()
    waiting = [
        f"{each.name} in {last.name} ({Path(last.filename).name}:{last.lineno})"
        for each in threading.enumerate()
        if each.name.startswith("step") and each.ident in frames
        for last in traceback.extract_stack(frames[each.ident])[-1:]
        if last.name != "_worker"  # an idle thread of the pool
    ]
    logging.getLogger(__name__).warning(
        "the worker gives its steps up %.0f s after it began to end, and other workers take them up. Still at work: %s",
        seconds,
        ", ".join(waiting) or "no step: a worker of the Temporal SDK does not end",
    )
    logging.shutdown()
    os._exit(code)


async def _ended(working: "asyncio.Task[None]") -> None:
    try:
        await working
    except asyncio.CancelledError:
        if not working.cancelled():
            raise


async def _work_until(
    stop: asyncio.Event, health: WorkerHealth, settings: Settings, role: Role, end: EndInTime
) -> None:
    while not stop.is_set():
        try:
            # Workers that end for an error must not hang either: nobody sends a signal then.
            async with run_workers(settings, role, lambda: end.begin(EXIT_FAILED)) as client:
                await ensure_lanes(client, settings)
                await ensure_reconciliations(client, settings)
                await ensure_watches(client, settings)
                await ensure_retention(client, settings)
                await ensure_model_builds(client, settings)
                await ensure_exports(client, settings)
                if not stop.is_set():
                    health.now_ready()
                    say(f"worker {role} is ready")
                await stop.wait()
        except UnavailableError as error:
            # A worker that starts before its remote parts waits for them.
            if not stop.is_set():
                end.over()
            health.not_ready(str(error))
            logging.getLogger(__name__).warning("%s", error)
            await _pause(stop)


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_RETRY_SECONDS):
            await stop.wait()
    except TimeoutError:
        return
