"""Platform events: defined, published by REST and Pub/Sub, delivered to CometD and Pub/Sub, counted
(Platform Events Developer Guide, "Publish Event Messages with Salesforce APIs", "Platform Event
Allocations"; Pub/Sub API Guide, "Publish RPC Method", "PublishStream RPC Method").
"""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from sandbox.org.data.identity import IDENTITY_FILE
from sandbox.org.events.platform_events import PlatformEvent, decoded, encoded
from sandbox.org.permissions.rights import Rights
from sandbox.org.state.org import Org
from schemas.eventbus import pubsub_api_pb2 as wire
from tests.sandbox.org_in_process import client_of
from tests.sandbox.pubsub_client import Client, running
from tests.sandbox.rest.test_soap import call
from tests.sandbox.rest_client import V, error

TOPIC = "/event/Order__e"
ORDER = {
    "name": "Order__e",
    "fields": [
        {"name": "Number__c", "type": "Text", "length": 10, "required": True},
        {"name": "Paid__c", "type": "Checkbox"},
        {"name": "Total__c", "type": "Number"},
        {"name": "At__c", "type": "DateTime"},
    ],
}
BODY = {"Number__c": "A-1", "Paid__c": True, "Total__c": 12, "At__c": "2026-01-02T03:04:05.000Z"}


@pytest.fixture
async def client(org):
    async with client_of(org) as found:
        assert (await found.post("/sandbox/platform-events", json=ORDER)).status_code == 200
        yield found


def delivered(org, name="/event/Order__e") -> list[dict[str, Any]]:
    channel = org.channels.find(name)
    assert channel is not None
    found, _ = org.channels.read(channel, org.bus.purged_through, (100, 10**7))
    return [orjson.loads(each.data) for each in found]


async def test_a_message_that_is_published_by_rest_is_on_its_own_channel_alone(client, org):
    answer = await client.post(f"{V}/sobjects/Order__e", json=BODY)
    body = answer.json()
    assert (answer.status_code, body["success"]) == (201, True)
    assert body["errors"][0]["statusCode"] == "OPERATION_ENQUEUED"
    [message] = delivered(org)
    assert message["event"]["EventUuid"] == body["errors"][0]["message"]
    assert message["event"]["replayId"] == org.bus.newest
    assert message["payload"].pop("CreatedDate")
    assert message["payload"] == {**BODY, "CreatedById": org.identity.user_id}
    org.create("Case", {"Status": "New"})
    assert len(delivered(org)) == len(delivered(org, "/data/ChangeEvents")) == 1


async def test_replay_ids_of_both_kinds_of_events_grow_on_one_bus(client, org):
    for number in range(2):
        await client.post(f"{V}/sobjects/order__E", json={"Number__c": f"{number}"})
        org.create("Case", {"Status": "New"})
    first, second = (each["event"]["replayId"] for each in delivered(org))
    assert first < second
    channel = org.channels.find("/event/Order__e")
    found, _ = org.channels.read(channel, first, (100, 10**7))
    assert [each.replay_id for each in found] == [second]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Number__c": "A", "Nothing__c": 1}, "INVALID_FIELD"),
        ({"Paid__c": True}, "REQUIRED_FIELD_MISSING"),
        ({"Number__c": "12345678901"}, "STRING_TOO_LONG"),
        ({"Number__c": "A", "At__c": "soon"}, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
    ],
)
async def test_a_message_that_the_event_has_not_is_refused_and_not_sent(client, org, body, code):
    assert error(await client.post(f"{V}/sobjects/Order__e", json=body))["errorCode"] == code
    assert (delivered(org), org.meters.published_events.used) == ([], 0)


async def test_messages_count_when_published_and_when_delivered(client, org):
    org.meters.published_events.maximum = 2
    before = org.meters.delivered_events.used
    for _ in range(2):
        await client.post(f"{V}/sobjects/Order__e", json=BODY)
    assert error(await client.post(f"{V}/sobjects/Order__e", json=BODY))["errorCode"] == "LIMIT_EXCEEDED"
    assert len(delivered(org)) == 2
    assert org.meters.delivered_events.used == before + 2
    limits = (await client.get(f"{V}/limits")).json()
    assert limits["HourlyPublishedPlatformEvents"] == {"Max": 2, "Remaining": 0}
    org.advance_clock(3_600)
    assert org.meters.published_events.used == 0


async def test_cometd_follows_a_platform_event_from_a_replay_id(client, org):
    await client.post(f"{V}/sobjects/Order__e", json=BODY)
    [hello] = (await client.post("/cometd/67.0", json=[{"channel": "/meta/handshake"}])).json()
    me = {"clientId": hello["clientId"]}
    asked = {**me, "channel": "/meta/subscribe", "subscription": "/event/Order__e"}
    replay = {"ext": {"replay": {"/event/Order__e": -2}}}
    [answer] = (await client.post("/cometd/67.0", json=[{**asked, **replay}])).json()
    assert answer["successful"], answer
    connect = {**me, "channel": "/meta/connect", "connectionType": "long-polling"}
    messages = (await client.post("/cometd/67.0", json=[connect])).json()
    [message] = [each for each in messages if "data" in each]
    assert (message["channel"], message["data"]["payload"]["Number__c"]) == ("/event/Order__e", "A-1")


async def test_a_changed_event_has_another_schema_and_old_messages_keep_theirs(client, org):
    await client.post(f"{V}/sobjects/Order__e", json=BODY)
    more = {**ORDER, "fields": [*ORDER["fields"], {"name": "Note__c", "type": "LongTextArea"}]}
    changed = (await client.post("/sandbox/platform-events", json=more)).json()["schema"]
    await client.post(f"{V}/sobjects/Order__e", json={**BODY, "Note__c": "x"})
    old, new = delivered(org)
    assert (old["schema"] != changed, new["schema"]) == (True, changed)
    named = (await client.get(f"{V}/sobjects/Order__e/eventSchema?payloadFormat=COMPACT")).json()
    assert (named["uuid"], named["fields"][-1]["name"]) == (changed, "Note__c")


async def test_a_reset_forgets_the_definitions(client, org):
    org.reset()
    assert org.channels.find("/event/Order__e") is None
    assert (await client.post(f"{V}/sobjects/Order__e", json=BODY)).status_code == 404


async def test_an_event_is_described_by_any_spelling_of_its_name(client):
    """Object Reference, "Supported Calls" of platform events: create(), describeSObjects()."""
    told = (await client.get(f"{V}/sobjects/order__E/describe/")).json()
    allowed = {
        "createable",
        "queryable",
        "updateable",
        "deletable",
        "retrieveable",
        "custom",
        "customSetting",
    }
    assert {name for name in allowed if told[name]} == {"createable", "custom"}
    assert (told["name"], told["label"], told["keyPrefix"]) == ("Order__e", "Order", "e00")
    fields = {each["name"]: each for each in told["fields"]}
    given = ["ReplayId", "CreatedDate", "CreatedById", "EventUuid"]
    assert list(fields) == [*given, "Number__c", "Paid__c", "Total__c", "At__c"]
    kinds = [(each["type"], each["length"]) for each in fields.values()]
    assert kinds[:5] == [
        ("string", 1_000), ("datetime", 0), ("reference", 18), ("string", 36), ("string", 10),
    ]  # fmt: skip
    assert [name for name in fields if not fields[name]["createable"]] == given
    assert not any(each["filterable"] or each["updateable"] for each in fields.values())
    assert [name for name in fields if not fields[name]["nillable"]] == [
        "CreatedDate", "CreatedById", "Number__c", "Paid__c",
    ]  # fmt: skip


async def test_events_are_listed_each_with_a_key_prefix_of_its_own_that_ids_begin_with(client, org):
    for name in ("Another__e", "Order__e"):
        await client.post("/sandbox/platform-events", json={**ORDER, "name": name})
    listed = {each["name"]: each for each in (await client.get(f"{V}/sobjects")).json()["sobjects"]}
    assert [listed[name]["keyPrefix"] for name in ("Order__e", "Another__e")] == ["e00", "e01"]
    assert listed["Order__e"]["urls"]["describe"] == f"{V}/sobjects/Order__e/describe"
    assert (await client.get(f"{V}/sobjects/Another__e")).json()["objectDescribe"] == listed["Another__e"]
    made = (await client.post(f"{V}/sobjects/Another__e", json=BODY)).json()["id"]
    assert (made[:3], len(made)) == ("e01", 18)


async def test_describe_says_that_it_has_changed_when_an_event_has(client):
    before = (await client.get(f"{V}/sobjects/Order__e/describe")).headers["last-modified"]
    unchanged = {"If-Modified-Since": before}
    path = f"{V}/sobjects/Order__e/describe"
    assert (await client.get(path, headers=unchanged)).status_code == 304
    more = {**ORDER, "fields": [*ORDER["fields"], {"name": "Note__c", "type": "LongTextArea"}]}
    await client.post("/sandbox/platform-events", json=more)
    answer = await client.get(path, headers=unchanged)
    assert (answer.status_code, answer.json()["fields"][-1]["name"]) == (200, "Note__c")


async def test_an_event_cannot_be_queried(client):
    answer = await client.get(f"{V}/query", params={"q": "SELECT Id FROM Order__e"})
    assert error(answer)["errorCode"] == "INVALID_TYPE"


async def test_soap_describes_an_event(client):
    answer = await call(client, "describeSObject", "<sObjectType>ORDER__e</sObjectType>")
    assert (answer.status_code, "<keyPrefix>e00</keyPrefix>" in answer.text) == (200, True), answer.text


async def test_the_event_of_an_object_that_a_user_may_not_read_is_neither_listed_nor_described(client, org):
    org.give_rights(Rights(objects={"Case": "none"}))
    listed = {each["name"] for each in (await client.get(f"{V}/sobjects")).json()["sobjects"]}
    assert listed.isdisjoint({"Case", "CaseChangeEvent"})
    assert (await client.get(f"{V}/sobjects/CaseChangeEvent/describe")).status_code == 404


@pytest.fixture
async def served(identity_folder: Path, tmp_path: Path) -> AsyncIterator[tuple[Org, Client]]:
    shutil.copy(identity_folder / IDENTITY_FILE, tmp_path)
    async with running(tmp_path) as (org, caller, _):
        org.platform_events.define(PlatformEvent.model_validate(ORDER))
        org.channels.reload()
        yield org, caller


async def topic(caller: Client) -> tuple[Any, str]:
    """Facts of the topic, and its schema."""
    info = await caller.stub.GetTopic(wire.TopicRequest(topic_name=TOPIC), metadata=caller.metadata)
    asked = wire.SchemaRequest(schema_id=info.schema_id)
    return info, (await caller.stub.GetSchema(asked, metadata=caller.metadata)).schema_json


def message(schema_id: str, schema: str, number: str, key: str) -> Any:
    payload = {"CreatedDate": 1_760_000_000_123, "CreatedById": "005Tg0000000002IAA", "Number__c": number}
    return wire.ProducerEvent(id=key, schema_id=schema_id, payload=encoded(schema, payload))


async def test_pubsub_publishes_each_message_with_a_result_and_delivers_it(served):
    org, caller = served
    info, schema = await topic(caller)
    assert info.can_publish
    good, bad = message(info.schema_id, schema, "A-1", "one"), message("other", schema, "A-2", "two")
    broken = wire.ProducerEvent(id="three", schema_id=info.schema_id, payload=b"\x01")
    request = wire.PublishRequest(topic_name=TOPIC, events=[good, bad, broken])
    answer = await caller.stub.Publish(request, metadata=caller.metadata)
    assert [each.correlation_key for each in answer.results] == ["one", "two", "three"]
    assert [each.HasField("error") for each in answer.results] == [False, True, True]
    assert (answer.schema_id, org.meters.published_events.used) == (info.schema_id, 1)
    stream = await caller.subscribe(TOPIC, 1, replay_preset=wire.EARLIEST).open()
    [event] = await stream.events(1)
    assert event.replay_id == answer.results[0].replay_id
    found = decoded(schema, event.event.payload)
    assert (found["Number__c"], found["CreatedById"]) == ("A-1", "005Tg0000000002IAA")
    assert found["CreatedDate"] == 1_760_000_000_123


async def test_a_publish_stream_answers_every_request_and_stays_open_without_one(served):
    _, caller = served
    info, schema = await topic(caller)
    call = caller.stub.PublishStream(metadata=caller.metadata)
    for number in range(2):
        await call.write(
            wire.PublishRequest(topic_name=TOPIC, events=[message(info.schema_id, schema, "A", f"{number}")])
        )
        answer = await call.read()
        assert [each.correlation_key for each in answer.results] == [f"{number}"]
    await call.write(wire.PublishRequest(topic_name=TOPIC))
    assert list((await call.read()).results) == []
    await call.done_writing()


async def test_pubsub_delivers_what_rest_has_published(served):
    org, caller = served
    event = org.platform_events.find("Order__e")
    assert event is not None
    replay_id, uuid = org.platform_events.publish(event, BODY, org.identity.user_id)
    _, schema = await topic(caller)
    stream = await caller.subscribe(TOPIC, 1, replay_preset=wire.EARLIEST).open()
    [got] = await stream.events(1)
    assert (got.event.id, int.from_bytes(got.replay_id, "big")) == (uuid, replay_id)
    found = decoded(schema, got.event.payload)
    assert (found["Total__c"], found["Paid__c"], found["At__c"]) == (12.0, True, 1_767_323_045_000)
