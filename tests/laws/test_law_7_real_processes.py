"""Law 7 in the logs of real processes: no mark is in them, at level DEBUG.

Marks travel in change events and in writebacks by external id, whose look-ups have the id in
their query. A lost answer, a refusal and a killed worker add the lines of failures.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from cli.api import new_token
from cli.local.engine_processes import EngineProcesses, settings_of
from cli.local.surge import wait_for_followers
from cli.local.up import DELIVERED_EVENTS
from cli.state import settings_file
from clients.writeback.store import WritebackStore
from clients.writeback.tables import WRITEBACK
from sandbox.endpoints import Endpoints
from sandbox.ports import free_port
from sandbox.stack import RunningSandbox, running_sandbox
from schemas.access import CallerRole
from tests.support.builders.waiting import SLOWNESS, wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow]

MARK = "Zq7Personal"
FAULTS = (
    {"point": "http", "kind": "reset_after", "match": "/composite/sobjects", "times": 2},
    {"point": "http", "kind": "status", "match": "/queryAll", "times": 1, "status": 503},
)
ITEMS: list[dict[str, Any]] = [
    {
        "object": "Case",
        "external_id": f"{MARK}-{number}",
        "key": f"k{number}",
        "fields": {"Subject": f"{MARK} subject", "Status": "New" if number else f"{MARK} no choice"},
    }
    for number in range(6)
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with tempfile.TemporaryDirectory(prefix="tidegate-law7-") as folder:
        # The PostgreSQL server runs as another user and must be able to enter.
        Path(folder).chmod(0o755)
        with running_sandbox(Path(folder), allow={"delivered_events": DELIVERED_EVENTS}) as running:
            yield running


@pytest.fixture(scope="module")
def travelled(sandbox: RunningSandbox) -> Path:
    """The folder of the logs of an engine that has carried marks in and out."""
    folder, port = sandbox.group.folder.parent, free_port()
    token, entry = new_token("submitter", CallerRole.WRITER)
    settings = settings_of(sandbox.endpoints) | {
        "api": {"port": port, "tokens": [entry]},
        "writeback": {"linger": "PT1S", "settled_after": "PT8S", "patience": "PT20S"},
        "log": {"level": "DEBUG"},
    }
    settings_file(folder).touch(mode=0o600)
    settings_file(folder).write_text(json.dumps(settings))
    engine = EngineProcesses(folder / "logs" / "engine", settings_file(folder))
    engine.start()
    engine.start_api()
    try:
        wait_for_followers(sandbox.endpoints)
        for rule in FAULTS:
            control = f"{sandbox.endpoints.salesforce.control_url}/faults"
            httpx.post(control, json=rule, trust_env=False).raise_for_status()
        submit(f"http://127.0.0.1:{port}", token)
        create_contact(sandbox.endpoints)
        next(each for each in engine.group.children if each.name == "worker-batches").process.kill()
        with closing(WritebackStore(sandbox.endpoints.operational.dsn)) as store:
            wait_for(lambda: not still_open(store), seconds=90, every=0.5)
        wait_for(lambda: b"queryAll" in logs_of(folder / "logs" / "engine"), seconds=30, every=0.5)
    finally:
        engine.stop()
    return folder / "logs" / "engine"


def submit(url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}

    def is_accepted() -> bool:
        try:
            answer = httpx.post(
                f"{url}/v1/writebacks",
                json={"writebacks": ITEMS},
                headers=headers,
                timeout=10 * SLOWNESS,
                trust_env=False,
            )
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.ACCEPTED

    wait_for(is_accepted, every=0.5)
    # A path that no route has, with a value in it.
    httpx.get(f"{url}/v1/writebacks/{MARK}/{MARK}?key={MARK}", headers=headers, trust_env=False)
    httpx.get(f"{url}/v1/ledger/{MARK}?key={MARK}", trust_env=False)


def create_contact(endpoints: Endpoints) -> None:
    """As a user of the org does it; its event carries the marks."""
    org = endpoints.salesforce
    with httpx.Client(base_url=org.instance_url, trust_env=False) as http:
        form = {"client_id": org.client_id, "client_secret": org.client_secret}
        grant = http.post("/services/oauth2/token", data={"grant_type": "client_credentials", **form})
        token = grant.raise_for_status().json()["access_token"]
        http.post(
            f"/services/data/v{org.api_version}/sobjects/Contact",
            json={"LastName": MARK, "Email": f"{MARK}@example.org"},
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()


def still_open(store: WritebackStore) -> int:
    query = sa.select(sa.func.count()).where(WRITEBACK.c.state.in_(["waiting", "open"]))
    with store.begin() as connection:
        return connection.execute(query).scalar_one()


def logs_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.glob("*.log")))


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """The JSON lines of every process; what `say` prints is no log line."""
    return [orjson.loads(line) for line in logs_of(folder).splitlines() if line.startswith(b"{")]


def test_no_mark_is_in_the_logs_of_real_processes(travelled: Path) -> None:
    for file in sorted(travelled.glob("*.log")):
        found = [line for line in file.read_text().splitlines() if MARK.lower() in line.lower()]
        assert found == [], file.name


def test_every_call_by_external_id_has_a_line_of_our_own(travelled: Path) -> None:
    calls = [each["facts"] for each in lines_of(travelled) if each["logger"] == "clients.salesforce.call_log"]
    by_id = [each for each in calls if each["route"].endswith("/queryAll")]
    assert by_id
    assert {each.get("status") for each in by_id} >= {200}
    assert all(set(each) <= {"method", "route", "status", "ms", "lease_class", "error"} for each in calls)


def test_lines_of_a_step_name_their_batch_and_the_batchs_trace(travelled: Path) -> None:
    steps = [each for each in lines_of(travelled) if each.get("activity") == "send_writebacks"]
    assert steps
    assert all(each["batch"].startswith("Case/") and len(each["trace_id"]) == 32 for each in steps)


def test_other_lines_than_json_are_the_words_of_the_command_alone(travelled: Path) -> None:
    others = {line for line in logs_of(travelled).splitlines() if line and not line.startswith(b"{")}
    assert all(line.endswith(b"is ready") for line in others), others
