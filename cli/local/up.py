"""tidegate up: sandbox and engine on this machine, in the foreground."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.api import local_token
from cli.local.engine_processes import EngineProcesses, write_settings
from cli.local.sandbox import show_endpoints, stop_event
from cli.local.sandbox_packages import require_sandbox_packages
from cli.local.watch import watching
from cli.options import DEFAULT_HOME, Home
from cli.output import OUT, say
from cli.state import metrics_file, settings_file, write_endpoints
from clients.database.audit_log import AuditLog
from sandbox.endpoints import Endpoints
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup

if TYPE_CHECKING:
    from sandbox.stack import Ports


WarehouseKind = Annotated[
    Literal["postgres", "redshift"],
    typer.Option(
        "--warehouse", help="redshift: a stand-in that refuses what Redshift refuses, before PostgreSQL."
    ),
]


def up(
    home: Home = DEFAULT_HOME,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier run left.")] = False,
    planner: Annotated[
        bool,
        typer.Option(
            "--planner",
            help="Let the planner choose how each object is followed, within the edition's own limits.",
        ),
    ] = False,
    temporal_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    temporal_ui_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    api_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    catalogue: Annotated[
        Path | None, typer.Option(help="The engine's catalogue. By default the one that ships.")
    ] = None,
    warehouse: WarehouseKind = "postgres",
) -> None:
    """Start sandbox and engine, and stay until Ctrl-C or SIGTERM. State is kept.

    Example: tidegate up --fresh
    """
    require_sandbox_packages("tidegate up")
    from sandbox.stack import Ports

    stop = stop_event()
    ports = Ports(temporal=temporal_port, temporal_ui=temporal_ui_port, redshift=redshift_port(warehouse))
    api = api_port or free_port()
    with running_all(
        home, fresh=fresh, ports=ports, planner=planner, api_port=api, catalogue=catalogue, metrics=True
    ) as running:
        show_endpoints(running.endpoints)
        OUT.print(f"Console      http://127.0.0.1:{api}/console")
        OUT.print(f"HTTP API     http://127.0.0.1:{api}/v1/docs   token in {home / 'api.token'}")
        OUT.print(f"metrics      for Prometheus' file_sd_configs: {metrics_file(home)}")
        OUT.print("Try, in another terminal: tidegate sandbox traffic, tidegate status --watch")
        stop.wait()
        say("stopping")


def redshift_port(warehouse: Literal["postgres", "redshift"]) -> int | None:
    """The port of `sandbox.stack.Ports` for a kind of warehouse: any free one, or None."""
    return 0 if warehouse == "redshift" else None


DELIVERED_EVENTS = 100_000_000
"""Of a day, far beyond any contract: what streaming every object takes."""


@dataclass(frozen=True)
class Running:
    """A running sandbox with its engine."""

    endpoints: Endpoints
    sandbox: ProcessGroup
    engine: EngineProcesses

    def roots(self) -> list[tuple[str, int]]:
        """Name and pid of every process that was started."""
        children = [*self.sandbox.children, *self.engine.group.children]
        return [(child.name, child.process.pid) for child in children]


@contextmanager
def running_all(
    state: Path,
    *,
    fresh: bool,
    ports: "Ports | None" = None,
    planner: bool = False,
    api_port: int | None = None,
    catalogue: Path | None = None,
    metrics: bool = False,
) -> Iterator[Running]:
    """Sandbox and engine processes over one state folder, stopped in order when left.

    Without the planner every object is streamed, and the org delivers as many events as that
    takes. Without `api_port` there is no HTTP API. With `metrics` every process serves them.
    `catalogue`: the engine's; None: the one that ships. The org keeps its own objects.
    """
    from sandbox.stack import running_sandbox

    folder = state.resolve()
    allow = {} if planner else {"delivered_events": DELIVERED_EVENTS}
    codec = None if api_port is None else f"http://127.0.0.1:{api_port}/v1/codec"
    with running_sandbox(folder, fresh=fresh, ports=ports, allow=allow, codec_endpoint=codec) as sandbox:
        endpoints = sandbox.endpoints
        write_endpoints(folder, endpoints)
        with closing(AuditLog(endpoints.operational.owner_dsn)) as log:
            log.ensure_tables()
        api = None if api_port is None else {"port": api_port, "tokens": [local_token(folder)[1]]}
        write_settings(
            settings_file(folder), endpoints, planner=planner, api=api, catalogue=catalogue, is_migrated=True
        )
        engine = EngineProcesses(
            folder / "logs" / "engine",
            settings_file(folder),
            metrics_file=metrics_file(folder) if metrics else None,
        )
        engine.group.end_leftovers()
        engine.start()
        if api is not None:
            engine.start_api()
        try:
            with watching(sandbox.group):
                yield Running(endpoints, sandbox.group, engine)
        finally:
            engine.stop()
