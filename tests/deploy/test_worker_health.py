"""A worker's health endpoints, and its end by SIGTERM, as an orchestrator sees them."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client

from cli.local.engine_processes import settings_of
from cli.local.sandbox import start_traffic
from sandbox.endpoints import Endpoints
from sandbox.ports import free_port
from sandbox.stack import running_sandbox
from schemas import names
from tests.support.builders.waiting import SLOWNESS, wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow]

GRACE = 30
"""Seconds from SIGTERM to SIGKILL: `stop_grace_period`, `stopTimeout`."""
DRAIN = 8
"""Seconds that a queue's steps have to end by themselves."""
HELD = {names.PLAN_BACKFILL, names.ASK_BUCKETS}
"""Steps of two queues, held by a slow org."""


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


def command(settings: dict[str, Any], folder: Path, *words: str) -> None:
    file = folder / "command.json"
    file.write_text(json.dumps(settings))
    line = [sys.executable, "-m", "cli.main", *words, "--settings", str(file)]
    subprocess.run(line, check=True, capture_output=True, timeout=60 * SLOWNESS)


def pending_steps(endpoints: Endpoints) -> list[PendingActivityInfo]:
    """The activities that are not done."""

    async def look() -> list[PendingActivityInfo]:
        client = await Client.connect(endpoints.temporal.address, namespace=endpoints.temporal.namespace)
        found: list[PendingActivityInfo] = []
        async for run in client.list_workflows("ExecutionStatus = 'Running'"):
            described = await client.get_workflow_handle(run.id).describe()
            found.extend(described.raw_description.pending_activities)
        return found

    return asyncio.run(look())


def steps_at_work(endpoints: Endpoints) -> set[str]:
    """Names of the activities that a worker has begun."""
    started = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    return {each.activity_type.name for each in pending_steps(endpoints) if each.state == started}


@contextmanager
def ready_workers(endpoints: Endpoints, folder: Path, *roles: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    with ExitStack() as stack:
        started = [stack.enter_context(worker(settings_of(endpoints), folder, role)) for role in roles]
        for _, url in started:
            wait_for(lambda url=url: (answer(f"{url}/readyz") or httpx.Response(0)).status_code == 200)  # type: ignore[misc]
        yield [process for process, _ in started]


def test_a_worker_ends_in_time_though_a_statement_of_its_waits_for_a_lock(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'warehouse'"
    with (
        ready_workers(endpoints, tmp_path, "lanes", "batches") as (_, batches),
        psycopg.connect(endpoints.warehouse.dsn) as lock,
        psycopg.connect(endpoints.warehouse.dsn, autocommit=True) as look,
    ):
        lock.execute("LOCK TABLE ops.ledger IN ACCESS EXCLUSIVE MODE")
        start_traffic(endpoints.salesforce.control_url, rate=6_000, seconds=5, seed=3)
        wait_for(lambda: look.execute(waiting).fetchone() != (0,))
        batches.send_signal(signal.SIGTERM)
        assert batches.wait(GRACE) == 0
    assert "gives its steps up" in (tmp_path / "batches.log").read_text()


def test_a_worker_with_several_busy_queues_drains_once(endpoints: Endpoints, tmp_path: Path) -> None:
    settings, control = settings_of(endpoints), endpoints.salesforce.control_url
    slow = {"point": "http", "kind": "latency", "match": "/services/data/", "seconds": 600}
    with ready_workers(endpoints, tmp_path, "batches", "backfill") as (_, backfill):
        httpx.post(f"{control}/faults", json=slow, trust_env=False).raise_for_status()
        command(settings, tmp_path, "backfill", "Case", "--detach", "--reason", "it waits for the org")
        command(settings, tmp_path, "reconcile", "Account", "--detach")
        wait_for(
            lambda: steps_at_work(endpoints) >= HELD,
            why=lambda: steps_at_work(endpoints),
        )
        backfill.send_signal(signal.SIGTERM)
        assert backfill.wait(GRACE) == 0
        given_back = {
            each.activity_type.name: each.last_attempt_complete_time.ToDatetime()
            for each in pending_steps(endpoints)
            if each.activity_type.name in HELD
        }
    assert given_back.keys() == HELD
    apart = max(given_back.values()) - min(given_back.values())
    assert apart < timedelta(seconds=DRAIN / 2), "one queue after the other would give its steps back later"
