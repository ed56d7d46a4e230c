"""Hidden objects and fields do not exist for the integration user; and objects can be taken off the
standard channel.
"""

from typing import Any

import orjson
import pytest

from sandbox.org.permissions.rights import Rights
from sandbox.org.state.org import Org
from schemas.errors import CredentialsRejectedError
from tests.sandbox.org_in_process import client_of
from tests.sandbox.pubsub_org import read_events, running_org
from tests.sandbox.rest.test_soap import envelope
from tests.sandbox.rest_client import V, error

MEMBERS = f"{V}/tooling/sobjects/PlatformEventChannelMember"


@pytest.fixture
async def client(org):
    async with client_of(org) as found:
        yield found


async def take(client, **rights: Any) -> None:
    assert (await client.patch("/sandbox/permissions", json=rights)).status_code == 200


async def described(client, name: str) -> set[str]:
    answer = await client.get(f"{V}/sobjects/{name}/describe")
    return {field["name"] for field in answer.json()["fields"]}


async def query(client, soql: str, path: str = f"{V}/query") -> Any:
    return await client.get(path, params={"q": soql})


def delivered(org: Org, name: str = "/data/ChangeEvents") -> list[dict[str, Any]]:
    channel = org.channels.find(name)
    assert channel is not None
    rows, _ = org.bus.read(org.bus.purged_through, channel.entities, 10_000, 10**9)
    return [orjson.loads(event.data)["payload"] for event in org.channels.hand_out(channel, rows)]


async def test_a_hidden_field_is_in_no_describe_query_write_or_event(client, org):
    await take(client, hidden_fields=["Contact.Email"])
    assert "Email" not in await described(client, "Contact")
    refused = await query(client, "SELECT Email FROM Contact")
    assert error(refused)["errorCode"] == "INVALID_FIELD"
    written = await client.post(f"{V}/sobjects/Contact", json={"LastName": "A", "Email": "a@b.example"})
    assert error(written)["errorCode"] == "INVALID_FIELD"
    org.create("Contact", {"LastName": "A", "Email": "a@b.example"})
    [event] = delivered(org)
    assert "Email" not in event
    assert event["Name"] == {"LastName": "A"}


async def test_a_hidden_part_hides_its_compound_with_all_parts(client, org):
    await take(client, hidden_fields=["Account.BillingCity"])
    assert not {name for name in await described(client, "Account") if name.startswith("Billing")}
    org.create("Account", {"Name": "A", "BillingCity": "Bern", "BillingStreet": "Rue 1"})
    assert "BillingAddress" not in delivered(org)[0]


async def test_describe_says_that_it_has_changed_when_a_permission_has(client):
    seen = (await client.get(f"{V}/sobjects/Case/describe")).headers["Last-Modified"]
    await take(client, hidden_fields=["Case.Description"])
    asked = {"If-Modified-Since": seen}
    assert (await client.get(f"{V}/sobjects/Case/describe", headers=asked)).status_code == 200


async def test_an_object_that_may_not_be_read_is_unknown(client):
    await take(client, objects={"Case": "none"})
    assert (await client.get(f"{V}/sobjects/Case/describe")).status_code == 404
    assert error(await query(client, "SELECT Id FROM Case"))["errorCode"] == "INVALID_TYPE"
    listed = (await client.get(f"{V}/sobjects")).json()["sobjects"]
    assert "Case" not in {each["name"] for each in listed}


async def test_permissions_are_rows_for_whoever_may_view_the_setup(client, org):
    await take(client, view_all_data=False, objects={"Case": "view_all", "Account": "none"})
    [own] = (
        await query(client, "SELECT PermissionsViewAllData, PermissionsApiEnabled FROM UserPermissionAccess")
    ).json()["records"]
    assert (own["PermissionsViewAllData"], own["PermissionsApiEnabled"]) == (False, True)
    soql = (
        "SELECT SobjectType, PermissionsViewAllRecords FROM ObjectPermissions WHERE ParentId IN "
        f"(SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{org.identity.user_id}')"
    )
    rows = {
        row["SobjectType"]: row["PermissionsViewAllRecords"]
        for row in (await query(client, soql)).json()["records"]
    }
    assert rows["Case"]
    assert not rows["Contact"]
    assert "Account" not in rows
    await take(client, view_setup=False)
    assert error(await query(client, soql))["errorCode"] == "INVALID_TYPE"
    assert (await client.get(f"{V}/limits")).status_code == 403


async def test_without_api_enabled_every_call_is_refused_and_counted(client, org):
    await take(client, api_enabled=False)
    before = org.meters.api_calls.used
    assert error(await client.get(f"{V}/limits"))["errorCode"] == "API_DISABLED_FOR_ORG"
    assert org.meters.api_calls.used == before + 1


async def test_without_api_enabled_rest_soap_and_bulk_refuse_in_their_own_words(client, org):
    """Salesforce Help, "User Permissions": API Enabled is access to any Salesforce API."""
    await take(client, api_enabled=False)
    token = client.headers["Authorization"].split()[1]
    rest = await client.get(f"{V}/jobs/query")
    assert (rest.status_code, error(rest)["errorCode"]) == (403, "API_DISABLED_FOR_ORG")
    classic = await client.get(
        "/services/async/67.0/job/750000000000000AAA", headers={"X-SFDC-Session": token}
    )
    assert "<exceptionCode>FeatureNotEnabled</exceptionCode>" in classic.text
    soap = await client.post("/services/Soap/u/67.0", content=envelope("getUserInfo", token))
    assert "<faultcode>sf:API_DISABLED_FOR_ORG</faultcode>" in soap.text


async def test_without_view_all_data_only_channels_of_view_all_records_may_be_followed(org):
    org.give_rights(Rights(view_all_data=False, objects={"Case": "view_all"}))
    channels = org.channels
    may = {
        name: channels.may_follow(channels.find(name))
        for name in ("/data/ChangeEvents", "/data/CaseChangeEvent")
    }
    assert may == {"/data/ChangeEvents": False, "/data/CaseChangeEvent": True}


async def test_a_subscription_without_view_all_data_is_refused_by_cometd_word_by_word(client, org):
    org.give_rights(Rights(view_all_data=False))
    [hello] = (await client.post("/cometd/67.0", json=[{"channel": "/meta/handshake", "id": "1"}])).json()
    asked = {
        "channel": "/meta/subscribe",
        "clientId": hello["clientId"],
        "subscription": "/data/ChangeEvents",
    }
    [answer] = (await client.post("/cometd/67.0", json=[asked])).json()
    assert answer["error"] == "403::User not allowed to subscribe CDC without View All Data permissions"


async def test_pubsub_refuses_a_topic_without_view_all_data_and_leaves_hidden_fields_out(tmp_path):
    async with running_org(tmp_path) as served:
        served.org.give_rights(Rights(hidden_fields=("Contact.Email",)))
        served.org.create("Contact", {"LastName": "A", "Email": "a@b.example"})
        async with served.stream("/data/ContactChangeEvent") as stream:
            [message] = await read_events(stream, 1)
        assert message.data["payload"]["Name"]["LastName"] == "A"
        assert message.data["payload"].get("Email") is None
        served.org.give_rights(Rights(view_all_data=False))
        with pytest.raises(CredentialsRejectedError, match="View All Data"):
            async with served.stream("/data/ContactChangeEvent") as stream:
                await read_events(stream, 1)


async def test_permissions_survive_a_restart_and_end_with_a_reset(client, org):
    await take(client, hidden_fields=["Case.Description"], view_setup=False)
    again = Org(org.store, org.identity, org.edition)
    assert "Description" not in again.entities.all["Case"].fields
    again.reset()
    assert again.permissions.rights == Rights()
    assert "Description" in again.entities.all["Case"].fields


@pytest.mark.parametrize(
    "rights",
    [
        {"hidden_fields": ["Case.Nothing"]},
        {"objects": {"Nothing": "read"}},
        {"objects": {"Case": "some"}},
        {"view_everything": True},
        {"hidden_fields": ["Contact.LastName"]},
    ],
)
async def test_a_permission_that_makes_no_sense_is_refused_and_changes_nothing(client, org, rights):
    assert (await client.patch("/sandbox/permissions", json=rights)).status_code == 400
    assert org.permissions.rights == Rights()


async def test_a_deselected_object_emits_no_event_until_it_is_selected_again(client, org):
    soql = "SELECT Id, FullName FROM PlatformEventChannelMember WHERE SelectedEntity = 'CaseChangeEvent'"
    [row] = (await query(client, soql, f"{V}/tooling/query")).json()["records"]
    assert (await client.delete(f"{MEMBERS}/{row['Id']}")).status_code == 204
    org.create("Case", {"Status": "New"})
    assert delivered(org) == []
    assert delivered(org, "/data/CaseChangeEvent") == []
    again = Org(org.store, org.identity, org.edition)
    assert not again.channels.selects("Case")
    metadata = {"eventChannel": "ChangeEvents", "selectedEntity": "CaseChangeEvent"}
    made = await client.post(MEMBERS, json={"FullName": row["FullName"], "Metadata": metadata})
    assert made.status_code == 201
    org.create("Case", {"Status": "New"})
    assert len(delivered(org)) == len(delivered(org, "/data/CaseChangeEvent")) == 1


async def test_an_object_that_only_another_channel_selects_is_not_on_the_standard_one(client, org):
    soql = "SELECT Id FROM PlatformEventChannelMember WHERE SelectedEntity = 'CaseChangeEvent'"
    [row] = (await query(client, soql, f"{V}/tooling/query")).json()["records"]
    await client.delete(f"{MEMBERS}/{row['Id']}")
    channel = {"FullName": "Own__chn", "Metadata": {"channelType": "data", "label": "Own"}}
    await client.post(f"{V}/tooling/sobjects/PlatformEventChannel", json=channel)
    metadata = {"eventChannel": "Own__chn", "selectedEntity": "CaseChangeEvent"}
    await client.post(MEMBERS, json={"FullName": "Own_CaseChangeEvent", "Metadata": metadata})
    org.create("Case", {"Status": "New"})
    assert (len(delivered(org, "/data/Own__chn")), delivered(org)) == (1, [])
