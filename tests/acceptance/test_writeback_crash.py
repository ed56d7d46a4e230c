"""Writebacks while everything that may die does: each has one effect in the org, or none and a
reason (law 6).
"""

import json
import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import sqlalchemy as sa

from cli.api import new_token
from cli.local.engine_processes import EngineProcesses, settings_of
from cli.local.surge import wait_for_followers
from cli.state import settings_file
from clients.writeback.audit_verify import broken_seals
from clients.writeback.store import WritebackStore
from clients.writeback.tables import WRITEBACK, WRITEBACK_BATCH, WRITEBACK_CLAIM
from sandbox.endpoints import Endpoints
from sandbox.org.data.store import DATABASE_FILE
from sandbox.ports import free_port
from sandbox.postgres import start_postgres
from sandbox.stack import OPERATIONAL, WAREHOUSE, RunningSandbox
from sandbox.temporal import start_temporal
from schemas.access import CallerRole
from tests.support.builders.org_effects import compare
from tests.support.builders.waiting import SLOWNESS, limit_in

pytestmark = [pytest.mark.service, pytest.mark.slow]

RECORDS = 1_000
CHANGES = 3
"""Writebacks of each record, in order."""
AT_ONCE = 150
KILLS = 6
TERMS = {"linger": "PT1S", "settled_after": "PT8S", "patience": "PT20S"}
"""An org of a test is over with a call in seconds."""
FAULTS: Sequence[dict[str, Any]] = (
    {"point": "row", "kind": "error", "match": "Case", "probability": 0.02, "code": "UNABLE_TO_LOCK_ROW"},
    {"point": "http", "kind": "reset_after", "match": "/composite", "probability": 0.05, "seed": 2},
    {"point": "http", "kind": "reset_before", "match": "/composite", "probability": 0.05, "seed": 3},
)


@pytest.fixture
def api_token(sandbox: RunningSandbox) -> Iterator[tuple[str, str]]:
    """An engine with an API, and the API's address and a caller's token."""
    folder, port = sandbox.group.folder.parent, free_port()
    token, entry = new_token("submitter", CallerRole.WRITER)
    settings = settings_of(sandbox.endpoints) | {
        "api": {"port": port, "tokens": [entry]},
        "writeback": TERMS,
    }
    settings_file(folder).touch(mode=0o600)
    settings_file(folder).write_text(json.dumps(settings))
    engine = EngineProcesses(folder / "logs" / "engine", settings_file(folder))
    engine.start()
    engine.start_api()
    killer = Killer(sandbox, engine)
    try:
        wait_for_followers(sandbox.endpoints, within=60 * SLOWNESS)
        killer.start()
        yield f"http://127.0.0.1:{port}", token
    finally:
        killer.stop()
        engine.stop()


class Killer:
    """Kills workers at random, and once the server of workflows and the database."""

    def __init__(self, sandbox: RunningSandbox, engine: EngineProcesses) -> None:
        self._sandbox = sandbox
        self._engine = engine
        self._chance = random.Random(6)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._kill_workers, daemon=True)
        self.killed = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _kill_workers(self) -> None:
        while self.killed < KILLS and not self._stopping.wait(self._chance.uniform(1.5, 4)):
            for child in list(self._engine.group.children):
                if child.name == "worker-writebacks" and child.is_running():
                    child.process.kill()
                    self.killed += 1


def test_each_writeback_has_one_effect_whatever_is_killed(
    sandbox: RunningSandbox, endpoints: Endpoints, api_token: tuple[str, str]
) -> None:
    for rule in FAULTS:
        control = f"{endpoints.salesforce.control_url}/faults"
        httpx.post(control, json=rule, trust_env=False).raise_for_status()
    items = [
        {
            "object": "Case",
            "external_id": f"W-{record}",
            "key": f"{record}.{change}",
            "fields": {"Subject": f"{record}.{change}", "Status": "New"},
        }
        for change in range(CHANGES)
        for record in range(RECORDS)
    ]
    parts = [items[first : first + AT_ONCE] for first in range(0, len(items), AT_ONCE)]
    for number, part in enumerate(parts):
        submit(*api_token, part)
        if number == len(parts) // 3:
            restart_temporal(sandbox)
        if number == 2 * len(parts) // 3:
            restart_postgres(sandbox)
    with closing(WritebackStore(endpoints.operational.dsn)) as store:
        wait_until_settled(store)
        bodies, record_ids = read_org(sandbox)
        found = compare(store, bodies, record_ids)
        assert found.wrong() == []
        assert [row.key for row in found.rows] == [item["key"] for item in items]
        done = [row for row in found.rows if row.state == "done"]
        # A change log that is away for longer than the patience cannot tell what it was asked for.
        assert {row.code for row in found.rows if row.state != "done"} <= {"unknown_outcome"}
        assert len(done) > 0.99 * len(items)
        with store.begin() as connection:
            assert connection.execute(sa.select(WRITEBACK_CLAIM)).all() == []
            states = connection.execute(sa.select(WRITEBACK_BATCH.c.state).distinct()).scalars()
            assert set(states) == {"closed"}
    assert len(record_ids) == RECORDS
    assert broken_seals(endpoints.operational.dsn) == []


def submit(url: str, token: str, items: list[dict[str, Any]]) -> None:
    """Hand them in until they are accepted: the same keys are the same writebacks."""
    deadline = limit_in(60)
    while True:
        try:
            answer = httpx.post(
                f"{url}/v1/writebacks",
                json={"writebacks": items},
                headers={"Authorization": f"Bearer {token}"},
                timeout=10 * SLOWNESS,
                trust_env=False,
            )
            if answer.status_code == httpx.codes.ACCEPTED:
                assert answer.json()["refused"] == []
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, "the API accepts nothing"
        time.sleep(0.3)


def wait_until_settled(store: WritebackStore) -> None:
    open_ones = sa.select(sa.func.count()).where(WRITEBACK.c.state.in_(["waiting", "open"]))
    deadline = limit_in(300)
    while True:
        with store.begin() as connection:
            left = connection.execute(open_ones).scalar_one()
        if left == 0:
            return
        assert time.monotonic() < deadline, f"{left} are not settled"
        time.sleep(0.5)


def restart_temporal(sandbox: RunningSandbox) -> None:
    kill(sandbox, "temporal")
    where = sandbox.endpoints.temporal
    port, ui_port = (int(address.rsplit(":", 1)[1]) for address in (where.address, where.ui_url))
    start_temporal(sandbox.group, folder_of(sandbox) / "temporal", port=port, ui_port=ui_port)


def restart_postgres(sandbox: RunningSandbox) -> None:
    kill(sandbox, "postgres")
    port = sa.make_url(sandbox.endpoints.operational.dsn).port
    assert port is not None
    databases = (WAREHOUSE, OPERATIONAL)
    start_postgres(sandbox.group, folder_of(sandbox) / "postgres", port=port, databases=databases)


def kill(sandbox: RunningSandbox, name: str) -> None:
    """SIGKILL a part with everything that it has started."""
    child = next(child for child in sandbox.group.children if child.name == name)
    root = psutil.Process(child.process.pid)
    processes = [root, *root.children(recursive=True)]
    for process in processes:
        process.kill()
    child.process.wait()
    psutil.wait_procs(processes, timeout=10 * SLOWNESS)
    sandbox.group.discard(child)


def folder_of(sandbox: RunningSandbox) -> Path:
    return sandbox.group.folder.parent


def read_org(sandbox: RunningSandbox) -> tuple[list[bytes], dict[str, str]]:
    """Every event of the org, and external id -> record."""
    file = folder_of(sandbox) / "salesforce" / DATABASE_FILE
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        bodies = [body for (body,) in connection.execute("SELECT body FROM events ORDER BY rowid")]
        rows = connection.execute('SELECT ExternalId__c, Id FROM "Case" WHERE IsDeleted = 0').fetchall()
    assert len(dict(rows)) == len(rows), "a record was made twice"
    return bodies, dict(rows)
