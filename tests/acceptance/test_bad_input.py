"""Bad input and outages: each gets a quarantine row with its reason or a clear error, and nothing
else is lost.
"""

import time
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from cli.local.engine_processes import EngineProcesses
from cli.local.measurements import ledger_sums
from cli.local.sandbox import start_traffic, traffic_state
from cli.local.surge import org_state
from clients.warehouse.sql import apply as sql
from sandbox.endpoints import Endpoints
from sandbox.stack import RunningSandbox
from tests.support.builders.waiting import wait_for
from tests.support.engines.equal_records import wait_until_equal
from workers.clients import ProcessClients

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


IN_2100 = 4_102_444_800_000


def event(
    number: int,
    body: dict[str, Any],
    *,
    object_name: str = "Case",
    kind: str = "CREATE",
    record_id: str | None = None,
    committed_ms: int = 1_795_000_000_000,
) -> dict[str, Any]:
    header = {
        "entityName": object_name,
        "recordIds": [record_id or f"500Tg000000zz{number:02}AAA"],
        "changeType": kind,
        "changeOrigin": "",
        "transactionKey": f"bad-{number}",
        "sequenceNumber": 1,
        "commitTimestamp": committed_ms,
        "commitNumber": 9_000_000 + number,
        "commitUser": USER,
    }
    return {"schema": "x", "payload": {"ChangeEventHeader": header, **body}}


ODD: dict[str, dict[str, Any]] = {
    "unknown_field": event(1, WHOLE | {"Surprise__c": "x"}),
    "wrong_type": event(2, WHOLE | {"IsEscalated": "perhaps"}),
    "required": event(3, {key: value for key, value in WHOLE.items() if key != "Status"}),
    "too_long": event(5, WHOLE | {"Subject": "x" * 300}),
}
"""By rule: events with one field that does not fit."""
BAD: dict[str, dict[str, Any]] = {
    "unknown_object": {"data": event(4, {"Name": "x"}, object_name="Lead")},
    "needs_reread": {"data": event(6, {}, kind="GAP_UPDATE")},
    "bad_header": {"data": {"schema": "x", "payload": {"Status": "New"}}},
    "broken_message": {
        "raw": '{"schema":"x","payload":{"ChangeEventHeader":{"entityName":"Case",, "event":{"replayId":$REPLAY_ID}'
    },
}
"""By reason: messages that cannot be identified or ordered."""


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """CometD carries what Avro cannot say."""
    return {"lanes": [{"name": "changes", "channel": "/data/ChangeEvents", "transport": "cometd"}]}


def inject(endpoints: Endpoints, body: dict[str, Any]) -> None:
    address = f"{endpoints.salesforce.control_url}/inject"
    httpx.post(address, json={**body, "unchecked": True}, trust_env=False).raise_for_status()


def update(endpoints: Endpoints, name: str, record_id: str, body: dict[str, Any]) -> None:
    """As a user of the org does it."""
    org = endpoints.salesforce
    with httpx.Client(base_url=org.instance_url, trust_env=False) as http:
        form = {"client_id": org.client_id, "client_secret": org.client_secret}
        grant = http.post("/services/oauth2/token", data={"grant_type": "client_credentials", **form})
        token = grant.raise_for_status().json()["access_token"]
        path = f"/services/data/v{org.api_version}/sobjects/{name}/{record_id}"
        http.patch(path, json=body, headers={"Authorization": f"Bearer {token}"}).raise_for_status()


def test_one_odd_field_lands_without_its_value_and_a_bad_event_is_quarantined_with_its_reason(
    endpoints: Endpoints, engine: EngineProcesses, opened: ProcessClients, curated: psycopg.Connection
) -> None:
    control = endpoints.salesforce.control_url
    start_traffic(control, rate=6_000, seconds=6, seed=3)
    for body in (*({"data": data} for data in ODD.values()), *BAD.values()):
        inject(endpoints, body)
        time.sleep(0.2)
    wait_for(lambda: not traffic_state(control)["running"])
    injected = len(ODD) + len(BAD)
    query = f"SELECT reason, detail FROM {sql.QUARANTINE}".encode()
    wait_for(lambda: len(curated.execute(query).fetchall()) >= len(BAD))
    wait_for(lambda: ledger_sums(curated).landed >= org_state(endpoints)["changes_committed"] + injected)
    found: dict[str, str] = dict(curated.execute(query).fetchall())
    assert set(found) == set(BAD)
    assert all(len(detail) > 10 for detail in found.values())
    sums = ledger_sums(curated)
    assert sums.landed == sums.applied + sums.duplicate + sums.quarantined
    assert sums.quarantined == len(BAD)

    ids = {rule: data["payload"]["ChangeEventHeader"]["recordIds"][0] for rule, data in ODD.items()}
    # Records of the traffic may be waiting for a parent.
    noted = curated.execute(
        f"SELECT rule, severity, detail, resolved_at FROM {sql.QUALITY} WHERE record_id = '' OR record_id = ANY(%s)".encode(),
        [list(ids.values())],
    )
    findings = {rule: rest for rule, *rest in noted.fetchall()}
    assert set(findings) == set(ODD)
    assert {rule for rule, (severity, *_) in findings.items() if severity == "isolate"} == set(ODD) - {
        "required"
    }
    assert all(len(detail) > 10 and resolved_at is None for _, detail, resolved_at in findings.values())
    landed = curated.execute(
        b"SELECT record_id, unknown_fields, case_number FROM curated.case_current WHERE record_id = ANY(%s)",
        [list(ids.values())],
    )
    assert {row[0]: row[1:] for row in landed.fetchall()} == {
        ids["unknown_field"]: (None, WHOLE["CaseNumber"]),
        ids["wrong_type"]: ("is_escalated", WHOLE["CaseNumber"]),
        ids["required"]: (None, WHOLE["CaseNumber"]),
        ids["too_long"]: ("subject", WHOLE["CaseNumber"]),
    }
    isolated = curated.execute(f"SELECT SUM(isolated) FROM {sql.LEDGER}".encode()).fetchone()
    # A text of the traffic that is encrypted and came as a diff is read again.
    diffs = curated.execute(
        f"SELECT COUNT(*) FROM {sql.QUALITY} WHERE rule = 'diff_only'".encode()
    ).fetchone()
    assert isolated is not None
    assert diffs is not None
    # A record whose text changed twice has one finding.
    assert isolated[0] - 3 >= diffs[0]
    assert (isolated[0] > 3) == (diffs[0] > 0)
    # The org knows nothing of the injected records. That of the gap, read again, is a deleted one.
    strangers = {f"Case {record_id} is not in the org" for record_id in (*ids.values(), "500Tg000000zz06AAA")}
    wait_until_equal(endpoints, opened, but=strangers)


def test_a_commit_time_that_lies_ahead_is_quarantined_and_does_not_freeze_its_record(
    endpoints: Endpoints, engine: EngineProcesses, opened: ProcessClients, curated: psycopg.Connection
) -> None:
    control = endpoints.salesforce.control_url
    start_traffic(control, rate=3_000, seconds=1, seed=4)
    wait_for(lambda: not traffic_state(control)["running"])
    wait_for(lambda: ledger_sums(curated).landed >= org_state(endpoints)["changes_committed"])
    live = b"SELECT record_id FROM curated.case_current WHERE NOT is_deleted ORDER BY record_id LIMIT 1"
    ((record_id,),) = curated.execute(live).fetchall()
    ahead = event(7, {"Subject": "of 2100"}, kind="UPDATE", record_id=record_id, committed_ms=IN_2100)
    inject(endpoints, {"data": ahead})
    query = f"SELECT reason, record_id FROM {sql.QUARANTINE}".encode()
    wait_for(lambda: bool(curated.execute(query).fetchall()))
    assert curated.execute(query).fetchall() == [("ahead_of_clock", record_id)]

    update(endpoints, "Case", record_id, {"Subject": "of today"})
    subject = b"SELECT subject FROM curated.case_current WHERE record_id = %s"
    wait_for(lambda: curated.execute(subject, [record_id]).fetchall() == [("of today",)])
    wait_until_equal(endpoints, opened)


def test_outages_are_waited_out_and_nothing_is_lost(
    sandbox: RunningSandbox, engine: EngineProcesses, opened: ProcessClients, curated: psycopg.Connection
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
    wait_until_equal(endpoints, opened)
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
