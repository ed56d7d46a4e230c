"""Change events as a subscriber sees them: a real org process, over HTTP."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import jwt
import pytest
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.client import Client
from aiosfstream_ng.replay import ReplayOption

from tests.support.builders.waiting import wait_for

pytestmark = pytest.mark.service

CASE = {"Status": "New", "Subject": "Heating", "Description": "Cold since Monday"}


def header(event):
    return event["payload"]["ChangeEventHeader"]


def newest(org):
    return org.control("GET", "/state")["events"]["newest_replay_id"]


def create(org, object_name="Case", **fields):
    answer = org.rest(
        "POST", f"/sobjects/{object_name}", {**(CASE if object_name == "Case" else {}), **fields}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def after(org, position, channel="/data/ChangeEvents"):
    return org.events(position, channel)


def test_create_carries_what_is_filled_in(org_process):
    start = newest(org_process)
    record_id = create(org_process)
    [event] = after(org_process, start)
    body = event["payload"]
    assert header(event)["recordIds"] == [record_id]
    assert (header(event)["changeType"], header(event)["entityName"]) == ("CREATE", "Case")
    assert header(event)["commitTimestamp"] % 1000 == 0
    assert body["Description"] == "Cold since Monday"
    assert body["CreatedDate"] == body["LastModifiedDate"]
    assert re.fullmatch(r"[-0-9]{10}T[:0-9]{8}Z", body["CreatedDate"])
    assert body["IsEscalated"] is False
    assert not {"AccountId", "Id", "SystemModstamp", "IsDeleted"} & set(body)


def test_update_carries_only_what_changed_and_a_nulled_field_as_null(org_process):
    record_id = create(org_process)
    start = newest(org_process)
    patch = {"Status": "Closed", "Description": None, "Subject": "Heating"}
    assert org_process.rest("PATCH", f"/sobjects/Case/{record_id}", patch).status_code == 204
    [event] = after(org_process, start)
    body = {name: value for name, value in event["payload"].items() if name != "ChangeEventHeader"}
    assert body.pop("LastModifiedDate")
    assert body == {"Status": "Closed", "IsClosed": True, "Description": None}


def test_update_that_changes_nothing_emits_nothing(org_process):
    record_id = create(org_process)
    start = newest(org_process)
    org_process.rest("PATCH", f"/sobjects/Case/{record_id}", {"Status": "New"})
    assert newest(org_process) == start


def test_delete_carries_its_header_only(org_process):
    record_id = create(org_process)
    start = newest(org_process)
    assert org_process.rest("DELETE", f"/sobjects/Case/{record_id}").status_code == 204
    [event] = after(org_process, start)
    assert list(event["payload"]) == ["ChangeEventHeader"]
    assert header(event)["changeType"] == "DELETE"


def test_compound_fields_are_nested(org_process):
    start = newest(org_process)
    create(org_process, "Contact", FirstName="Ada", LastName="Marsh", MailingCity="Northgate")
    [event] = after(org_process, start, "/data/ContactChangeEvent")
    assert event["payload"]["Name"] == {"FirstName": "Ada", "LastName": "Marsh"}
    assert event["payload"]["MailingAddress"] == {"City": "Northgate"}


def test_a_channel_of_one_object_carries_no_other(org_process):
    start = newest(org_process)
    create(org_process, "Contact", LastName="Okafor")
    record_id = create(org_process)
    [event] = after(org_process, start, "/data/CaseChangeEvent")
    assert header(event)["recordIds"] == [record_id]


def test_replay_minus_one_gives_only_what_comes(org_process):
    create(org_process)
    client_id = org_process.handshake()
    org_process.subscribe(client_id, "/data/ChangeEvents", -1)
    record_id = create(org_process)
    [event] = [message["data"] for message in org_process.connect(client_id) if "data" in message]
    assert header(event)["recordIds"] == [record_id]


def test_replay_minus_two_gives_all_that_is_held(org_process):
    create(org_process)
    held = org_process.control("GET", "/state")["events"]["held"]
    assert len(org_process.events(-2)) == held


def test_replay_n_gives_what_is_strictly_after_n(org_process):
    create(org_process)
    create(org_process)
    ids = [event["event"]["replayId"] for event in org_process.events(-2)]
    assert [event["event"]["replayId"] for event in org_process.events(ids[-3])] == ids[-2:]


@pytest.mark.parametrize(
    "replay", [pytest.param(7, id="older than any"), pytest.param(10**9, id="ahead of the newest")]
)
def test_replay_id_that_is_not_held_is_refused(org_process, replay):
    answer = org_process.subscribe(org_process.handshake(), "/data/ChangeEvents", replay)
    assert answer["error"].startswith(
        f"400::The replayId {{{replay}}} you provided was invalid.  Please provide a valid ID"
    )


def test_expired_replay_id_is_refused(new_org):
    org = new_org()
    create(org)
    create(org)
    position = org.events(-2)[0]["event"]["replayId"]
    org.control("POST", "/retention", {"seconds": 0})
    assert "was invalid" in org.subscribe(org.handshake(), "/data/ChangeEvents", position)["error"]
    assert org.subscribe(org.handshake(), "/data/ChangeEvents", newest(org))["successful"]


def test_replay_ids_go_on_after_a_kill(new_org):
    org = new_org()
    create(org)
    before = org.events(-2)
    org.kill()
    org.start()
    create(org)
    now = org.events(-2)
    assert now[:-1] == before
    assert now[-1]["event"]["replayId"] > before[-1]["event"]["replayId"]
    assert header(now[-1])["commitNumber"] > header(before[-1])["commitNumber"]


def test_stop_answers_held_connects_and_does_not_wait_for_events(new_org):
    org = new_org()
    client_id = org.handshake()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(org.connect, client_id)
        wait_for(lambda: org.control("GET", "/state")["cometd_held"] == 1)
        assert org.stop() == 0
        # Answered in order, long before the 110 s that a connect may be held: it was not cut off
        # either.
        assert [message["successful"] for message in held.result()] == [True]


def test_traffic_sends_what_it_says(new_org):
    org = new_org()
    org.control("POST", "/traffic", {"rate_per_minute": 60_000, "seconds": 0.5, "merged": 0.2, "diffs": 0.05})
    while (state := org.control("GET", "/traffic"))["running"]:
        time.sleep(0.05)
    events = org.events(-2)
    assert state["sent"] >= state["target"] == 500
    assert sum(len(header(event)["recordIds"]) for event in events) == state["sent"]
    assert any(len(header(event)["recordIds"]) >= 5 for event in events)
    ids = [event["event"]["replayId"] for event in events]
    assert ids == sorted(set(ids))


def test_all_records_can_be_read_for_verification(org_process):
    record_id = create(org_process)
    org_process.rest("DELETE", f"/sobjects/Case/{record_id}")
    lines = httpx.get(f"{org_process.url}/sandbox/records/Case").text.splitlines()
    assert any(record_id in line and '"IsDeleted":true' in line for line in lines)


@pytest.mark.parametrize(
    "text", ["{not json", '{"payload":{"ChangeEventHeader":{}},"event":{"replayId":$REPLAY_ID}}']
)
def test_injected_text_travels_as_it_is(new_org, text):
    org = new_org()
    replay_id = org.control("POST", "/inject", {"raw": text})["replay_id"]
    client_id = org.handshake()
    org.subscribe(client_id, "/data/ChangeEvents", -2)
    message = {"channel": "/meta/connect", "clientId": client_id, "connectionType": "long-polling"}
    answer = httpx.post(f"{org.url}/cometd/67.0", json=[message], headers=org.headers).text
    assert text.replace("$REPLAY_ID", str(replay_id)) in answer


def test_forgotten_client_is_told_to_shake_hands_again(org_process):
    client_id = org_process.handshake()
    org_process.control("POST", "/disconnect")
    [answer] = org_process.connect(client_id)
    assert answer["error"] == "403::Unknown client"
    assert answer["advice"] == {"interval": 0, "reconnect": "handshake"}


def test_expired_session_is_refused_on_connect(new_org):
    org = new_org()
    client_id = org.handshake()
    org.control("POST", "/sessions/expire")
    [answer] = org.connect(client_id)
    assert (answer["error"], answer["advice"]["reconnect"]) == ("401::Authentication invalid", "none")


def test_unknown_channel_is_refused(org_process):
    answer = org_process.subscribe(org_process.handshake(), "/data/NoSuchChangeEvent", -1)
    assert (
        answer["error"]
        == "400::The channel you requested to subscribe to doesn't exist {/data/NoSuchChangeEvent}"
    )


def test_version_is_mandatory(org_process):
    [answer] = org_process.cometd({"channel": "/meta/handshake"}, version="/")
    assert answer["error"].startswith("400::API version in the URI is mandatory.")


def test_handshake_without_authorization_is_denied(org_process):
    [answer] = org_process.cometd({"channel": "/meta/handshake"}, headers={})
    assert answer["error"] == "403::Handshake denied"
    assert answer["ext"]["sfdc"]["failureReason"] == "401::Request requires authentication"


def test_too_large_a_request_is_refused(org_process):
    [answer] = org_process.cometd({"channel": "/meta/handshake", "padding": "x" * 33_000})
    assert answer["error"] == "413::Maximum Request Size Exceeded"


@pytest.mark.parametrize("exp", [str(2_000_000_000), 1_700_000_000, 1_900_000_000_000])
def test_jwt_bearer_accepts_every_form_of_exp_that_clients_send(org_process, exp):
    who = org_process.identity
    key = Path(who["private_key_file"]).read_text()
    claims = {
        "iss": who["client_id"],
        "sub": who["username"],
        "aud": "https://test.salesforce.com",
        "exp": exp,
    }
    assertion = jwt.api_jws.encode(json.dumps(claims).encode(), key, "RS256")
    answer = org_process.grant(grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=assertion)
    assert answer.status_code == 200
    assert answer.json()["access_token"].startswith(who["org_id"][:15] + "!")
    assert answer.json()["instance_url"] == org_process.url


def test_wrong_refresh_token_is_an_invalid_grant(org_process):
    form = {
        "grant_type": "refresh_token",
        "client_id": org_process.identity["client_id"],
        "refresh_token": "no",
    }
    answer = org_process.grant(**form)
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_grant", "error_description": "expired access/refresh token"}


class _Login(AuthenticatorBase):
    def __init__(self, org) -> None:
        super().__init__()
        self._org = org

    async def _authenticate(self):
        who = self._org.identity
        names = ("client_id", "client_secret", "username", "password")
        answer = self._org.grant(grant_type="password", **{name: who[name] for name in names})
        return answer.status_code, answer.json()


async def test_aiosfstream_receives_every_event_once(new_org):
    org = new_org()
    org.control("POST", "/traffic", {"rate_per_minute": 60_000, "seconds": 1})
    received = 0
    async with Client(_Login(org), replay=ReplayOption.ALL_EVENTS) as client:
        await client.subscribe("/data/ChangeEvents")
        while received < 1_000:
            message = await client.receive()
            received += len(header(message["data"])["recordIds"])
    assert received == org.control("GET", "/state")["changes_committed"]


def test_a_connect_on_a_filtered_channel_is_held_until_something_passes(new_org):
    org = new_org()
    setup = "/tooling/sobjects/PlatformEventChannel"
    org.rest("POST", setup, {"FullName": "Few__chn", "Metadata": {"channelType": "data", "label": "Few"}})
    member = {
        "eventChannel": "Few__chn",
        "selectedEntity": "ContactChangeEvent",
        "filterExpression": "LastName = 'B'",
    }
    made = org.rest("POST", f"{setup}Member", {"FullName": "Few_chn_Contact", "Metadata": member})
    assert made.status_code == 201
    client_id = org.handshake()
    assert org.subscribe(client_id, "/data/Few__chn", -2)["successful"]
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(org.connect, client_id)
        for name in "AB":
            org.rest("POST", "/sobjects/Contact", {"LastName": name})
        [event] = [message["data"] for message in held.result() if "data" in message]
    assert event["payload"]["Name"] == {"LastName": "B"}
    used = org.rest("GET", "/limits").json()["DailyDeliveredPlatformEvents"]
    assert used["Max"] - used["Remaining"] == 1


def test_a_message_without_a_client_id_is_told_to_shake_hands(org_process):
    [answer] = org_process.cometd({"channel": "/meta/connect", "connectionType": "long-polling"})
    assert answer["error"] == "403::Client has not completed handshake"
    assert answer["advice"]["reconnect"] == "handshake"
