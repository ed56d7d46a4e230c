"""Workers killed at random during a surge and a backfill: nothing lost, nothing doubled, one chain
(laws 1, 2, 3, 4, 8).
"""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from cli.local.engine_processes import EngineProcesses
from cli.local.measurements import ledger_sums
from cli.local.sandbox import start_traffic, traffic_state
from cli.local.surge import org_state
from clients.storage.chain import Chain
from clients.warehouse.sql import apply as sql
from sandbox.endpoints import Endpoints
from sandbox.processes import Child
from schemas.ids import part_lane
from tests.support.builders.waiting import SLOWNESS, limit_in
from tests.support.engines.equal_records import wait_until_equal
from workers.clients import ProcessClients

pytestmark = [pytest.mark.service, pytest.mark.slow]

LANE = "changes"
KILLS = 10
RATE = 40_000
SECONDS = 40
OLD_CASES = 12_000
"""Made before the engine began, without events: only the backfill brings them."""


def test_ten_kills_two_followers_and_a_backfill_leave_an_equal_warehouse_and_one_chain(
    endpoints: Endpoints, engine: EngineProcesses, opened: ProcessClients, curated: psycopg.Connection
) -> None:
    control = endpoints.salesforce.control_url
    _fill(control)
    start_traffic(control, rate=RATE, seconds=SECONDS, seed=11)
    backfill = [
        "backfill",
        "Case",
        "--settings",
        str(engine.settings_file),
        "--json",
        "--reason",
        "new field",
    ]
    with _started(backfill) as asked:
        chance = random.Random(11)
        _kill_reader(engine, opened)
        killed = [_kill_one(engine, chance) for _ in range(KILLS // 2)]
        zombie = _second_follower(engine, endpoints)
        killed += [_kill_one(engine, chance) for _ in range(KILLS // 2)]
        assert len(killed) == KILLS
        _wait_until_done(endpoints, curated)
        told, _ = asked.communicate(timeout=90 * SLOWNESS)
    zombie.stop()

    state = json.loads(told)
    assert (asked.returncode, state["stage"]) == (0, "done")
    assert state["counts"]["rows"] >= OLD_CASES
    sums = ledger_sums(curated)
    assert sums.landed == sums.applied + sums.duplicate + sums.quarantined
    unbalanced = f"SELECT COUNT(*) FROM {sql.LEDGER} WHERE landed <> applied + duplicate + quarantined"
    assert curated.execute(unbalanced.encode()).fetchone() == (0,)
    assert sums.quarantined == 0

    _assert_one_chain(opened, curated, changes=org_state(endpoints)["changes_committed"])
    assert wait_until_equal(endpoints, opened).records > 1_000


@contextmanager
def _started(words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process, which ends also when the test fails: what it follows may never end
    then.
    """
    with subprocess.Popen([sys.executable, "-m", "cli.main", *words], stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def _fill(control: str) -> None:
    """Old records; and an org that takes its time with a job and gives it in many pages."""
    dials = {"bulk": {"run_seconds": 2, "page_rows": 1_000}}
    httpx.patch(f"{control}/dials", json=dials, trust_env=False).raise_for_status()
    plan = {"object": "Case", "records": OLD_CASES}
    httpx.post(f"{control}/fill", json=plan, timeout=60 * SLOWNESS, trust_env=False).raise_for_status()


def _kill_reader(engine: EngineProcesses, opened: ProcessClients) -> None:
    """SIGKILL the backfill's worker when its first page has just been landed."""
    pages = f"chain/{opened.settings.salesforce.org_id}/{part_lane('case', 'all', 0, 0)}/"
    deadline = limit_in(60)
    while not list(opened.store.keys(pages)):
        assert time.monotonic() < deadline, "no page was landed"
        time.sleep(0.02)
    reader = next(child for child in list(engine.group.children) if child.name == "worker-backfill")
    reader.process.kill()


def _kill_one(engine: EngineProcesses, chance: random.Random) -> str:
    """SIGKILL a worker at a random moment; `EngineProcesses` starts it again."""
    time.sleep(chance.uniform(0.5, 3.0))
    deadline = limit_in(60)
    while True:
        assert time.monotonic() < deadline, "nobody starts the workers again"
        running = [child for child in list(engine.group.children) if child.is_running()]
        if running:
            child = chance.choice(running)
            child.process.kill()
            return child.name
        time.sleep(0.1)


def _second_follower(engine: EngineProcesses, endpoints: Endpoints) -> Child:
    """Freeze the lanes worker until another follows in its place, then let it go on: a zombie,
    exempt from the kills.

    Frozen in a transaction it holds its successor up until the server ends its session, a minute
    later.
    """
    deadline = limit_in(60)
    while not (
        running := [
            child
            for child in list(engine.group.children)
            if child.name == "worker-lanes" and child.is_running()
        ]
    ):
        assert time.monotonic() < deadline, "no follower is started again"
        time.sleep(0.1)
    frozen = running[0]
    frozen.process.send_signal(signal.SIGSTOP)
    engine.group.children.remove(frozen)
    before = org_state(endpoints)["pubsub_streams"]
    engine.start_role("lanes")
    deadline = limit_in(120)
    try:
        while org_state(endpoints)["pubsub_streams"] <= before:
            assert time.monotonic() < deadline, "the test needs two followers at once"
            time.sleep(0.2)
    finally:
        frozen.process.send_signal(signal.SIGCONT)
    return frozen


def _wait_until_done(endpoints: Endpoints, curated: psycopg.Connection) -> None:
    deadline = limit_in(150)
    while traffic_state(endpoints.salesforce.control_url)["running"]:
        time.sleep(0.5)
    committed = org_state(endpoints)["changes_committed"]
    streamed = f"SELECT COALESCE(SUM(landed), 0) FROM {sql.LEDGER} WHERE lane = '{LANE}'"
    while (found := curated.execute(streamed.encode()).fetchone()) and found[0] < committed:
        assert time.monotonic() < deadline, f"{found[0]} of {committed}"
        time.sleep(0.5)


def _assert_one_chain(opened: ProcessClients, curated: psycopg.Connection, *, changes: int) -> None:
    org, lane = opened.settings.salesforce.org_id, LANE
    batches = list(Chain(opened.store, org=org, lane=lane).walk())
    assert sum(batch.changes for batch in batches) == changes
    manifests = list(opened.store.keys(f"chain/{org}/{lane}/"))
    assert len(manifests) == len(batches), "a manifest that the chain does not reach is a fork"
    applied = f"SELECT DISTINCT batch FROM {sql.LEDGER} WHERE lane = '{lane}'"
    assert {row[0] for row in curated.execute(applied.encode())} == {batch.batch for batch in batches}
