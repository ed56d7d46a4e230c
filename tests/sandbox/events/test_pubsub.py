"""The Pub/Sub API over a socket: demand, positions, refusals, schemas, and the allocation of
delivered events.
"""

import asyncio
import io
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import fastavro
import grpc
import orjson
import pytest

from sandbox.org.data.identity import IDENTITY_FILE
from sandbox.org.faults.faults import FaultRule
from sandbox.org.state.org import Org
from schemas.eventbus import pubsub_api_pb2 as wire
from tests.sandbox.pubsub_client import Client, RefusedError, running

CONTACTS = "/data/ContactChangeEvent"


@pytest.fixture
async def served(identity_folder: Path, tmp_path: Path) -> AsyncIterator[tuple[Org, Client, Any]]:
    shutil.copy(identity_folder / IDENTITY_FILE, tmp_path)
    async with running(tmp_path) as found:
        yield found


@pytest.fixture
def org(served: Any) -> Org:
    return served[0]


@pytest.fixture
def client(served: Any) -> Client:
    return served[1]


def make_contacts(org: Org, count: int) -> list[str]:
    return [org.create("Contact", {"LastName": f"N{number}"}) for number in range(count)]


def record_id(event: Any, schemas: dict[str, Any]) -> str:
    record: Any = fastavro.schemaless_reader(io.BytesIO(event.event.payload), schemas[event.event.schema_id])
    return record["ChangeEventHeader"]["recordIds"][0]


async def schemas_of(client: Client, topic: str) -> dict[str, Any]:
    info = await client.stub.GetTopic(wire.TopicRequest(topic_name=topic), metadata=client.metadata)
    schema = await client.stub.GetSchema(
        wire.SchemaRequest(schema_id=info.schema_id), metadata=client.metadata
    )
    assert schema.schema_id == info.schema_id
    return {info.schema_id: fastavro.parse_schema(orjson.loads(schema.schema_json))}


async def test_events_come_in_commit_order_and_decode_by_their_schema(org, client):
    ids = make_contacts(org, 250)
    stream = await client.subscribe(CONTACTS, 100, replay_preset=wire.EARLIEST).open()
    events = await stream.events(100)
    await stream.ask(100)
    events += await stream.events(100)
    await stream.ask(50)
    events += await stream.events(50)
    schemas = await schemas_of(client, CONTACTS)
    assert [record_id(event, schemas) for event in events] == ids


async def test_no_more_than_a_hundred_events_are_outstanding_whatever_is_asked(org, client):
    make_contacts(org, 150)
    stream = await client.subscribe(CONTACTS, 1_000, replay_preset=wire.EARLIEST).open()
    assert len(await stream.events(100)) == 100
    org.dials.events.no_demand_seconds = 0.05
    await stream.ask(1)
    assert len(await stream.events(1)) == 1
    assert await stream.read() is None  # nothing more was owed, and then it was closed


async def test_demand_adds_up_and_what_is_pending_is_told(org, client):
    stream = await client.subscribe(CONTACTS, 3, replay_preset=wire.EARLIEST).open()
    await stream.ask(2)
    make_contacts(org, 1)
    pending: list[int] = []
    while not pending or pending[-1] != 0:
        response = await stream.read()
        pending.append(response.pending_num_requested)
        if len(pending) == 1:
            make_contacts(org, 9)
    assert pending[-1] == 0
    assert pending == sorted(pending, reverse=True)


async def test_a_custom_position_continues_strictly_after_it(org, client):
    ids = make_contacts(org, 3)
    stream = await client.subscribe(CONTACTS, 1, replay_preset=wire.EARLIEST).open()
    [first] = await stream.events(1)
    assert len(first.replay_id) == 8
    resumed = await client.subscribe(CONTACTS, 2, replay_preset=wire.CUSTOM, replay_id=first.replay_id).open()
    schemas = await schemas_of(client, CONTACTS)
    assert [record_id(event, schemas) for event in await resumed.events(2)] == ids[1:]


async def test_replay_fields_of_later_requests_are_ignored(org, client):
    make_contacts(org, 2)
    stream = await client.subscribe(CONTACTS, 1, replay_preset=wire.EARLIEST).open()
    [first] = await stream.events(1)
    await stream.ask(1, topic_name=CONTACTS, replay_preset=wire.EARLIEST, replay_id=b"nonsense")
    [second] = await stream.events(1)
    assert second.replay_id > first.replay_id


async def test_silence_is_broken_by_an_empty_response_that_tells_the_newest_position(org, client):
    org.dials.events.keepalive_seconds = 0.05
    stream = await client.subscribe(CONTACTS, 5, replay_preset=wire.LATEST).open()
    org.create("Account", {"Name": "Elsewhere"})
    while True:
        response = await stream.read()
        assert not response.events
        if response.latest_replay_id == org.bus.newest.to_bytes(8, "big"):
            break


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        pytest.param({"count": 0}, grpc.StatusCode.INVALID_ARGUMENT,
                     "subscription.fetch.requested.events.invalid", id="no demand"),
        pytest.param({"replay_preset": wire.CUSTOM}, grpc.StatusCode.INVALID_ARGUMENT,
                     "subscription.fetch.replayid.validation.failed", id="custom without an id"),
        pytest.param({"replay_preset": wire.CUSTOM, "replay_id": b"12345"}, grpc.StatusCode.INVALID_ARGUMENT,
                     "subscription.fetch.replayid.validation.failed", id="an id of decimals"),
        pytest.param({"replay_preset": wire.CUSTOM, "replay_id": (10**9).to_bytes(8, "big")},
                     grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.replayid.corrupted", id="an id of the future"),
        pytest.param({"topic": "/data/NothingChangeEvent"}, grpc.StatusCode.NOT_FOUND, "topic.not.found", id="unknown topic"),
    ],
)  # fmt: skip
async def test_a_bad_first_request_is_refused_with_salesforces_code(client, request_, status, code):
    wanted = {"topic": CONTACTS, "count": 1} | request_
    stream = await client.subscribe(wanted.pop("topic"), wanted.pop("count"), **wanted).open()
    with pytest.raises(RefusedError) as refused:
        await stream.read()
    assert refused.value.status is status
    assert refused.value.trailers["error-code"] == f"sfdc.platform.eventbus.grpc.{code}"
    assert refused.value.trailers["rpc-id"] in str(refused.value)


async def test_an_expired_position_is_refused(org, client):
    make_contacts(org, 2)
    old = org.bus.newest - 1
    org.bus.set_retention(0, org.clock.now().epoch_ms + 1_000)
    stream = await client.subscribe(
        CONTACTS, 1, replay_preset=wire.CUSTOM, replay_id=old.to_bytes(8, "big")
    ).open()
    with pytest.raises(RefusedError, match="within the retention window"):
        await stream.read()


async def test_another_topic_on_an_open_stream_is_refused(client):
    stream = await client.subscribe(CONTACTS, 1, replay_preset=wire.LATEST).open()
    await stream.ask(1, topic_name="/data/AccountChangeEvent")
    with pytest.raises(RefusedError) as refused:
        await stream.read()
    assert refused.value.status is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("wrong", ["accesstoken", "tenantid", "instanceurl"])
async def test_wrong_credentials_are_unauthenticated(client, wrong):
    client.metadata = tuple((name, "" if name == wrong else value) for name, value in client.metadata)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.stub.GetTopic(wire.TopicRequest(topic_name=CONTACTS), metadata=client.metadata)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    trailers = dict(refused.value.trailing_metadata())
    assert trailers["error-code"] == "sfdc.platform.eventbus.grpc.service.auth.error"


async def test_a_revoked_session_ends_the_stream(served, org, client):
    make_contacts(org, 1)
    stream = await client.subscribe(CONTACTS, 5, replay_preset=wire.EARLIEST).open()
    await stream.events(1)
    served[2].state.sessions.close_all()
    make_contacts(org, 1)
    with pytest.raises(RefusedError) as refused:
        await stream.read()
    assert refused.value.status is grpc.StatusCode.UNAUTHENTICATED


async def test_publishing_change_events_is_refused(client):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.stub.Publish(wire.PublishRequest(topic_name=CONTACTS), metadata=client.metadata)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_delivery_stops_when_the_allocation_is_spent_and_resumes_without_loss(org, client):
    ids = make_contacts(org, 6)
    org.meters.delivered_events.maximum = 4
    stream = await client.subscribe(CONTACTS, 4, replay_preset=wire.EARLIEST).open()
    events = await stream.events(4)
    await stream.ask(2)
    with pytest.raises(RefusedError) as refused:
        await stream.read()
    assert refused.value.status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused.value.trailers["error-code"].endswith("subscription.limit.exceeded")
    org.meters.delivered_events.maximum = 10
    resumed = await client.subscribe(
        CONTACTS, 2, replay_preset=wire.CUSTOM, replay_id=events[-1].replay_id
    ).open()
    schemas = await schemas_of(client, CONTACTS)
    assert [record_id(event, schemas) for event in events + await resumed.events(2)] == ids
    assert org.meters.delivered_events.used == 6


async def test_every_subscriber_is_charged_for_every_event(org, client):
    make_contacts(org, 5)
    for _ in range(2):
        stream = await client.subscribe(CONTACTS, 5, replay_preset=wire.EARLIEST).open()
        await stream.events(5)
    assert org.meters.delivered_events.used == 10


async def test_the_all_events_topic_carries_every_object_each_with_its_schema(org, client):
    org.create("Account", {"Name": "A"})
    make_contacts(org, 1)
    stream = await client.subscribe("/data/ChangeEvents", 2, replay_preset=wire.EARLIEST).open()
    events = await stream.events(2)
    assert [event.event.schema_id for event in events] == [
        org.channels.schema_ids["Account"],
        org.channels.schema_ids["Contact"],
    ]


async def test_a_scripted_cut_ends_the_stream_as_unavailable(org, client):
    org.faults.add(FaultRule(point="stream", kind="cut", times=1))
    make_contacts(org, 1)
    stream = await client.subscribe(CONTACTS, 1, replay_preset=wire.EARLIEST).open()
    with pytest.raises(RefusedError) as refused:
        await stream.read()
    assert refused.value.status is grpc.StatusCode.UNAVAILABLE
    again = await client.subscribe(CONTACTS, 1, replay_preset=wire.EARLIEST).open()
    assert len(await again.events(1)) == 1


def manage(org: Org, **metadata: str) -> str:
    body = {"label": "Intake", "topicName": CONTACTS, "defaultReplay": "EARLIEST", **metadata}
    return org.event_metadata.create("ManagedEventSubscription", {"FullName": "Intake", "Metadata": body})


async def test_a_managed_subscription_goes_on_after_what_was_committed(org, client):
    ids = make_contacts(org, 3)
    manage(org)
    stream = await client.managed("Intake", 2).open()
    events = await stream.events(2)
    commit = wire.CommitReplayRequest(commit_request_id="c1", replay_id=events[0].replay_id)
    await stream.ask(0, commit_replay_id_request=commit)
    response = await stream.read()  # without demand, and without news
    assert response.commit_response.commit_request_id == "c1"
    assert response.commit_response.replay_id == events[0].replay_id
    assert not response.commit_response.HasField("error")
    stream.call.cancel()
    schemas = await schemas_of(client, CONTACTS)
    resumed = await until_free(client)
    assert [record_id(event, schemas) for event in resumed] == ids[1:]


async def until_free(client: Client) -> list[Any]:
    """The org notices a moment later that a client has gone."""
    while True:
        with suppress(RefusedError):
            return await (await client.managed("Intake", 2).open()).events(2)


async def test_a_commit_of_an_unknown_position_is_answered_with_an_error(org, client):
    manage(org)
    stream = await client.managed("Intake", 1).open()
    await stream.ask(
        0, commit_replay_id_request=wire.CommitReplayRequest(replay_id=(10**9).to_bytes(8, "big"))
    )
    assert (await stream.read()).commit_response.error.code == wire.COMMIT


@pytest.mark.parametrize(
    ("metadata", "name", "status"),
    [
        ({"state": "STOP"}, "Intake", grpc.StatusCode.FAILED_PRECONDITION),
        ({}, "Nothing", grpc.StatusCode.NOT_FOUND),
    ],
)
async def test_a_managed_subscription_that_is_stopped_or_unknown_is_refused(
    org, client, metadata, name, status
):
    manage(org, **metadata)
    stream = await client.managed(name, 1).open()
    with pytest.raises(RefusedError) as refused:
        await stream.read()
    assert refused.value.status is status


async def test_signs_of_life_come_though_other_objects_change_all_the_time(org, client):
    org.dials.events.keepalive_seconds = 0.05
    stream = await client.subscribe(CONTACTS, 5, replay_preset=wire.LATEST).open()
    answer = asyncio.ensure_future(stream.read())
    while not answer.done():
        org.create("Account", {"Name": "Elsewhere"})
        await asyncio.sleep(0.005)
    assert not answer.result().events


async def test_an_idle_stream_ends_when_its_session_is_revoked(served, org, client):
    stream = await client.subscribe(CONTACTS, 5, replay_preset=wire.LATEST).open()
    answer = asyncio.ensure_future(stream.read())
    await schemas_of(client, CONTACTS)  # by the time these are answered the stream waits
    served[2].state.sessions.close_all()
    with pytest.raises(RefusedError) as refused:
        await answer
    assert refused.value.status is grpc.StatusCode.UNAUTHENTICATED


async def test_a_client_that_asks_once_and_closes_its_side_gets_what_there_is(org, client):
    make_contacts(org, 3)
    first = wire.FetchRequest(topic_name=CONTACTS, num_requested=5, replay_preset=wire.EARLIEST)

    async def once():
        yield first

    responses = [response async for response in client.stub.Subscribe(once(), metadata=client.metadata)]
    assert sum(len(response.events) for response in responses) == 3


async def test_a_filtered_topic_passes_over_what_it_holds_back(org, client):
    metadata = {"channelType": "data", "label": "Few"}
    org.event_metadata.create("PlatformEventChannel", {"FullName": "Few__chn", "Metadata": metadata})
    member = {
        "eventChannel": "Few__chn",
        "selectedEntity": "ContactChangeEvent",
        "filterExpression": "LastName = 'N199'",
    }
    org.event_metadata.create(
        "PlatformEventChannelMember", {"FullName": "Few_chn_Contact", "Metadata": member}
    )
    ids = make_contacts(org, 200)
    stream = await client.subscribe("/data/Few__chn", 5, replay_preset=wire.EARLIEST).open()
    [event] = await stream.events(1)
    assert record_id(event, await schemas_of(client, CONTACTS)) == ids[-1]
    assert org.meters.delivered_events.used == 1


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_is_refused(client, version):
    """No page says how an org answers it; a server without it answers so (gRPC, "Reflection")."""
    method = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    call = client.channel.stream_stream(method)(metadata=client.metadata)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.read()
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
