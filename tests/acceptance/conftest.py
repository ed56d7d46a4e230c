"""A whole sandbox, and an engine whose processes a test may kill."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli.local.engine_processes import EngineProcesses, settings_of, write_settings
from cli.local.surge import READY_SECONDS, wait_for_followers
from cli.local.up import DELIVERED_EVENTS
from cli.state import settings_file
from sandbox.endpoints import Endpoints
from sandbox.stack import RunningSandbox, running_sandbox
from tests.support.builders.waiting import SLOWNESS
from workers.clients import ProcessClients, open_clients
from workers.settings import Settings


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with tempfile.TemporaryDirectory(prefix="tidegate-acceptance-") as folder:
        # The PostgreSQL server runs as another user and must be able to enter.
        Path(folder).chmod(0o755)
        with running_sandbox(Path(folder), allow={"delivered_events": DELIVERED_EVENTS}) as running:
            yield running


@pytest.fixture
def endpoints(sandbox: RunningSandbox) -> Endpoints:
    return sandbox.endpoints


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """Settings of the engine besides those of its sandbox; a module may have its own."""
    return {}


@pytest.fixture
def engine(sandbox: RunningSandbox, more_settings: dict[str, Any]) -> Iterator[EngineProcesses]:
    """The engine, following the org; dead processes are started again."""
    folder = sandbox.group.folder.parent
    write_settings(settings_file(folder), sandbox.endpoints)
    written = json.loads(settings_file(folder).read_text())
    settings_file(folder).write_text(json.dumps(written | more_settings))
    processes = EngineProcesses(folder / "logs" / "engine", settings_file(folder))
    processes.start()
    try:
        wait_for_followers(sandbox.endpoints, seconds=READY_SECONDS * SLOWNESS)
        yield processes
    finally:
        processes.stop()


@pytest.fixture
def settings(sandbox: RunningSandbox) -> Settings:
    return Settings.model_validate(settings_of(sandbox.endpoints))


@pytest.fixture
def opened(settings: Settings) -> Iterator[ProcessClients]:
    """The engine's clients, in the test's own process."""
    found = open_clients(settings)
    yield found
    found.warehouse.close()
    found.audit.close()


@pytest.fixture
def curated(endpoints: Endpoints) -> Iterator[psycopg.Connection]:
    with psycopg.connect(endpoints.warehouse.dsn, autocommit=True) as connection:
        yield connection
