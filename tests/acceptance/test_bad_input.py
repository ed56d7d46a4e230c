"""Bad input and outages: each gets a quarantine row with its reason or a clear error, and nothing else is lost."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from cli.comparison import compare_all
from cli.engine_processes import EngineProcesses
from cli.measures import ledger_sums
from cli.sandbox_commands import start_traffic, traffic_state
from cli.surge import org_state
from clients.warehouse import statements as sql
from sandbox.endpoints import Endpoints
from sandbox.stack import RunningSandbox
from workers.parts import Parts

pytestmark = [pytest.mark.service, pytest.mark.slow]

USER = "005Tg0000000001AAA"
WHOLE = {
    "CaseNumber": "C-1",
    "Status": "New",
    "CreatedDate": "2026-11-01T00:00:00.000Z",
    "CreatedById": USER,
    "LastModifiedDate": "2026-11-01T00:00:00.000Z",
    "LastModifiedById": USER,
}


def event(
    number: int, body: dict[str, Any], *, object_name: str = "Case", kind: str = "CREATE"
) -> dict[str, Any]:
    header = {
        "entityName": object_name,
        "recordIds": [f"500Tg000000zz{number:02}AAA"],
        "changeType": kind,
        "changeOrigin": "",
        "transactionKey": f"bad-{number}",
        "sequenceNumber": 1,
        "commitTimestamp": 1_795_000_000_000,
        "commitNumber": 9_000_000 + number,
        "commitUser": USER,
    }
    return {"schema": "x", "payload": {"ChangeEventHeader": header, **body}}


BAD = {
    "unknown_field": {"data": event(1, WHOLE | {"Surprise__c": "x"})},
    "wrong_type": {"data": event(2, WHOLE | {"IsEscalated": "perhaps"})},
    "missing_required": {"data": event(3, {key: value for key, value in WHOLE.items() if key != "Status"})},
    "unknown_object": {"data": event(4, {"Name": "x"}, object_name="Lead")},
    "too_long": {"data": event(5, WHOLE | {"Subject": "x" * 300})},
    "needs_reread": {"data": event(6, {}, kind="GAP_UPDATE")},
    "bad_header": {"data": {"schema": "x", "payload": {"Status": "New"}}},
    "broken_message": {
        "raw": '{"schema":"x","payload":{"ChangeEventHeader":{"entityName":"Case",, "event":{"replayId":$REPLAY_ID}'
    },
}


def test_each_bad_event_is_quarantined_with_its_reason_and_the_good_ones_go_on(
    endpoints: Endpoints, engine: EngineProcesses, opened: Parts, curated: psycopg.Connection
) -> None:
    control = endpoints.salesforce.control_url
    start_traffic(control, rate=6_000, seconds=6, seed=3)
    for body in BAD.values():
        httpx.post(f"{control}/inject", json={**body, "unchecked": True}, trust_env=False).raise_for_status()
        time.sleep(0.2)
    wait_for(lambda: not traffic_state(control)["running"])
    query = f"SELECT reason, detail FROM {sql.QUARANTINE}".encode()
    wait_for(lambda: len(curated.execute(query).fetchall()) >= len(BAD))
    wait_for(lambda: ledger_sums(curated).landed >= org_state(endpoints)["changes_committed"] + len(BAD))
    found: dict[str, str] = dict(curated.execute(query).fetchall())
    assert set(found) == set(BAD)
    assert all(len(detail) > 10 for detail in found.values())
    sums = ledger_sums(curated)
    assert sums.landed == sums.applied + sums.duplicate + sums.quarantined
    assert sums.quarantined == len(BAD)
    compared = compare_all(control, endpoints.warehouse.dsn, opened.catalogue, opened.protector)
    # Of the gap's record the org knows nothing: read again, it is a deleted one.
    assert set(compared.shown) <= {"Case 500Tg000000zz06AAA is not in the org"}


def test_outages_are_waited_out_and_nothing_is_lost(
    sandbox: RunningSandbox, engine: EngineProcesses, opened: Parts, curated: psycopg.Connection
) -> None:
    endpoints = sandbox.endpoints
    control = endpoints.salesforce.control_url
    start_traffic(control, rate=6_000, seconds=40, seed=5)
    for part in ("s3", "postgres"):
        time.sleep(3)
        with Frozen(sandbox, part):
            # Longer than a heartbeat may be missed: its activities are given to others.
            time.sleep(15)
    wait_for(lambda: not traffic_state(control)["running"])
    wait_for(lambda: ledger_sums(curated).landed >= org_state(endpoints)["changes_committed"], seconds=90)
    compared = compare_all(control, endpoints.warehouse.dsn, opened.catalogue, opened.protector)
    assert compared.shown == []
    assert ledger_sums(curated).quarantined == 0


class Frozen:
    """A part that hangs: connections are taken and not answered, the hardest kind of outage."""

    def __init__(self, sandbox: RunningSandbox, part: str) -> None:
        child = next(child for child in sandbox.group.children if child.name == part)
        root = psutil.Process(child.process.pid)
        self._processes = [root, *root.children(recursive=True)]

    def __enter__(self) -> None:
        for process in self._processes:
            process.suspend()

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.resume()


def wait_for(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.3)
