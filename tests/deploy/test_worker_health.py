"""A worker's health endpoints, and its end by SIGTERM, as an orchestrator sees them."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.local.engine_processes import settings_of
from sandbox.endpoints import Endpoints
from sandbox.ports import free_port
from sandbox.stack import running_sandbox
from tests.support.builders.waiting import SLOWNESS, wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow]


@contextmanager
def worker(
    settings: dict[str, Any], folder: Path, role: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    file = folder / f"{role}.json"
    file.write_text(json.dumps(settings | {"health": {"port": port}}))
    command = [sys.executable, "-m", "cli.main", "worker", "--role", role, "--settings", str(file)]
    with (
        (folder / f"{role}.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def answer(url: str) -> httpx.Response | None:
    try:
        return httpx.get(url, timeout=2 * SLOWNESS, trust_env=False)
    except httpx.HTTPError:
        return None


def told(url: str) -> Callable[[], tuple[int, dict[str, Any]] | None]:
    def ask() -> tuple[int, dict[str, Any]] | None:
        found = answer(url)
        return None if found is None else (found.status_code, found.json())

    return ask


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    with tempfile.TemporaryDirectory(prefix="tidegate-health-") as folder:
        Path(folder).chmod(0o755)
        with running_sandbox(Path(folder)) as running:
            yield running.endpoints


@pytest.mark.parametrize("role", ["lanes", "batches"])
def test_a_worker_is_ready_once_it_polls_and_drains_at_sigterm(
    endpoints: Endpoints, tmp_path: Path, role: str
) -> None:
    with worker(settings_of(endpoints), tmp_path, role) as (process, url):
        wait_for(lambda: (answer(f"{url}/readyz") or httpx.Response(0)).status_code == 200)
        assert told(f"{url}/livez")() == (200, {"alive": True})
        assert told(f"{url}/readyz")() == (200, {"ready": True, "detail": ""})
        process.send_signal(signal.SIGTERM)
        assert process.wait(15 * SLOWNESS) == 0


def test_a_worker_that_waits_for_temporal_lives_is_not_ready_and_ends_at_once(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    settings = settings_of(endpoints)
    settings["temporal"] |= {"address": "127.0.0.1:1"}
    with worker(settings, tmp_path, "batches") as (process, url):
        wait_for(lambda: "Temporal" in str(told(f"{url}/readyz")()))
        assert told(f"{url}/livez")() == (200, {"alive": True})
        assert answer(f"{url}/readyz").status_code == 503  # type: ignore[union-attr]
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15 * SLOWNESS) == 0
        assert time.monotonic() - began < 5 * SLOWNESS


def test_a_worker_whose_remotes_are_silent_ends_at_sigterm(endpoints: Endpoints, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        settings = settings_of(endpoints)
        settings["temporal"] |= {"address": f"127.0.0.1:{silent.getsockname()[1]}"}
        with worker(settings, tmp_path, "batches") as (process, url):
            wait_for(lambda: answer(f"{url}/livez") is not None)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15 * SLOWNESS) == 0


def test_a_health_port_that_is_taken_is_named_with_its_setting(endpoints: Endpoints, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file = tmp_path / "settings.json"
        port = taken.getsockname()[1]
        file.write_text(json.dumps(settings_of(endpoints) | {"health": {"port": port}}))
        command = [sys.executable, "-m", "cli.main", "worker", "--settings", str(file)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60 * SLOWNESS, check=False)
    assert ended.returncode == 2
    assert "TIDEGATE_HEALTH__PORT" in ended.stderr
