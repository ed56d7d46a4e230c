"""The org's limits: calls a day, long calls at once, others' spending; and how it reports the
rest.
"""

import re

import pytest

from sandbox.org.data.identity import CONNECTED_APP
from sandbox.org.server.app import open_org
from tests.sandbox.org_in_process import client_of, long_calls_under_way, new_org

V = "/services/data/v67.0"
ANCHORED = re.compile(r"^api-usage=(\d+)/(\d+)$")
"""As the Singer tap reads it."""


@pytest.fixture
async def client(tmp_path):
    org = new_org(tmp_path)
    async with client_of(org) as client:
        vars(client)["org"] = org
        yield client


@pytest.fixture
async def app_client(client):
    """Logged in by the org's own connected app."""
    identity = client.org.identity
    form = {"client_id": identity.client_id, "client_secret": identity.client_secret}
    granted = await client.post("/services/oauth2/token", data={"grant_type": "client_credentials"} | form)
    client.headers["Authorization"] = f"Bearer {granted.json()['access_token']}"
    return client


async def test_logins_and_the_version_list_are_no_api_calls(app_client):
    await app_client.get("/services/data")
    await app_client.get("/services/oauth2/userinfo")
    assert app_client.org.meters.api_calls.used == 0


async def test_a_batch_counts_its_subrequests(client):
    batch = {"batchRequests": [{"method": "GET", "url": "v67.0/limits"}] * 3}
    await client.post(f"{V}/composite/batch", json=batch)
    assert client.org.meters.api_calls.used == 3


async def test_a_spent_quota_refuses_bulk_v1_in_its_own_words(app_client):
    await app_client.post("/sandbox/meters", json={"api_calls": {"maximum": 1, "used": 1}})
    answer = await app_client.get("/services/async/67.0/job/750000000000001AAA")
    assert answer.status_code == 400
    assert "<exceptionCode>ExceededQuota</exceptionCode>" in answer.text


async def test_calls_of_yesterday_are_forgotten_and_those_of_today_are_not(client):
    client.org.meters.api_calls.set_used(100)
    client.org.advance_clock(23 * 3_600)
    assert client.org.meters.api_calls.used == 100
    client.org.advance_clock(2 * 3_600)
    assert client.org.meters.api_calls.used == 0


async def test_counts_outlive_a_restart(tmp_path):
    org = new_org(tmp_path)
    org.meters.bulk_batches.set_used(7)
    org.store.close()
    again = open_org(tmp_path, edition="enterprise")
    assert again.meters.bulk_batches.used == 7
    again.store.close()


async def test_the_limit_header_is_the_plain_one_until_the_dial_tells_apps(app_client):
    plain = await app_client.get(f"{V}/limits")
    assert ANCHORED.match(plain.headers["sforce-limit-info"])
    await app_client.patch("/sandbox/dials", json={"limits": {"tell_apps": True}})
    await app_client.post("/sandbox/meters", json={"app_calls": {"maximum": 250, "used": 16}})
    told = (await app_client.get(f"{V}/limits")).headers["sforce-limit-info"]
    assert not ANCHORED.match(told)
    assert told.endswith(f"; per-app-api-usage=17/250(appName={CONNECTED_APP})")


async def test_limits_nest_the_app_within_the_daily_calls_when_the_dial_tells_apps(app_client):
    await app_client.patch("/sandbox/dials", json={"limits": {"tell_apps": True}})
    daily = (await app_client.get(f"{V}/limits")).json()["DailyApiRequests"]
    assert daily[CONNECTED_APP]["Max"] - daily[CONNECTED_APP]["Remaining"] == 1
    assert daily["Max"] - daily["Remaining"] == 1


async def test_calls_of_another_app_are_not_the_apps_own(client):
    await client.get(f"{V}/limits")  # its session came by no connected app
    assert (client.org.meters.api_calls.used, client.org.meters.app_calls.used) == (1, 0)


async def test_limits_tell_how_many_streaming_clients_are_left(client):
    handshake = {
        "channel": "/meta/handshake",
        "version": "1.0",
        "supportedConnectionTypes": ["long-polling"],
        "id": "1",
    }
    before = (await client.get(f"{V}/limits")).json()["DurableStreamingApiConcurrentClients"]
    assert before["Remaining"] == before["Max"]
    await client.post("/cometd/67.0", json=[handshake])
    after = (await client.get(f"{V}/limits")).json()["DurableStreamingApiConcurrentClients"]
    assert after["Remaining"] == after["Max"] - 1


async def test_long_calls_of_a_neighbour_leave_no_room_until_it_stops(client):
    await client.post("/sandbox/neighbour", json={"calls_per_minute": 0, "long_calls": 25})
    refused = await client.get(f"{V}/limits")
    assert (refused.status_code, refused.json()[0]["message"]) == (
        403,
        "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    )
    await client.delete("/sandbox/neighbour")
    assert (await client.get(f"{V}/limits")).is_success


async def test_a_neighbours_long_calls_leave_the_rest_of_the_room(client):
    await client.post("/sandbox/neighbour", json={"calls_per_minute": 0, "long_calls": 24})
    async with long_calls_under_way(client, client.org, 1) as calls:
        assert (await client.get(f"{V}/limits")).status_code == 403
    assert calls[0].result().is_success


async def test_a_refused_call_tells_what_is_left_too(client):
    await client.post("/sandbox/faults", json={"point": "http", "kind": "quota", "times": 1})
    refused = await client.get(f"{V}/limits")
    assert refused.status_code == 403
    assert ANCHORED.match(refused.headers["sforce-limit-info"])


# --- faults in the form of the API that was called


async def struck(client, method, path, **rule):
    await client.post(
        "/sandbox/faults",
        json={"point": "http", "kind": "status", "code": "SERVER_UNAVAILABLE", "message": "<busy>", **rule},
    )
    return await client.request(method, path)


async def test_a_soap_call_that_fails_gets_a_fault(client):
    answer = await struck(client, "POST", "/services/Soap/u/67.0", status=503)
    assert answer.status_code == 500
    assert "<faultcode>sf:SERVER_UNAVAILABLE</faultcode>" in answer.text
    assert "&lt;busy&gt;" in answer.text


async def test_a_login_that_fails_gets_an_object(client):
    answer = await struck(client, "POST", "/services/oauth2/token", status=400, code="rate_limit_exceeded")
    assert answer.json() == {"error": "rate_limit_exceeded", "error_description": "<busy>"}


async def test_a_bulk_v1_call_that_fails_gets_xml_or_json_as_the_client_speaks(client):
    answer = await struck(client, "GET", "/services/async/67.0/job/1", status=503)
    assert answer.status_code == 503
    assert "<exceptionCode>SERVER_UNAVAILABLE</exceptionCode>" in answer.text
    client.headers["Accept"] = "application/json"
    answer = await client.get("/services/async/67.0/job/1")
    assert answer.json() == {"exceptionCode": "SERVER_UNAVAILABLE", "exceptionMessage": "<busy>"}


@pytest.mark.parametrize("kind", ["status", "html"])
async def test_a_rule_can_ask_for_retry_after(client, kind):
    answer = await struck(client, "GET", f"{V}/limits", kind=kind, status=503, retry_after=30)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


async def test_no_retry_after_unless_a_rule_asks(client):
    assert "retry-after" not in (await struck(client, "GET", f"{V}/limits", status=503)).headers
