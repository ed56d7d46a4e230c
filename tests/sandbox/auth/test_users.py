"""Several users with profiles of their own: field-level security, object permissions and sharing
(Salesforce Help, "User Permissions and Access", "Field-Level Security", "Sharing Settings"; Change
Data Capture Developer Guide, "Required Permissions for Change Event Subscribers", "Field-Level
Security").
"""

import json
from typing import Any

import httpx
import pytest

from sandbox.org.permissions.rights import STANDARD, Rights
from sandbox.org.server.app import build_app
from sandbox.org.state.org import Org
from tests.sandbox.auth.test_permissions import described, query, take
from tests.sandbox.org_in_process import http_client
from tests.sandbox.pubsub_org import read_events, running_org
from tests.sandbox.rest.test_soap import envelope
from tests.sandbox.rest_client import V, error
from tests.support.builders.waiting import until

ADA, BEN = "005Tg0000000002IAA", "005Tg0000000003IAA"


@pytest.fixture
async def app(org):
    made = build_app(org)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def admin(app, org):
    async with http_client(app, org) as found:
        yield found


@pytest.fixture
async def ada(app, org):
    async with client_of(app, ADA) as found:
        yield found


@pytest.fixture
async def ben(app, org):
    async with client_of(app, BEN) as found:
        yield found


def client_of(app, user: str) -> httpx.AsyncClient:
    token = app.state.sessions.open(user, "test").token
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app.state.outermost),
        base_url="http://org",
        headers={"Authorization": f"Bearer {token}"},
    )


async def share(admin, **sharing: Any) -> None:
    assert (await admin.patch("/sandbox/sharing", json=sharing)).status_code == 200


async def names(client, soql="SELECT Name FROM Account ORDER BY Name") -> list[str]:
    return [row["Name"] for row in (await query(client, soql)).json()["records"]]


def accounts(org: Org, *owners: str) -> list[str]:
    return [org.create("Account", {"Name": f"A{n}", "OwnerId": owner}) for n, owner in enumerate(owners)]


async def test_a_field_is_hidden_from_one_profile_and_not_from_another(admin, ada, org):
    org.give_rights(Rights(hidden_fields=("Contact.Email",)), STANDARD)
    assert "Email" not in await described(ada, "Contact")
    assert "Email" in await described(admin, "Contact")
    assert error(await query(ada, "SELECT Email FROM Contact"))["errorCode"] == "INVALID_FIELD"
    assert (await query(admin, "SELECT Email FROM Contact")).status_code == 200
    written = await ada.post(f"{V}/sobjects/Contact", json={"LastName": "A", "Email": "a@b.example"})
    assert error(written)["errorCode"] == "INVALID_FIELD"
    assert "Email" not in await described(ada, "ContactChangeEvent")


async def test_a_read_only_field_is_shown_as_such_and_may_not_be_written(ada, org):
    org.give_rights(Rights(read_only_fields=("Case.Subject",)), STANDARD)
    fields = (await ada.get(f"{V}/sobjects/Case/describe")).json()["fields"]
    [subject] = [each for each in fields if each["name"] == "Subject"]
    assert (subject["createable"], subject["updateable"]) == (False, False)
    refused = await ada.post(f"{V}/sobjects/Case", json={"Status": "New", "Subject": "s"})
    assert error(refused)["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert (await ada.post(f"{V}/sobjects/Case", json={"Status": "New"})).status_code == 201


async def test_an_object_that_may_be_read_takes_no_write(ada, org):
    org.give_rights(Rights(objects={"Case": "read"}), STANDARD)
    refused = await ada.post(f"{V}/sobjects/Case", json={"Status": "New"})
    assert error(refused)["errorCode"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert (await query(ada, "SELECT Id FROM Case")).json()["totalSize"] == 0
    assert (await ada.get(f"{V}/sobjects/Case/describe")).json()["createable"] is False


async def test_rows_of_others_are_in_no_answer_while_an_object_is_private(admin, ada, org):
    own, other = accounts(org, ADA, BEN)
    await share(admin, defaults={"Account": "private"})
    assert await names(ada) == ["A0"]
    assert await names(admin) == ["A0", "A1"]
    assert (await query(ada, "SELECT COUNT() FROM Account")).json()["totalSize"] == 1
    assert (await ada.get(f"{V}/sobjects/Account/{other}")).status_code == 404
    assert (await ada.get(f"{V}/sobjects/Account/{own}")).status_code == 200
    token = ada.headers["Authorization"].split()[1]
    asked = envelope("query", token, "<queryString>SELECT Name FROM Account</queryString>")
    assert "<size>1</size>" in (await ada.post("/services/Soap/u/67.0", content=asked)).text


async def test_a_parent_that_is_hidden_is_null_in_a_query(admin, ada, org):
    [account] = accounts(org, BEN)
    org.create("Contact", {"LastName": "C", "AccountId": account, "OwnerId": ADA})
    await share(admin, defaults={"Account": "private"})
    [row] = (await query(ada, "SELECT AccountId, Account.Name FROM Contact")).json()["records"]
    assert (row["AccountId"], row["Account"]) == (account, None)


async def test_what_is_not_shared_for_editing_may_not_be_changed(admin, ada, org):
    own, other = accounts(org, ADA, BEN)
    await share(admin, defaults={"Account": "read"})
    assert await names(ada) == ["A0", "A1"]
    assert (await ada.patch(f"{V}/sobjects/Account/{own}", json={"Phone": "1"})).status_code == 204
    for refused in (
        await ada.patch(f"{V}/sobjects/Account/{other}", json={"Phone": "1"}),
        await ada.delete(f"{V}/sobjects/Account/{other}"),
    ):
        assert error(refused)["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert org.records["Account"].whole(other)["Phone"] is None


@pytest.mark.parametrize(
    ("rights", "may_edit"),
    [
        (Rights(view_all_data=True), False),
        (Rights(view_all_data=False, objects={"Account": "view_all"}), False),
        (Rights(view_all_data=False, objects={"Account": "modify_all"}), True),
        (Rights(view_all_data=False, modify_all_data=True), True),
    ],
)
async def test_view_all_and_modify_all_reach_beyond_sharing(admin, ada, org, rights, may_edit):
    [other] = accounts(org, BEN)
    await share(admin, defaults={"Account": "private"})
    org.give_rights(rights, STANDARD)
    assert await names(ada) == ["A0"]
    changed = await ada.patch(f"{V}/sobjects/Account/{other}", json={"Phone": "1"})
    assert (changed.status_code == 204) is may_edit


async def test_a_rule_shares_all_records_of_an_owner(admin, ada, org):
    accounts(org, BEN, BEN)
    await share(admin, defaults={"Account": "private"})
    assert await names(ada) == []
    rule = {"object": "Account", "owned_by": BEN, "shared_with": ADA}
    await share(admin, rules=[rule])
    assert await names(ada) == ["A0", "A1"]


async def test_another_owner_ends_what_was_shared_by_hand(admin, ada, ben, org):
    [account] = accounts(org, BEN)
    await share(admin, defaults={"Account": "private"})
    one = {"object": "Account", "record_id": account, "user": ADA, "access": "edit"}
    assert (await admin.post("/sandbox/sharing", json=one)).status_code == 200
    assert (await ada.patch(f"{V}/sobjects/Account/{account}", json={"Phone": "1"})).status_code == 204
    since = org.bus.newest
    org.update("Account", account, {"OwnerId": org.identity.user_id})
    assert (await names(ada), await names(ben), await names(admin)) == ([], [], ["A0"])
    rows, _ = org.bus.read(since, None, 10, 10**6)
    assert len(rows) == 1, "sharing that is worked out again changes no record and tells nothing"


async def test_a_bulk_query_sees_what_its_user_sees(admin, ada, org):
    accounts(org, ADA, BEN)
    await share(admin, defaults={"Account": "private"})
    asked = {"operation": "query", "query": "SELECT Name FROM Account"}
    job = (await ada.post(f"{V}/jobs/query", json=asked)).json()["id"]

    async def is_complete() -> bool:
        return (await ada.get(f"{V}/jobs/query/{job}")).json()["state"] == "JobComplete"

    await until(is_complete)
    assert (await ada.get(f"{V}/jobs/query/{job}/results")).text.split() == ['"Name"', '"A0"']


async def test_change_events_ignore_sharing_and_ask_for_view_all(admin, org):
    """Who may view all records of an object gets all its events; who may not gets none of them, and
    is refused the object's own channel.
    """
    accounts(org, ADA)
    await share(admin, defaults={"Account": "private"})
    everything, own = (org.channels.find(f"/data/{name}") for name in ("ChangeEvents", "AccountChangeEvent"))
    rows, _ = org.bus.read(org.bus.purged_through, None, 100, 10**6)
    assert not org.channels.may_follow(own, ADA)
    assert org.channels.hand_out(everything, rows, ADA) == []
    org.give_rights(Rights(view_all_data=False, objects={"Account": "view_all"}), STANDARD)
    assert org.channels.may_follow(own, ADA)
    assert len(org.channels.hand_out(everything, rows, ADA)) == len(rows) == 1


async def test_by_a_dial_a_channel_of_several_objects_is_open_and_leaves_out_what_may_not_be_viewed(org):
    org.dials.events.enforced_at = "delivery"
    org.give_rights(Rights(view_all_data=False, objects={"Account": "view_all"}), STANDARD)
    org.create("Account", {"Name": "A"})
    org.create("Case", {"Status": "New"})
    everything, cases = (org.channels.find(f"/data/{name}") for name in ("ChangeEvents", "CaseChangeEvent"))
    assert (org.channels.may_follow(everything, ADA), org.channels.may_follow(cases, ADA)) == (True, False)
    rows, _ = org.bus.read(org.bus.purged_through, None, 100, 10**6)
    delivered = [json.loads(each.data) for each in org.channels.hand_out(everything, rows, ADA)]
    assert [each["payload"]["ChangeEventHeader"]["entityName"] for each in delivered] == ["Account"]


async def test_a_field_that_is_taken_away_mid_stream_is_missing_from_the_next_event(tmp_path):
    async with running_org(tmp_path) as served:
        made = {"LastName": "A", "Email": "a@b.example"}
        served.org.create("Contact", made)
        async with served.stream("/data/ContactChangeEvent") as stream:
            [before] = await read_events(stream, 1)
            served.org.give_rights(Rights(hidden_fields=("Contact.Email",)))
            served.org.create("Contact", made)
            [after] = await read_events(stream, 1)
        assert before.data["payload"]["Email"] == "a@b.example"
        assert after.data["payload"].get("Email") is None


async def test_a_user_logs_in_once_an_administrator_has_given_a_password(admin, org):
    asked = {"id": ADA, "profile": STANDARD, "password": "secret1"}
    listed = {each["id"]: each for each in (await admin.get("/sandbox/users")).json()["users"]}
    form = {
        "grant_type": "password",
        "client_id": org.identity.client_id,
        "client_secret": org.identity.client_secret,
        "username": listed[ADA]["username"],
        "password": "secret1",
    }
    assert (await admin.post("/services/oauth2/token", data=form)).status_code == 400
    assert (await admin.post("/sandbox/users", json=asked)).json()["password"] == "secret1"
    granted = (await admin.post("/services/oauth2/token", data=form)).json()
    assert granted["id"].endswith(ADA)
    headers = {"Authorization": f"Bearer {granted['access_token']}"}
    who = (await admin.get("/services/oauth2/userinfo", headers=headers)).json()
    assert (who["user_id"], who["preferred_username"]) == (ADA, listed[ADA]["username"])


async def test_a_new_profile_is_given_to_a_user_and_a_reset_takes_it_back(admin, ada, org):
    await take_of(admin, "Auditor", objects={"Case": "none"})
    assert (await admin.post("/sandbox/users", json={"id": ADA, "profile": "Auditor"})).status_code == 200
    assert (await ada.get(f"{V}/sobjects/Case/describe")).status_code == 404
    soql = f"SELECT Profile.Name FROM User WHERE Id = '{ADA}'"
    [row] = (await query(admin, soql)).json()["records"]
    assert row["Profile"]["Name"] == "Auditor"
    org.reset()
    assert (await ada.get(f"{V}/sobjects/Case/describe")).status_code == 200
    unknown = await admin.post("/sandbox/users", json={"id": ADA, "profile": "Nobody"})
    assert unknown.status_code == 400


async def take_of(admin, profile: str, **rights: Any) -> None:
    answer = await admin.patch("/sandbox/permissions", params={"profile": profile}, json=rights)
    assert answer.status_code == 200


async def test_rights_of_others_leave_the_integration_user_alone(admin, org):
    await take_of(admin, STANDARD, hidden_fields=["Case.Subject"], view_all_data=False)
    assert org.permissions.rights == Rights()
    assert "Subject" in await described(admin, "Case")
    await take(admin, hidden_fields=["Case.Subject"])
    assert "Subject" not in await described(admin, "Case")
