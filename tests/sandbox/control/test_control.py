"""The control plane: wrong requests change nothing, and are refused in a sentence."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.sandbox.org_in_process import client_of, new_org

V = "/services/data/v67.0"


@pytest.fixture
async def client(tmp_path):
    org = new_org(tmp_path)
    async with client_of(org) as client:
        vars(client)["org"] = org
        yield client


async def test_one_unknown_meter_changes_none(client):
    answer = await client.post("/sandbox/meters", json={"bulk_rows": {"maximum": 1}, "speed": {"maximum": 1}})
    assert answer.status_code == 400
    assert "api_calls" in answer.json()["error"]
    assert client.org.meters.bulk_rows.maximum > 1


async def test_one_wrong_number_changes_no_meter(client):
    changes = {"bulk_rows": {"maximum": 1}, "bulk_batches": {"maximum": -1}}
    assert (await client.post("/sandbox/meters", json=changes)).status_code == 400
    assert client.org.meters.bulk_rows.maximum > 1


@pytest.mark.parametrize("body", [{"bulk": True}, {"bulk": [1]}, {"speed": {"x": 1}}])
async def test_what_is_no_family_of_dials_is_refused_in_a_sentence(client, body):
    answer = await client.patch("/sandbox/dials", json=body)
    assert answer.status_code == 400
    assert next(iter(body)) in answer.json()["error"]


@pytest.mark.parametrize("rule", [{"point": "http", "kind": "fire"}, {"point": "moon", "kind": "error"}])
async def test_an_unknown_fault_is_refused(client, rule):
    assert (await client.post("/sandbox/faults", json=rule)).status_code == 400
    assert (await client.get("/sandbox/faults")).json()["rules"] == []


async def test_one_wrong_rule_of_a_list_arms_none(client):
    rules = [{"point": "http", "kind": "quota"}, {"point": "http", "kind": "fire"}]
    assert (await client.post("/sandbox/faults", json=rules)).status_code == 400
    assert (await client.get("/sandbox/faults")).json()["rules"] == []


async def test_a_bulk_v1_caller_loses_the_session_of_its_own_header(client):
    token = client.headers["authorization"].split()[1]
    await client.post("/sandbox/faults", json={"point": "http", "kind": "expire_session", "times": 1})
    headers = {"X-SFDC-Session": token, "Authorization": ""}
    await client.get("/services/async/67.0/job/750000000000001", headers=headers)
    assert (await client.get(f"{V}/limits")).status_code == 401


async def test_every_answer_tells_the_orgs_time_and_not_the_machines(client):
    client.org.advance_clock(7_200)
    told = parsedate_to_datetime((await client.get(f"{V}/limits")).headers["Date"])
    ahead = told - datetime.now(UTC)
    assert timedelta(seconds=7_190) < ahead <= timedelta(seconds=7_200)
