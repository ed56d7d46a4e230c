"""The engine's worker processes under `tidegate up`: started with a settings file, and started
again when they die.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

from cli.api import COMMAND
from cli.output import say
from sandbox.endpoints import DatabaseEndpoint, Endpoints
from sandbox.ports import free_pair
from sandbox.processes import Child, ProcessGroup
from workers.settings import FILE_VARIABLE

API = "api"
HEALTH_PORT = "TIDEGATE_HEALTH__PORT"
"""Environment variable with the port of a worker's health endpoints; 0 = none."""
ROLES = ("batches", "lanes", "backfill", "writebacks")


def settings_of(endpoints: Endpoints) -> dict[str, Any]:
    """The engine's settings for a sandbox, as its settings file holds them."""
    org, redshift = endpoints.salesforce, endpoints.warehouse.redshift
    copied = {} if redshift is None else {"read_copy": {"dsn": redshift.read_copy}}
    return copied | {
        "salesforce": {
            "org_id": org.org_id,
            "login_url": org.login_url,
            "client_id": org.client_id,
            "client_secret": org.client_secret,
            "api_version": org.api_version,
            "pubsub_endpoint": org.pubsub_endpoint,
            "ca_file": org.ca_file,
        },
        "s3": endpoints.s3.model_dump(),
        "warehouse": _warehouse(endpoints.warehouse),
        "operational": endpoints.operational.model_dump(),
        "audit": endpoints.audit.model_dump(),
        "temporal": {**endpoints.temporal.model_dump(), "codec": True},
    }


def _warehouse(endpoint: DatabaseEndpoint) -> dict[str, Any]:
    if endpoint.redshift is None:
        return {"kind": "postgres", "dsn": endpoint.dsn}
    return {"kind": "redshift", **endpoint.redshift.model_dump(exclude={"read_copy"})}


def write_settings(
    path: Path,
    endpoints: Endpoints,
    *,
    planner: bool = False,
    api: dict[str, Any] | None = None,
    catalogue: Path | None = None,
    is_migrated: bool = False,
) -> None:
    """Write the settings file, readable by its owner alone.

    `catalogue` None: the one that ships. `is_migrated`: the tables are made, so the engine is not
    given the role that owns them: what it may not change it cannot change by mistake either.
    """
    settings = settings_of(endpoints) | ({"planner": {"on": True}} if planner else {})
    settings |= {} if catalogue is None else {"catalogue": str(catalogue.resolve())}
    settings |= {} if api is None else {"api": api}
    if is_migrated:
        settings["operational"] = {"dsn": endpoints.operational.dsn}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(settings, indent=2) + "\n")


def scrape_targets(ports: dict[str, int]) -> list[dict[str, Any]]:
    """Process -> port, as a file of Prometheus' `file_sd_configs`: the engine's own metrics, and
    the Temporal SDK's on the next port.
    """
    return [
        {"targets": [f"127.0.0.1:{port + beside}"], "labels": {"process": name, "exporter": exporter}}
        for name, port in ports.items()
        for beside, exporter in enumerate(("engine", "sdk"))
    ]


class EngineProcesses:
    """One process a role. A watcher thread starts a dead one again."""

    def __init__(
        self, folder: Path, settings_file: Path, *, restart: bool = True, metrics_file: Path | None = None
    ) -> None:
        """`metrics_file`: where the ports are listed at which the processes serve metrics; None:
        they serve none.
        """
        self.group = ProcessGroup(folder)
        self.settings_file = settings_file
        self._ports = {} if metrics_file is None else {name: free_pair() for name in (API, *ROLES)}
        if metrics_file is not None:
            metrics_file.write_text(json.dumps(scrape_targets(self._ports), indent=2) + "\n")
        self._restart = restart
        self._paused: list[str] = []
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="engine-watcher", daemon=True)

    def start(self) -> None:
        """Start every role; they wait for their remote parts by themselves."""
        for role in ROLES:
            self.start_role(role)
        self._watcher.start()

    def start_role(self, role: str) -> None:
        """Start one more process of a role."""
        command = [sys.executable, "-m", "cli.main", "worker", "--role", role]
        self.group.start(f"worker-{role}", command, environment=self._environment(role))

    def start_api(self) -> None:
        """Start the HTTP API, too."""
        self.group.start(API, list(COMMAND), environment=self._environment(API))

    def _environment(self, name: str) -> dict[str, str]:
        port = self._ports.get(name)
        metered = {} if port is None else {"TIDEGATE_METRICS__PORT": str(port)}
        # Several processes share this machine, and cannot share the port that an image gives each.
        return {FILE_VARIABLE: str(self.settings_file), HEALTH_PORT: "0"} | metered

    def end(self, child: Child) -> None:
        """End one process in order; it is not started again."""
        self.group.discard(child)
        child.stop()

    def pause(self) -> None:
        """End every process, until `go_on`."""
        ending = list(self.group.children)
        self._paused = [child.name for child in ending]
        for child in ending:
            self.group.discard(child)  # else the watcher starts it again
        for child in ending:
            child.ask_to_stop()
        for child in ending:
            child.stop()

    def go_on(self) -> None:
        """Start what `pause` has ended."""
        for name in self._paused:
            self._start_named(name)
        self._paused = []

    def stop(self) -> None:
        """Stop them in order; their work is finished or taken up at the next start."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self.group.stop()

    def _watch(self) -> None:
        while not self._stopping.wait(0.5):
            for child in list(self.group.children):
                if self._restart and not child.is_running() and child in self.group.children:
                    self.group.discard(child)
                    say(
                        f"{child.name} ended and is started again; the end of {child.log}:\n{child.last_lines(3)}"
                    )
                    self._start_named(child.name)

    def _start_named(self, name: str) -> None:
        if name == API:
            self.start_api()
        else:
            self.start_role(name.removeprefix("worker-"))
