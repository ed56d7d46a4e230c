"""Stores that are lost come back from backups as docs/deploy.md says, and the warehouse ends equal;
one of an older backup than the rest is named.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from cli.local.engine_processes import EngineProcesses, settings_of
from cli.local.measurements import ledger_sums
from cli.local.sandbox import start_traffic, traffic_state
from cli.local.surge import READY_SECONDS, org_state, wait_for_followers
from cli.state import settings_file
from clients.writeback.store import WritebackStore
from clients.writeback.tables import WRITEBACK
from sandbox.endpoints import Endpoints
from sandbox.stack import OPERATIONAL, WAREHOUSE, RunningSandbox
from sandbox.temporal import start_temporal
from tests.acceptance.test_writeback_crash import folder_of, kill
from tests.support.builders.waiting import SLOWNESS, wait_for
from tests.support.engines.backups import Backups
from tests.support.engines.equal_records import wait_until_equal
from workers.clients import ProcessClients

pytestmark = [pytest.mark.service, pytest.mark.heavy]

RATE = 12_000
SECONDS = 10
BEHIND = {WAREHOUSE: "warehouse.behind_chain", OPERATIONAL: "operational.behind_anchors"}


@dataclass
class Deployment:
    """An engine whose stores are backed up, destroyed and brought back."""

    sandbox: RunningSandbox
    opened: ProcessClients
    backups: Backups
    processes: EngineProcesses | None = None

    @property
    def endpoints(self) -> Endpoints:
        return self.sandbox.endpoints

    def start(self) -> None:
        folder = folder_of(self.sandbox)
        self.processes = EngineProcesses(folder / "logs" / "engine", settings_file(folder))
        self.processes.start()
        wait_for_followers(self.endpoints, seconds=READY_SECONDS * SLOWNESS)

    def stop(self) -> None:
        if self.processes is not None:
            self.processes.stop()
            self.processes = None

    def command(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Output of `tidegate WORDS`."""
        line = [sys.executable, "-m", "cli.main", *words]
        file = ("--settings", str(settings_file(folder_of(self.sandbox))))
        ended = subprocess.run(
            [*line, *file], capture_output=True, text=True, check=False, timeout=180 * SLOWNESS
        )
        assert ended.returncode in codes, f"{words}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def change(self, *, seed: int) -> None:
        """Changes of the org, writebacks to it, and an anchor; returns when all has come."""
        start_traffic(self.endpoints.salesforce.control_url, rate=RATE, seconds=SECONDS, seed=seed)
        self.submit(f"{seed}.1")
        wait_for(
            lambda: not traffic_state(self.endpoints.salesforce.control_url)["running"],
            seconds=SECONDS * 3,
            every=0.5,
        )
        wait_for(self.is_settled, seconds=90, every=0.5)
        wait_until_equal(self.endpoints, self.opened)
        self.command("audit", "anchor")

    def submit(self, key: str) -> None:
        words = ("--object", "Case", "--external-id", f"R-{key}", "--set", f"Subject={key}", "--key", key)
        self.command("writeback", "submit", *words)

    def is_settled(self) -> bool:
        query = sa.select(sa.func.count()).where(WRITEBACK.c.state.in_(["waiting", "open"]))
        with closing(WritebackStore(self.endpoints.operational.dsn)) as store, store.begin() as connection:
            return connection.execute(query).scalar_one() == 0

    def doctor(self) -> dict[str, dict[str, Any]]:
        """Findings of doctor about stores that are behind others, by code."""
        told = json.loads(self.command("doctor", "--json", codes=(0, 1)))
        return {each["code"]: each for each in told["findings"] if each["code"] in BEHIND.values()}

    def assert_equal(self) -> None:
        """Every record, and every batch of every chain: applied, and counted once."""
        wait_until_equal(self.endpoints, self.opened)
        with psycopg.connect(self.endpoints.warehouse.dsn) as connection:
            sums = ledger_sums(connection, lane="changes")
        assert sums.landed == org_state(self.endpoints)["changes_committed"]
        assert sums.landed == sums.applied + sums.duplicate + sums.quarantined


@pytest.fixture
def deployment(sandbox: RunningSandbox, opened: ProcessClients, tmp_path: Path) -> Iterator[Deployment]:
    folder = folder_of(sandbox)
    settings_file(folder).touch(mode=0o600)
    given = settings_of(sandbox.endpoints) | {"writeback": {"linger": "PT1S"}}
    settings_file(folder).write_text(json.dumps(given))
    made = Deployment(sandbox, opened, Backups(tmp_path, sandbox.endpoints.warehouse.dsn))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def replay_as_told(deployment: Deployment, finding: dict[str, Any]) -> None:
    """Type the command that doctor prints."""
    words = finding["remedy"].partition(";")[0].split()
    assert words[:2] == ["tidegate", "replay"]
    deployment.command(*words[1:])


def test_databases_that_are_lost_come_back_from_an_hour_ago_and_end_equal(deployment: Deployment) -> None:
    deployment.change(seed=1)
    deployment.backups.take([WAREHOUSE, OPERATIONAL])
    deployment.change(seed=2)
    deployment.stop()
    for name in (WAREHOUSE, OPERATIONAL):
        deployment.backups.destroy(name)
        deployment.backups.bring_back(name)

    deployment.command("migrate")
    deployment.command("keys", "verify")
    found = deployment.doctor()
    assert found.keys() == set(BEHIND.values())
    # Before the first new act: later ones take the numbers of those that are missing.
    assert "not in the log" in deployment.command("audit", "verify", codes=(1,))
    deployment.start()
    replay_as_told(deployment, found[BEHIND[WAREHOUSE]])

    deployment.assert_equal()
    assert BEHIND[WAREHOUSE] not in deployment.doctor()
    # Of before the backup a key is known, and nothing is sent again.
    before = org_state(deployment.endpoints)["changes_committed"]
    deployment.submit("1.1")
    wait_for(deployment.is_settled)
    assert org_state(deployment.endpoints)["changes_committed"] == before
    deployment.change(seed=3)
    deployment.assert_equal()
    assert "was changed after it was anchored" in deployment.command("audit", "verify", codes=(1,))


@pytest.mark.parametrize("older", BEHIND)
def test_one_store_of_an_older_backup_is_named_and_nothing_else_is(
    deployment: Deployment, older: str
) -> None:
    deployment.change(seed=1)
    deployment.backups.take([older])
    deployment.change(seed=2)
    assert deployment.doctor() == {}
    deployment.stop()
    deployment.backups.destroy(older)
    deployment.backups.bring_back(older)

    found = deployment.doctor()
    assert found.keys() == {BEHIND[older]}
    deployment.start()
    # What is applied meanwhile hides nothing: the batches between are still missing.
    start_traffic(deployment.endpoints.salesforce.control_url, rate=RATE, seconds=SECONDS, seed=3)
    wait_for(lambda: not traffic_state(deployment.endpoints.salesforce.control_url)["running"], every=0.5)
    if older == WAREHOUSE:
        found = deployment.doctor()
        assert found.keys() == {BEHIND[older]}
        replay_as_told(deployment, found[BEHIND[older]])
        assert deployment.doctor() == {}
    deployment.assert_equal()


def test_an_empty_temporal_finds_the_chains_end(deployment: Deployment) -> None:
    deployment.change(seed=1)
    deployment.stop()
    sandbox, where = deployment.sandbox, deployment.endpoints.temporal
    kill(sandbox, "temporal")
    lost = folder_of(sandbox) / "temporal"
    for file in lost.iterdir():
        file.unlink()
    port, ui_port = (int(address.rsplit(":", 1)[1]) for address in (where.address, where.ui_url))
    start_temporal(sandbox.group, lost, port=port, ui_port=ui_port)

    deployment.command("migrate")
    deployment.start()
    deployment.change(seed=2)
    deployment.assert_equal()
    assert deployment.doctor() == {}
