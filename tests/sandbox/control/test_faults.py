"""Scripted faults, over a socket where the connection itself is at stake."""

from collections.abc import Iterator

import httpx
import pytest

from tests.sandbox.conftest import OrgProcess
from tests.sandbox.org_in_process import client_of, long_calls_under_way, new_org
from tests.support.builders.waiting import until

V = "/services/data/v67.0"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrgProcess]:
    org = OrgProcess(tmp_path_factory.mktemp("org"))
    org.start()
    assert org.headers, (
        "logged in before any fault is in force: one that strikes every call would strike the login"
    )
    yield org
    org.end()


@pytest.fixture
def faults(process: OrgProcess):
    def add(**rule):
        answer = httpx.post(f"{process.url}/sandbox/faults", json={"point": "http", **rule})
        assert answer.status_code == 200, answer.text

    yield add
    httpx.delete(f"{process.url}/sandbox/faults")


def names(process: OrgProcess) -> list[str]:
    answer = httpx.get(f"{process.url}/sandbox/records/Account").text.splitlines()
    import json

    return [json.loads(line)["Name"] for line in answer]


def post(process: OrgProcess, name: str) -> httpx.Response:
    return httpx.post(f"{process.url}{V}/sobjects/Account", json={"Name": name}, headers=process.headers)


def test_a_reset_before_leaves_nothing_written(process, faults):
    faults(kind="reset_before", match="POST /services/data", times=1)
    with pytest.raises(httpx.TransportError):
        post(process, "before")
    assert "before" not in names(process)


def test_a_reset_after_has_written_what_the_client_never_heard_of(process, faults):
    faults(kind="reset_after", match="POST /services/data", times=1)
    with pytest.raises(httpx.TransportError):
        post(process, "after")
    assert names(process).count("after") == 1


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_reset_is_a_reset_and_no_orderly_end(process, faults, kind):
    faults(kind=kind, times=1)
    with pytest.raises(httpx.ReadError, match="reset"):
        httpx.get(f"{process.url}{V}/limits", headers=process.headers)


def test_a_truncated_answer_ends_in_the_middle(process, faults):
    faults(kind="truncate", match="/sobjects/Account/describe", times=1)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{process.url}{V}/sobjects/Account/describe", headers=process.headers)
    again = httpx.get(f"{process.url}{V}/sobjects/Account/describe", headers=process.headers)
    assert again.json()["name"] == "Account"


def test_a_status_is_salesforces_array_and_strikes_as_often_as_it_says(process, faults):
    faults(kind="status", status=503, code="SERVER_UNAVAILABLE", message="busy", times=2)
    codes = [httpx.get(f"{process.url}{V}/limits", headers=process.headers).status_code for _ in range(3)]
    assert codes == [503, 503, 200]


def test_a_maintenance_page_is_html(process, faults):
    faults(kind="html", status=503, times=1)
    answer = httpx.get(f"{process.url}{V}/limits", headers=process.headers)
    assert answer.headers["content-type"].startswith("text/html")


def test_the_same_seed_meets_the_same_trouble(process, faults):
    def codes():
        httpx.delete(f"{process.url}/sandbox/faults")
        faults(kind="status", status=500, probability=0.5, seed=7)
        return [httpx.get(f"{process.url}{V}/limits", headers=process.headers).status_code for _ in range(12)]

    first = codes()
    assert {200, 500} == set(first)
    assert codes() == first


def test_an_unknown_kind_is_refused_with_those_that_there_are(process):
    answer = httpx.post(f"{process.url}/sandbox/faults", json={"point": "stream", "kind": "burn"})
    assert answer.status_code == 400
    assert "it has cut" in answer.json()["error"]


@pytest.fixture
async def client(tmp_path):
    org = new_org(tmp_path)
    async with client_of(org) as opened:
        vars(opened)["org"] = org
        yield opened


async def test_an_expired_session_is_refused_as_one(client):
    await client.post("/sandbox/faults", json={"point": "http", "kind": "expire_session", "times": 1})
    answer = await client.get(f"{V}/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


async def test_a_row_fault_fails_single_rows(client):
    rule = {
        "point": "row",
        "kind": "error",
        "match": "Account",
        "code": "UNABLE_TO_LOCK_ROW",
        "message": "m",
        "fields": ["Name"],
        "after": 1,
    }
    await client.post("/sandbox/faults", json=rule | {"times": 1})
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in "ABC"]
    answer = await client.post(f"{V}/composite/sobjects", json={"records": records})
    assert [row["success"] for row in answer.json()] == [True, False, True]
    assert answer.json()[1]["errors"][0]["fields"] == ["Name"]


async def test_too_many_long_calls_refuse_the_next_one(client):
    async with long_calls_under_way(client, client.org, 25) as calls:
        refused = await client.get(f"{V}/limits")
    assert refused.json() == [
        {
            "message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            "errorCode": "REQUEST_LIMIT_EXCEEDED",
        }
    ]
    assert {call.result().status_code for call in calls} == {201}


# --- the control plane


async def test_dials_turn_one_by_one_and_a_wrong_value_turns_none(client):
    answer = await client.patch(
        "/sandbox/dials", json={"bulk": {"hold": True}, "records": {"chunk_seconds": 1}}
    )
    assert (answer.json()["bulk"]["hold"], answer.json()["records"]["chunk_seconds"]) == (True, 1)
    wrong = await client.patch("/sandbox/dials", json={"bulk": {"hold": False, "page_rows": 0}})
    assert wrong.status_code == 400
    assert client.org.dials.bulk.hold is True
    unknown = await client.patch("/sandbox/dials", json={"bulk": {"speed": 1}})
    assert unknown.status_code == 400


async def test_the_clock_moves_for_everything_at_once(client):
    before = client.org.clock.seconds()
    await client.post("/sandbox/clock", json={"advance_seconds": 7_300})
    assert client.org.clock.seconds() - before >= 7_300
    assert (await client.get(f"{V}/limits")).status_code == 401


async def test_meters_are_read_and_set(client):
    answer = await client.post("/sandbox/meters", json={"bulk_batches": {"maximum": 5, "used": 4}})
    assert answer.json()["bulk_batches"] == {"maximum": 5, "used": 4, "refused": 0}
    assert (await client.get(f"{V}/limits")).json()["DailyBulkApiBatches"] == {"Max": 5, "Remaining": 1}
    assert (await client.post("/sandbox/meters", json={"nothing": {}})).status_code == 400


async def test_a_neighbour_spends_from_the_same_quota_by_the_orgs_clock(client):
    used = client.org.meters.api_calls.used

    async def has_spent(calls: int) -> bool:
        return client.org.meters.api_calls.used - used >= calls

    await client.post("/sandbox/neighbour", json={"calls_per_minute": 600})
    await until(lambda: has_spent(1))
    client.org.advance_clock(600)
    await until(lambda: has_spent(6_000))
    state = (await client.delete("/sandbox/neighbour")).json()
    assert state["spent"] >= 6_000


async def test_old_records_are_filled_in_without_events(client):
    answer = await client.post("/sandbox/fill", json={"object": "Account", "records": 5_301})
    assert answer.json() == {"object": "Account", "made": 5_301}
    soql = "SELECT COUNT_DISTINCT(ExternalId__c) n, COUNT(Id) all FROM Account"
    [counted] = (await client.get(f"{V}/query", params={"q": soql})).json()["records"]
    assert (counted["n"], counted["all"]) == (5_301, 5_301)
    assert client.org.bus.held == 0
    assert client.org.counts["Account"] == 5_301


async def test_a_reset_empties_the_org_and_ends_its_troubles(client):
    await client.post(f"{V}/sobjects/Account", json={"Name": "A"})
    await client.post("/sandbox/faults", json={"point": "http", "kind": "quota"})
    await client.patch("/sandbox/dials", json={"bulk": {"hold": True}})
    job = {"operation": "insert", "object": "Account"}
    await client.post(f"{V}/jobs/ingest", json=job)
    position = client.org.bus.newest
    assert (await client.post("/sandbox/reset")).json()["records"]["Account"] == 0
    answer = await client.get(f"{V}/query", params={"q": "SELECT COUNT() FROM Account"})
    assert answer.json()["totalSize"] == 0
    assert (await client.get(f"{V}/jobs/ingest")).json()["records"] == []
    assert client.org.dials.bulk.hold is False
    assert client.org.bus.newest == client.org.bus.purged_through >= position
