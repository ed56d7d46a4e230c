"""Custom channels: made by the Tooling API, followed over the Pub/Sub API and CometD."""

import io
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import fastavro
import httpx
import orjson
import pytest

from sandbox.org.channels.filters import event_filter
from sandbox.org.errors import SalesforceError
from sandbox.org.identity import IDENTITY_FILE, load_identity
from sandbox.org.model import Org
from schemas.eventbus import pubsub_api_pb2 as wire
from tests.sandbox.org_in_process import http_client, new_org
from tests.sandbox.pubsub_client import Client, RefusedError, running

TOOLING = "/services/data/v67.0/tooling"


@pytest.fixture(scope="module")
def identity_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identity")
    load_identity(folder)
    return folder


@pytest.fixture
async def served(
    identity_folder: Path, tmp_path: Path
) -> AsyncIterator[tuple[Org, Client, httpx.AsyncClient]]:
    shutil.copy(identity_folder / IDENTITY_FILE, tmp_path)
    async with running(tmp_path) as (org, client, app), http_client(app, org) as http:
        yield org, client, http


async def make(http, name, full_name, **metadata):
    return await http.post(f"{TOOLING}/sobjects/{name}", json={"FullName": full_name, "Metadata": metadata})


async def make_channel(http, *, selected="CaseChangeEvent", expression=None, enriched=()):
    await make(http, "PlatformEventChannel", "Intake__chn", channelType="data", label="Intake")
    member = {"eventChannel": "Intake__chn", "selectedEntity": selected}
    member |= {"filterExpression": expression, "enrichedFields": [{"name": name} for name in enriched]}
    answer = await make(http, "PlatformEventChannelMember", "Intake_chn_Case", **member)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def follow(client: Client, org: Org, count: int, topic: str = "/data/Intake__chn") -> list[Any]:
    stream = await client.subscribe(topic, count, replay_preset=wire.EARLIEST).open()
    events = await stream.events(count)
    found = []
    for event in events:
        schema = fastavro.parse_schema(orjson.loads(org.channels.schema_json(event.event.schema_id) or ""))
        record: Any = fastavro.schemaless_reader(io.BytesIO(event.event.payload), schema)
        found.append((int.from_bytes(event.replay_id, "big"), record))
    return found


async def test_a_channel_carries_the_objects_of_its_members_and_no_others(served):
    org, client, http = served
    await make_channel(http)
    org.create("Account", {"Name": "A"})
    case_id = org.create("Case", {"Status": "New"})
    [(_, record)] = await follow(client, org, 1)
    assert record["ChangeEventHeader"]["recordIds"] == [case_id]


async def test_what_a_filter_keeps_out_is_neither_delivered_nor_counted(served):
    org, client, http = served
    await make_channel(http, expression="Status = 'Escalated' AND Priority != 'Low'")
    org.create("Case", {"Status": "New", "Priority": "High"})
    org.create("Case", {"Status": "Escalated", "Priority": "Low"})
    wanted = org.create("Case", {"Status": "escalated", "Priority": "High"})
    [(_, record)] = await follow(client, org, 1)
    assert record["ChangeEventHeader"]["recordIds"] == [wanted]
    assert org.meters.delivered_events.used == 1


async def test_a_filter_sees_fields_that_an_update_did_not_touch(served):
    org, client, http = served
    await make_channel(http, expression="Status = 'Escalated'")
    case_id = org.create("Case", {"Status": "Escalated"})
    org.update("Case", case_id, {"Subject": "S"})
    events = await follow(client, org, 2)
    assert [record["ChangeEventHeader"]["changeType"] for _, record in events] == ["CREATE", "UPDATE"]


async def test_enrichment_unmerges_events_that_then_share_a_replay_id(served):
    org, client, http = served
    await make_channel(http, enriched=["Subject"])
    ids = [org.create("Case", {"Status": "New", "Subject": f"S{n}"}) for n in range(3)]
    with org.transaction() as tx:
        for case_id in ids:
            tx.update("Case", case_id, {"Priority": "High"})
    merged = org.store.connection.execute("SELECT body FROM events ORDER BY replay_id DESC").fetchone()
    assert orjson.loads(merged[0])["payload"]["ChangeEventHeader"]["recordIds"] == ids
    events = (await follow(client, org, 6))[3:]
    assert len({replay_id for replay_id, _ in events}) == 1
    assert [record["ChangeEventHeader"]["recordIds"] for _, record in events] == [[each] for each in ids]
    assert [record["Subject"] for _, record in events] == ["S0", "S1", "S2"]
    assert org.meters.delivered_events.used == 6


async def test_enriched_values_are_read_when_the_event_is_handed_out(served):
    org, client, http = served
    await make_channel(http, enriched=["Subject"])
    case_id = org.create("Case", {"Status": "New", "Subject": "then"})
    org.update("Case", case_id, {"Priority": "High"})
    org.update("Case", case_id, {"Subject": "now"})
    events = await follow(client, org, 3)
    assert [record["Subject"] for _, record in events] == ["then", "now", "now"]


async def test_channels_outlive_a_restart_and_are_found_by_a_tooling_query(served, tmp_path):
    org, _, http = served
    await make_channel(http, expression="Status = 'New'")
    soql = (
        "SELECT DeveloperName, EventChannel, SelectedEntity, FilterExpression FROM PlatformEventChannelMember"
    )
    answer = await http.get(f"{TOOLING}/query", params={"q": soql})
    [member] = answer.json()["records"]
    assert (member["EventChannel"], member["SelectedEntity"]) == ("Intake__chn", "CaseChangeEvent")
    org.channels.reload()
    channel = org.channels.find("/data/Intake__chn")
    assert channel is not None
    assert channel.entities == {"Case"}


@pytest.mark.parametrize(
    ("name", "full_name", "metadata", "words"),
    [
        ("PlatformEventChannel", "Intake", {"channelType": "data"}, "ends in __chn"),
        ("PlatformEventChannelMember", "m", {"eventChannel": "None__chn", "selectedEntity": "CaseChangeEvent"},
         "The channel None__chn doesn't exist"),
        ("ManagedEventSubscription", "s", {"topicName": "/data/Nothing"}, "doesn't exist"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused(served, name, full_name, metadata, words):
    answer = await make(served[2], name, full_name, **metadata)
    assert answer.status_code == 400
    assert words in answer.json()[0]["message"]


@pytest.mark.parametrize(
    "expression", ["Nothing__c = 1", "recordIds = 'x'", "Status LIKE", "Status IN (SELECT Id FROM Case)"]
)
def test_a_filter_that_cannot_be_is_refused(tmp_path, expression):
    org = new_org(tmp_path)
    case = org.entities.find("Case")
    assert case is not None
    with pytest.raises(SalesforceError, match="isn't valid"):
        event_filter(expression, case)
    org.store.close()


async def test_a_managed_subscription_goes_on_where_it_was_committed(served):
    org, client, http = served
    ids = [org.create("Case", {"Status": "New"}) for _ in range(3)]
    metadata = {"topicName": "/data/CaseChangeEvent", "defaultReplay": "EARLIEST", "state": "RUN"}
    await make(http, "ManagedEventSubscription", "Loader", **metadata)
    stream = await client.managed("Loader", 2).open()
    events = await stream.events(2)
    commit = wire.CommitReplayRequest(commit_request_id="c1", replay_id=events[0].replay_id)
    await stream.ask(1, commit_replay_id_request=commit)
    answered: list[Any] = []
    while not answered:
        response = await stream.read()
        answered += [response.commit_response] if response.HasField("commit_response") else []
    assert (answered[0].commit_request_id, answered[0].replay_id) == ("c1", events[0].replay_id)
    other = await client.managed("Loader", 1).open()
    with pytest.raises(RefusedError, match="active client"):
        await other.read()
    stream.call.cancel()
    for _ in range(50):
        again = await client.managed("Loader", 2).open()
        try:
            resumed = await again.events(2)
            break
        except RefusedError:
            continue
    else:
        pytest.fail("the subscription was not let go")
    schema = fastavro.parse_schema(orjson.loads(org.channels.schema_json(resumed[0].event.schema_id) or ""))
    record: Any = fastavro.schemaless_reader(io.BytesIO(resumed[0].event.payload), schema)
    assert record["ChangeEventHeader"]["recordIds"] == [ids[1]]


async def test_the_schema_of_an_event_is_told_over_rest_too(served):
    org, _, http = served
    schema_id = org.channels.schema_ids["Case"]
    compact = await http.get(
        f"/services/data/v67.0/event/eventSchema/{schema_id}", params={"payloadFormat": "COMPACT"}
    )
    assert (compact.json()["name"], compact.json()["uuid"]) == ("CaseChangeEvent", schema_id)
    by_name = await http.get("/services/data/v67.0/sobjects/CaseChangeEvent/eventSchema")
    assert by_name.json()["uuid"] == schema_id
    wrong = await http.get(f"/services/data/v67.0/event/eventSchema/{schema_id}?payloadFormat=TINY")
    assert wrong.status_code == 400
