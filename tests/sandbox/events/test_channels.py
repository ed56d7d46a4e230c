"""Channels: how they are set up, which events they carry, what filters and enrichment make of them,
and what they cost.
"""

import io
from typing import Any

import fastavro
import orjson
import pytest

from sandbox.org.events.event_schema import EventCodec
from sandbox.org.faults.faults import FaultRule
from sandbox.org.state.org import Org
from schemas.catalogue import default_catalogue
from tests.sandbox.rest_client import V, error

T = f"{V}/tooling/sobjects"
CHANNEL: dict[str, Any] = {"FullName": "Sales__chn", "Metadata": {"channelType": "data", "label": "Sales"}}


def member(entity: str = "Contact", channel: str = "Sales__chn", **more: Any) -> dict[str, Any]:
    name = f"{channel.replace('__', '_')}_{entity}ChangeEvent"
    metadata = {"eventChannel": channel, "selectedEntity": f"{entity}ChangeEvent", **more}
    return {"FullName": name, "Metadata": metadata}


async def make_channel(client, *members: dict[str, Any]) -> list[str]:
    """Makes the Sales channel; returns the ids of its members."""
    assert (await client.post(f"{T}/PlatformEventChannel", json=CHANNEL)).status_code == 201
    made = [await client.post(f"{T}/PlatformEventChannelMember", json=each) for each in members]
    assert [each.status_code for each in made] == [201] * len(made), [each.text for each in made]
    return [each.json()["id"] for each in made]


def delivered(org: Org, name: str = "/data/Sales__chn") -> list[dict[str, Any]]:
    """The first messages of a subscriber of all retained events."""
    channel = org.channels.find(name)
    assert channel is not None
    rows, _ = org.bus.read(org.bus.purged_through, channel.entities, 10_000, 10**9)
    return [orjson.loads(event.data) for event in org.channels.hand_out(channel, rows)]


def ids_of(events: list[dict[str, Any]]) -> list[str]:
    return [event["payload"]["ChangeEventHeader"]["recordIds"][0] for event in events]


async def test_a_custom_channel_carries_the_objects_of_its_members_only(client, org):
    await make_channel(client, member("Contact"), member("Case"))
    contact = org.create("Contact", {"LastName": "A"})
    org.create("Account", {"Name": "B"})
    case = org.create("Case", {"Status": "New"})
    assert ids_of(delivered(org)) == [contact, case]


async def test_what_was_set_up_is_read_back_and_queried(client):
    [member_id] = await make_channel(
        client, member(filterExpression="LastName = 'A'", enrichedFields=[{"name": "Email"}])
    )
    found = (await client.get(f"{T}/PlatformEventChannelMember/{member_id}")).json()
    assert found["Metadata"]["filterExpression"] == "LastName = 'A'"
    assert found["Metadata"]["enrichedFields"] == [{"name": "Email"}]
    soql = "SELECT DeveloperName, EventChannel, SelectedEntity, FilterExpression, Metadata FROM PlatformEventChannelMember"
    query = f"{V}/tooling/query"
    [row] = (await client.get(query, params={"q": f"{soql} WHERE Id = '{member_id}'"})).json()["records"]
    assert row["SelectedEntity"] == "ContactChangeEvent"
    assert row["EventChannel"].startswith("0YL")
    assert row["Metadata"]["eventChannel"] == "Sales__chn"
    many = await client.get(query, params={"q": soql})
    assert error(many)["errorCode"] == "MALFORMED_QUERY"
    assert "no more than one row for retrieval" in error(many)["message"]


async def test_every_object_of_the_catalogue_is_selected_on_the_standard_channel(client, org):
    soql = "SELECT SelectedEntity FROM PlatformEventChannelMember WHERE EventChannel = 'ChangeEvents'"
    rows = (await client.get(f"{V}/tooling/query", params={"q": soql})).json()["records"]
    events = {spec.event_name for spec in default_catalogue().objects.values()}
    assert {row["SelectedEntity"] for row in rows} == events
    assert "LeadChangeEvent" in set(org.channels.by_event_name) - events


async def test_channels_survive_a_restart_of_the_org(client, org, identity_folder):
    await make_channel(client, member(filterExpression="LastName LIKE 'A%'"))
    again = Org(org.store, org.identity, org.edition)
    wanted = again.create("Contact", {"LastName": "abc"})
    again.create("Contact", {"LastName": "xyz"})
    assert ids_of(delivered(again)) == [wanted]


async def test_a_deleted_channel_is_unknown_and_its_members_are_gone(client, org):
    [member_id] = await make_channel(client, member())
    soql = "SELECT Id FROM PlatformEventChannel WHERE FullName = 'Sales__chn'"
    [row] = (await client.get(f"{V}/tooling/query", params={"q": soql})).json()["records"]
    assert (await client.delete(f"{T}/PlatformEventChannel/{row['Id']}")).status_code == 204
    assert org.channels.find("/data/Sales__chn") is None
    assert (await client.get(f"{T}/PlatformEventChannelMember/{member_id}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({"FullName": "Sales", "Metadata": CHANNEL["Metadata"]}, "INVALID_INPUT", id="no suffix"),
        pytest.param({"FullName": "Sa__les__chn", "Metadata": CHANNEL["Metadata"]}, "INVALID_INPUT", id="two underscores"),
        pytest.param({"FullName": "Sales__chn"}, "REQUIRED_FIELD_MISSING", id="no metadata"),
        pytest.param({"FullName": "Sales__chn", "Metadata": {"channelType": "data"}}, "REQUIRED_FIELD_MISSING", id="no label"),
        pytest.param({"FullName": "Sales__chn", "Metadata": {**CHANNEL["Metadata"], "x": 1}}, "JSON_PARSER_ERROR", id="unknown"),
        pytest.param({"FullName": "S__chn", "Metadata": {"channelType": "event", "label": "S"}}, "NOT_BUILT", id="platform events"),
    ],
)  # fmt: skip
async def test_a_bad_channel_is_refused(client, body, code):
    assert error(await client.post(f"{T}/PlatformEventChannel", json=body))["errorCode"] == code


async def test_names_are_taken_once_and_channels_are_limited_to_a_hundred(client):
    await make_channel(client)
    again = await client.post(f"{T}/PlatformEventChannel", json=CHANNEL)
    assert error(again)["errorCode"] == "DUPLICATE_DEVELOPER_NAME"
    for number in range(99):
        body = {**CHANNEL, "FullName": f"C{number}__chn"}
        assert (await client.post(f"{T}/PlatformEventChannel", json=body)).status_code == 201
    full = await client.post(f"{T}/PlatformEventChannel", json={**CHANNEL, "FullName": "OneMore__chn"})
    assert error(full)["errorCode"] == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("LastName =", "unexpected"),
        ("Nickname = 'A'", "No such column 'Nickname'"),
        ("ChangeEventHeader.recordIds = '003'", "can't be filtered by"),
        ("ChangeEventHeader.changedFields IN ('A')", "can't be filtered by"),
        ("ChangeEventHeader.nothing = 'A'", "No such column 'nothing'"),
        ("LastName = 5", "must be of type"),
        ("Name = 'A'", "compound"),
        ("CreatedDate = TODAY", "must be of type"),
        ("AccountId IN (SELECT Id FROM Account)", "only comparisons"),
        ("Account.Name = 'A'", "No such column"),
        ("LastName = 'A' LIMIT 1", ""),
        ("LastName = 'A') OR (Id != null", ""),
        ("HasOptedOutOfEmail > true", "checkbox"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused_when_it_is_saved(client, expression, why):
    await make_channel(client)
    answer = await client.post(f"{T}/PlatformEventChannelMember", json=member(filterExpression=expression))
    assert answer.status_code == 400
    assert error(answer)["errorCode"] == "INVALID_INPUT"
    assert why in error(answer)["message"]


async def test_more_than_ten_enriched_fields_and_unknown_ones_are_refused(client):
    await make_channel(client)
    many = member(enrichedFields=[{"name": "Email"}] * 11)
    assert (
        error(await client.post(f"{T}/PlatformEventChannelMember", json=many))["errorCode"]
        == "LIMIT_EXCEEDED"
    )
    unknown = member(enrichedFields=[{"name": "Nickname"}])
    assert (
        error(await client.post(f"{T}/PlatformEventChannelMember", json=unknown))["errorCode"]
        == "INVALID_INPUT"
    )


async def test_a_members_channel_and_object_stay_and_its_filter_may_change(client, org):
    [member_id] = await make_channel(client, member())
    path = f"{T}/PlatformEventChannelMember/{member_id}"
    moved = await client.patch(path, json={"Metadata": member("Case")["Metadata"]})
    assert error(moved)["errorCode"] == "FIELD_INTEGRITY_EXCEPTION"
    org.create("Contact", {"LastName": "A"})
    kept = {"Metadata": member(filterExpression="LastName = 'B'")["Metadata"]}
    assert (await client.patch(path, json=kept)).status_code == 204
    assert delivered(org) == []


@pytest.mark.parametrize(
    ("expression", "passes"),
    [
        ("LastName = 'aDAMS'", True),
        ("LastName != 'Adams'", False),
        ("LastName LIKE 'ad_m%' AND NOT (FirstName = 'Bo')", True),
        ("Name.LastName IN ('x', 'adams')", True),
        ("MailingAddress.City = 'Oslo' OR MailingCity = 'Bergen'", True),
        ("MailingCity NOT IN ('Bergen')", False),
        ("Email = null", True),
        ("Email != null", False),
        ("CreatedDate > 2020-01-01T00:00:00-08:00", True),
        ("CreatedDate < 2020-01-01T00:00:00Z", False),
        ("HasOptedOutOfEmail = false", True),
        ("ChangeEventHeader.changeType = 'CREATE'", True),
        ("changeeventheader.CHANGETYPE = 'UPDATE'", False),
        ("ChangeEventHeader.commitTimestamp > 0", True),
    ],
)
async def test_a_filter_lets_through_what_it_says(client, org, expression, passes):
    await make_channel(client, member(filterExpression=expression))
    org.create("Contact", {"LastName": "Adams", "FirstName": "Al", "MailingCity": "Bergen"})
    assert len(delivered(org)) == int(passes)


async def test_what_a_filter_holds_back_does_not_count_as_delivered(client, org):
    await make_channel(client, member(filterExpression="LastName = 'A'"))
    org.create("Contact", {"LastName": "A"})
    org.create("Contact", {"LastName": "B"})
    delivered(org)
    assert org.meters.delivered_events.used == 1


async def test_fields_of_a_filter_come_with_every_update(client, org):
    await make_channel(client, member(filterExpression="MailingCity = 'Bergen'"))
    record_id = org.create("Contact", {"LastName": "A", "MailingCity": "Bergen"})
    org.update("Contact", record_id, {"Phone": "1"})
    event = delivered(org)[-1]
    assert event["payload"]["MailingAddress"] == {"City": "Bergen"}
    assert event["payload"]["Phone"] == "1"


async def test_enriched_values_are_todays_and_the_events_own_values_stay(client, org):
    await make_channel(
        client, member(enrichedFields=[{"name": "Email"}, {"name": "Phone"}, {"name": "Title"}])
    )
    record_id = org.create("Contact", {"LastName": "A", "Email": "old@example.com"})
    org.update("Contact", record_id, {"Phone": "1"})
    org.update("Contact", record_id, {"Email": "new@example.com", "Phone": "2"})
    created, first, second = (event["payload"] for event in delivered(org))
    assert (created["Email"], "Phone" in created) == ("old@example.com", False)
    assert (first["Phone"], first["Email"]) == ("1", "new@example.com")
    assert (second["Phone"], second["Email"]) == ("2", "new@example.com")
    assert "Title" not in first  # an empty field is no enrichment


async def test_a_delete_is_enriched_until_the_record_is_gone_for_good(client, org):
    await make_channel(client, member(enrichedFields=[{"name": "Email"}]))
    record_id = org.create("Contact", {"LastName": "A", "Email": "a@example.com"})
    org.delete("Contact", record_id)
    assert delivered(org)[-1]["payload"]["Email"] == "a@example.com"
    org.empty_bin("9999")
    assert "Email" not in delivered(org)[-1]["payload"]


async def test_an_enriched_channel_unmerges_events_which_share_a_replay_id_and_each_is_charged(client, org):
    await make_channel(client, member(enrichedFields=[{"name": "Email"}]))
    with org.transaction() as tx:
        ids = [tx.create("Contact", {"LastName": "Same"}) for _ in range(3)]
    events = delivered(org)
    assert ids_of(events) == ids
    assert len({event["event"]["replayId"] for event in events}) == 1
    assert org.meters.delivered_events.used == 3
    [merged] = delivered(org, "/data/ContactChangeEvent")
    assert merged["payload"]["ChangeEventHeader"]["recordIds"] == ids
    assert org.meters.delivered_events.used == 4


async def test_the_standard_channel_may_be_enriched_and_other_channels_stay_as_they_are(client, org):
    soql = "SELECT Id FROM PlatformEventChannelMember WHERE DeveloperName = 'ChangeEvents_ContactChangeEvent'"
    [row] = (await client.get(f"{V}/tooling/query", params={"q": soql})).json()["records"]
    body = {"Metadata": member(channel="ChangeEvents", enrichedFields=[{"name": "Email"}])["Metadata"]}
    assert (await client.patch(f"{T}/PlatformEventChannelMember/{row['Id']}", json=body)).status_code == 204
    record_id = org.create("Contact", {"LastName": "A", "Email": "a@example.com"})
    org.update("Contact", record_id, {"Phone": "1"})
    assert delivered(org, "/data/ChangeEvents")[-1]["payload"]["Email"] == "a@example.com"
    assert "Email" not in delivered(org, "/data/ContactChangeEvent")[-1]["payload"]


async def test_gap_events_are_neither_enriched_nor_held_back_for_values_they_lack(client, org):
    filtered = member(filterExpression="LastName = 'A' AND ChangeEventHeader.changeType != 'GAP_DELETE'")
    await make_channel(client, filtered)
    record_id = org.create("Contact", {"LastName": "Z"})
    org.emit_gap("Contact", [record_id], "UPDATE")
    org.emit_gap("Contact", [record_id], "DELETE")
    [event] = delivered(org)
    assert event["payload"]["ChangeEventHeader"]["changeType"] == "GAP_UPDATE"
    assert set(event["payload"]) == {"ChangeEventHeader"}


async def test_avro_names_no_enriched_field_among_the_changed(client, org):
    await make_channel(client, member(enrichedFields=[{"name": "Email"}, {"name": "MailingCity"}]))
    record_id = org.create("Contact", {"LastName": "A", "Email": "a@example.com", "MailingCity": "Bergen"})
    org.update("Contact", record_id, {"MailingStreet": "1"})
    channel = org.channels.find("/data/Sales__chn")
    rows, _ = org.bus.read(org.bus.newest - 1, channel.entities, 10, 10**6)
    [event] = org.channels.hand_out(channel, rows)
    body = orjson.loads(event.data)
    schema = org.channels.schema_json(body["schema"])
    codec = EventCodec(schema)
    plain = fields_of(codec.encode(orjson.loads(rows[0][3])["payload"]), schema)
    enriched = fields_of(codec.encode(body["payload"], event.extra), schema)
    assert enriched["ChangeEventHeader"]["changedFields"] == plain["ChangeEventHeader"]["changedFields"]
    assert enriched["Email"] == "a@example.com"
    assert enriched["MailingAddress"]["City"] == "Bergen"


def fields_of(payload: bytes, schema: str) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(payload), fastavro.parse_schema(orjson.loads(schema)))


async def test_scripted_faults_drop_and_repeat_events(client, org):
    first, second = (org.create("Contact", {"LastName": name}) for name in "AB")
    org.faults.add(FaultRule(point="event", kind="drop", match="Contact", times=1))
    assert ids_of(delivered(org, "/data/ChangeEvents")) == [second]
    org.faults.clear()
    org.faults.add(FaultRule(point="event", kind="duplicate", match="Contact", times=1))
    assert ids_of(delivered(org, "/data/ChangeEvents")) == [first, first, second]


async def test_a_managed_subscription_is_set_up_with_its_defaults(client):
    body = {"FullName": "Intake", "Metadata": {"label": "Intake", "topicName": "/data/ChangeEvents"}}
    made = await client.post(f"{T}/ManagedEventSubscription", json=body)
    assert made.status_code == 201
    assert made.json()["id"].startswith("18x")
    soql = "SELECT Id, DeveloperName, Metadata FROM ManagedEventSubscription WHERE DeveloperName = 'Intake'"
    [row] = (await client.get(f"{V}/tooling/query", params={"q": soql})).json()["records"]
    assert row["Metadata"]["state"] == "RUN"
    assert row["Metadata"]["defaultReplay"] == "LATEST"
    nowhere = {"FullName": "X", "Metadata": {"label": "X", "topicName": "/data/Nothing__chn"}}
    assert (
        error(await client.post(f"{T}/ManagedEventSubscription", json=nowhere))["errorCode"]
        == "INVALID_INPUT"
    )


async def test_schemas_are_served_by_event_and_by_id(client, org):
    org.create("Contact", {"LastName": "A"})
    [event] = delivered(org, "/data/ChangeEvents")
    compact = {"payloadFormat": "COMPACT"}
    by_id = await client.get(f"{V}/event/eventSchema/{event['schema']}", params=compact)
    by_name = await client.get(f"{V}/sobjects/ContactChangeEvent/eventSchema", params=compact)
    assert by_id.json() == by_name.json()
    assert fastavro.parse_schema(by_id.json())
    expanded = (await client.get(f"{V}/event/eventSchema/{event['schema']}")).json()
    assert expanded["type"] == "expanded-record"
    bad = await client.get(f"{V}/event/eventSchema/{event['schema']}", params={"payloadFormat": "WIDE"})
    assert bad.status_code == 400
    assert (await client.get(f"{V}/event/eventSchema/nothing")).status_code == 404


async def test_definitions_cannot_be_written_through_the_tooling_api(client):
    answer = await client.post(f"{T}/EntityDefinition", json={})
    assert error(answer)["errorCode"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert (await client.post(f"{T}/Nope", json={})).status_code == 404
