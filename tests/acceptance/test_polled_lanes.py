"""Every object polled and none streamed, under traffic, with workers killed in the middle: the
warehouse is equal to the org.
"""

import json
import random
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from cli.local.engine_processes import EngineProcesses, settings_of
from cli.local.measurements import ledger_sums
from cli.local.sandbox import start_traffic, traffic_state
from cli.state import settings_file
from clients.storage.chain import Chain
from clients.warehouse.sql import apply as sql
from sandbox.endpoints import Endpoints
from sandbox.stack import RunningSandbox
from schemas.catalogue import default_catalogue
from tests.support.builders.waiting import limit_in
from tests.support.engines.equal_records import wait_until_equal
from workers.clients import ProcessClients

pytestmark = [pytest.mark.service, pytest.mark.slow]

RATE = 12_000
SECONDS = 25
KILLS = 5
LANES = {f"poll-{spec.table.replace('_', '-')}": name for name, spec in default_catalogue().objects.items()}


@pytest.fixture
def polling_engine(sandbox: RunningSandbox) -> Iterator[EngineProcesses]:
    """An engine that polls every object every two seconds; dead processes are started again."""
    folder = sandbox.group.folder.parent
    lanes = [{"name": lane, "way": "poll", "object": name, "every": "PT2S"} for lane, name in LANES.items()]
    settings = settings_of(sandbox.endpoints) | {"lanes": lanes, "cut": {"most_changes": 500}}
    file = settings_file(folder)
    file.write_text(json.dumps(settings))
    processes = EngineProcesses(folder / "logs" / "engine", file)
    processes.start()
    yield processes
    processes.stop()


def test_polled_lanes_converge_though_their_workers_are_killed(
    endpoints: Endpoints, polling_engine: EngineProcesses, opened: ProcessClients, curated: psycopg.Connection
) -> None:
    control = endpoints.salesforce.control_url
    dials = {"records": {"commit_lag_seconds": 3, "query_delay_seconds": 1}}
    httpx.patch(f"{control}/dials", json=dials).raise_for_status()
    start_traffic(control, rate=RATE, seconds=SECONDS, seed=5)
    chance = random.Random(5)
    for _ in range(KILLS):
        time.sleep(chance.uniform(1, 5))
        _kill(polling_engine, "worker-lanes")
    while traffic_state(control)["running"]:
        time.sleep(0.5)

    assert wait_until_equal(endpoints, opened).records > 500
    sums = ledger_sums(curated)
    assert sums.landed == sums.applied + sums.duplicate + sums.quarantined
    assert sums.quarantined == 0
    assert sums.landed > 1_000
    _assert_chains(opened, curated)


def _kill(engine: EngineProcesses, name: str) -> None:
    """SIGKILL a worker, as soon as there is one; `EngineProcesses` starts it again."""
    deadline = limit_in(30)
    while True:
        assert time.monotonic() < deadline, f"no {name} to kill"
        running = [
            child for child in list(engine.group.children) if child.is_running() and child.name == name
        ]
        if running:
            running[0].process.kill()
            return
        time.sleep(0.1)


def _assert_chains(opened: ProcessClients, curated: psycopg.Connection) -> None:
    """No manifest beside a lane's chain, and no batch of a chain that was not applied."""
    org = opened.settings.salesforce.org_id
    chained: set[str] = set()
    for lane in LANES:
        batches = list(Chain(opened.store, org=org, lane=lane).walk())
        assert len(list(opened.store.keys(f"chain/{org}/{lane}/"))) == len(batches), "a fork"
        chained |= {batch.batch for batch in batches}
    deadline = limit_in(30)
    while True:
        applied = {row[0] for row in curated.execute(f"SELECT DISTINCT batch FROM {sql.LEDGER}".encode())}
        if applied == chained:
            return
        assert time.monotonic() < deadline, chained - applied
        time.sleep(0.5)
