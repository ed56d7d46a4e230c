"""Record types and mass transfers, as people make them on pages that have no API (Object Reference,
"RecordType"; SOAP API Developer Guide, "OwnerChangeOptions").
"""

import orjson
import pytest

from tests.sandbox.org_in_process import client_of
from tests.sandbox.rest_client import V

NEW = "005Tg0000000002IAA"


@pytest.fixture
async def client(org):
    async with client_of(org) as found:
        yield found


async def operate(client, **asked):
    return await client.post("/sandbox/operations", json=asked)


async def make(client, name, *, default=False):
    asked = {"object": "Case", "name": name, "developer_name": name, "is_default": default}
    return (await operate(client, operation="record_type", **asked)).json()["id"]


def last_event(org):
    rows, _ = org.bus.read(org.bus.newest - 1, None, 10, 10**6)
    return orjson.loads(rows[-1][3])["payload"]


async def test_an_operation_takes_its_objects_name_in_any_case_and_short_ids(client, org):
    """Object Reference, "Naming Conventions": names of objects are the same in any case."""
    winner, loser = org.create("Account", {"Name": "A"}), org.create("Account", {"Name": "B"})
    merged = await operate(
        client, operation="merge", object="account", winner=winner[:15], losers=[loser[:15]]
    )
    assert (merged.status_code, merged.json()["losers"]) == (200, [loser]), merged.text
    case = org.create("Case", {"Status": "New"})
    moved = await operate(client, operation="transfer", object="CASE", owner=NEW, record_ids=[case])
    assert moved.json() == {"transferred": 1}
    made = await operate(client, operation="record_type", object="case", name="T", developer_name="T")
    assert made.status_code == 200, made.text


async def test_a_change_of_the_record_type_is_an_update_like_any_other(client, org):
    intake, appeal = await make(client, "Intake"), await make(client, "Appeal")
    case = org.create("Case", {"Status": "New", "RecordTypeId": intake})
    changed = await client.patch(f"{V}/sobjects/Case/{case}", json={"RecordTypeId": appeal})
    assert changed.status_code == 204
    event = last_event(org)
    assert (event["ChangeEventHeader"]["changeType"], event["RecordTypeId"]) == ("UPDATE", appeal)
    soql = "SELECT RecordType.DeveloperName FROM Case"
    [row] = (await client.get(f"{V}/query", params={"q": soql})).json()["records"]
    assert row["RecordType"]["DeveloperName"] == "Appeal"


async def test_new_records_get_the_default_type_and_old_ones_keep_none(client, org):
    old = org.create("Case", {"Status": "New"})
    await make(client, "Intake")
    default = await make(client, "Appeal", default=True)
    new = org.create("Case", {"Status": "New"})
    found = [org.records["Case"].whole(each)["RecordTypeId"] for each in (old, new)]
    assert found == [None, default]


async def test_describe_lists_the_types_with_the_default_and_the_master(client):
    seen = (await client.get(f"{V}/sobjects/Case/describe")).headers["Last-Modified"]
    await make(client, "Intake")
    default = await make(client, "Appeal", default=True)
    answer = await client.get(f"{V}/sobjects/Case/describe", headers={"If-Modified-Since": seen})
    found = {
        each["developerName"]: (each["defaultRecordTypeMapping"], each["master"])
        for each in answer.json()["recordTypeInfos"]
    }
    assert found == {"Intake": (False, False), "Appeal": (True, False), "Master": (False, True)}
    assert default in {each["recordTypeId"] for each in answer.json()["recordTypeInfos"]}


async def test_a_type_that_there_is_not_is_refused_and_a_name_is_taken_once(client, org):
    await make(client, "Intake")
    again = await operate(
        client, operation="record_type", object="Case", name="Other", developer_name="Intake"
    )
    assert (again.status_code, "DUPLICATE_DEVELOPER_NAME" in again.text) == (400, True)
    wrong = await client.post(f"{V}/sobjects/Case", json={"RecordTypeId": "012Tg0000000099AAA"})
    assert wrong.json()[0]["errorCode"] == "INVALID_CROSS_REFERENCE_KEY"


async def test_a_reset_takes_the_record_types_along(client, org):
    await make(client, "Intake")
    org.reset()
    assert "RecordTypeId" not in org.entities.all["Case"].fields
    assert await make(client, "Intake")


async def test_a_mass_transfer_is_one_merged_event(client, org):
    cases = [org.create("Case", {"Status": "New"}) for _ in range(3)]
    kept = org.create("Case", {"Status": "New", "OwnerId": "005Tg0000000003IAA"})
    asked = {"object": "Case", "owner": NEW, "from_owner": org.identity.user_id}
    answer = await operate(client, operation="transfer", **asked)
    assert answer.json() == {"transferred": 3}
    event = last_event(org)
    assert (event["ChangeEventHeader"]["recordIds"], event["OwnerId"]) == (cases, NEW)
    assert org.records["Case"].whole(kept)["OwnerId"] == "005Tg0000000003IAA"


async def test_a_transfer_that_cannot_be_changes_nothing(client, org):
    case = org.create("Case", {"Status": "New"})
    for owner, ids in (("005Tg0000000999AAA", [case]), (NEW, [case, case[:13] + "99AAA"])):
        answer = await operate(client, operation="transfer", object="Case", owner=owner, record_ids=ids)
        assert answer.status_code == 400
    assert org.records["Case"].whole(case)["OwnerId"] == org.identity.user_id
