"""Workers killed at random during a surge: nothing lost, nothing doubled, one chain (laws 1, 2, 4, 8)."""

import random
import signal
import time

import psycopg
import pytest

from cli.comparison import compare_all
from cli.engine_processes import EngineProcesses
from cli.measures import ledger_sums
from cli.sandbox_commands import start_traffic, traffic_state
from cli.surge import org_state
from clients.chain import Chain
from clients.warehouse import statements as sql
from sandbox.endpoints import Endpoints
from sandbox.processes import Child
from workers.engine import Parts

pytestmark = [pytest.mark.service, pytest.mark.slow]

KILLS = 10
RATE = 40_000
SECONDS = 40


def test_ten_kills_and_two_followers_leave_an_equal_warehouse_and_one_chain(
    endpoints: Endpoints, engine: EngineProcesses, opened: Parts, curated: psycopg.Connection
) -> None:
    control = endpoints.salesforce.control_url
    start_traffic(control, rate=RATE, seconds=SECONDS, seed=11)
    chance = random.Random(11)
    killed = [_kill_one(engine, chance) for _ in range(KILLS // 2)]
    zombie = _second_follower(engine, endpoints)
    killed += [_kill_one(engine, chance) for _ in range(KILLS // 2)]
    assert len(killed) == KILLS
    _wait_until_done(endpoints, curated)
    zombie.stop()

    sums = ledger_sums(curated)
    assert sums.landed == sums.applied + sums.duplicate + sums.quarantined
    unbalanced = f"SELECT COUNT(*) FROM {sql.LEDGER} WHERE landed <> applied + duplicate + quarantined"
    assert curated.execute(unbalanced.encode()).fetchone() == (0,)
    assert sums.quarantined == 0

    _assert_one_chain(opened, curated, changes=org_state(endpoints)["changes_committed"])
    compared = compare_all(control, endpoints.warehouse.dsn, opened.catalogue, opened.protector)
    assert compared.shown == []
    assert compared.records > 1_000


def _kill_one(engine: EngineProcesses, chance: random.Random) -> str:
    """SIGKILL a worker at a random moment; `EngineProcesses` starts it again."""
    time.sleep(chance.uniform(0.5, 3.0))
    while True:
        running = [child for child in list(engine.group.children) if child.is_running()]
        if running:
            child = chance.choice(running)
            child.process.kill()
            return child.name
        time.sleep(0.1)


def _second_follower(engine: EngineProcesses, endpoints: Endpoints) -> Child:
    """Freeze the lanes worker until another follows in its place, then let it go on: a zombie, exempt from the kills."""
    frozen = next(
        child for child in list(engine.group.children) if child.name == "worker-lanes" and child.is_running()
    )
    frozen.process.send_signal(signal.SIGSTOP)
    engine.group.children.remove(frozen)
    before = org_state(endpoints)["cometd_clients"]
    engine.start_role("lanes")
    deadline = time.monotonic() + 60
    while org_state(endpoints)["cometd_clients"] <= before:
        assert time.monotonic() < deadline, "the test needs two followers at once"
        time.sleep(0.2)
    frozen.process.send_signal(signal.SIGCONT)
    return frozen


def _wait_until_done(endpoints: Endpoints, curated: psycopg.Connection) -> None:
    deadline = time.monotonic() + 150
    while traffic_state(endpoints.salesforce.control_url)["running"]:
        time.sleep(0.5)
    committed = org_state(endpoints)["changes_committed"]
    while ledger_sums(curated).landed < committed:
        assert time.monotonic() < deadline, f"{ledger_sums(curated)} of {committed}"
        time.sleep(0.5)


def _assert_one_chain(opened: Parts, curated: psycopg.Connection, *, changes: int) -> None:
    org, lane = opened.settings.salesforce.org_id, "changes"
    batches = list(Chain(opened.store, org=org, lane=lane).walk())
    assert sum(batch.changes for batch in batches) == changes
    manifests = list(opened.store.keys(f"chain/{org}/{lane}/"))
    assert len(manifests) == len(batches), "a manifest that the chain does not reach is a fork"
    applied = f"SELECT DISTINCT batch FROM {sql.LEDGER}"
    assert {row[0] for row in curated.execute(applied.encode())} == {batch.batch for batch in batches}
