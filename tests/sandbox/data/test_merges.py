"""Merges of accounts and contacts: a delete of the losers and an update of the winner, with the
losers' children moved (SOAP API Developer Guide, "merge()"; Apex Developer Guide, "Triggers and
Merge Statements").
"""

from typing import Any

import orjson
import pytest

from sandbox.org.errors import SalesforceError
from sandbox.org.state.merges import Merge, Merged, Merger
from sandbox.org.state.org import Org
from sandbox.org.state.schema_changes import SchemaChanges
from tests.sandbox.org_in_process import client_of
from tests.sandbox.rest_client import V


@pytest.fixture
async def client(org):
    async with client_of(org) as found:
        yield found


def merge(org: Org, name: str, winner: str, *losers: str, **fields: Any) -> Merged:
    with org.transaction() as tx:
        return Merger(org, tx).merge(Merge(name, winner, losers, fields))


def told(org: Org, since: int) -> list[tuple[str, str, list[str]]]:
    """Object, kind and records of the events after a replay id."""
    rows, _ = org.bus.read(since, None, 10_000, 10**9)
    headers = [orjson.loads(row[3])["payload"]["ChangeEventHeader"] for row in rows]
    return [(each["entityName"], each["changeType"], each["recordIds"]) for each in headers]


def value(org: Org, name: str, record_id: str, field: str) -> Any:
    return org.records[name].whole(record_id)[field]


def accounts(org: Org, count: int) -> list[str]:
    return [org.create("Account", {"Name": f"A{number}"}) for number in range(count)]


async def test_a_merge_is_a_delete_of_the_losers_and_an_update_of_the_winner(org):
    winner, one, two = accounts(org, 3)
    since = org.bus.newest
    merge(org, "Account", winner, one, two, Phone="1")
    assert told(org, since) == [("Account", "DELETE", [one, two]), ("Account", "UPDATE", [winner])]
    assert value(org, "Account", winner, "Phone") == "1"
    assert org.records["Account"].is_binned(one)


async def test_the_winner_is_updated_even_when_none_of_its_values_changes(org):
    winner, loser = accounts(org, 2)
    since = org.bus.newest
    merge(org, "Account", winner, loser)
    assert told(org, since)[-1] == ("Account", "UPDATE", [winner])


async def test_the_winner_takes_over_nothing_by_itself(org):
    winner = org.create("Account", {"Name": "A"})
    loser = org.create("Account", {"Name": "B", "Phone": "1"})
    merge(org, "Account", winner, loser)
    assert value(org, "Account", winner, "Phone") is None


async def test_children_of_every_object_become_the_winners(org):
    winner, loser = accounts(org, 2)
    contact = org.create("Contact", {"LastName": "C", "AccountId": loser})
    case = org.create("Case", {"Status": "New", "AccountId": loser})
    request = org.create("ServiceRequest__c", {"Status__c": "Submitted", "Account__c": loser})
    since = org.bus.newest
    merged = merge(org, "Account", winner, loser)
    assert set(merged.moved) == {contact, case, request}
    assert value(org, "Contact", contact, "AccountId") == winner
    assert value(org, "Case", case, "AccountId") == winner
    assert value(org, "ServiceRequest__c", request, "Account__c") == winner
    kinds = told(org, since)
    assert kinds[0] == ("Account", "DELETE", [loser])
    assert {kind[0] for kind in kinds[1:-1]} == {"Contact", "Case", "ServiceRequest__c"}


async def test_by_a_dial_children_move_without_events_and_their_modstamp_moves(org):
    winner, loser = accounts(org, 2)
    contact = org.create("Contact", {"LastName": "C", "AccountId": loser})
    modified = value(org, "Contact", contact, "LastModifiedDate")
    org.advance_clock(60)
    org.dials.events.reparented_children = False
    since = org.bus.newest
    merge(org, "Account", winner, loser)
    assert {kind[0] for kind in told(org, since)} == {"Account"}
    assert value(org, "Contact", contact, "AccountId") == winner
    assert value(org, "Contact", contact, "LastModifiedDate") == modified
    assert org.records["Contact"].modstamp(contact) > modified


async def test_a_loser_names_its_winner_in_queries_and_in_no_event(client, org):
    winner, loser = accounts(org, 2)
    merge(org, "Account", winner, loser)
    soql = "SELECT Id, MasterRecordId, MasterRecord.Name FROM Account WHERE IsDeleted = true AND MasterRecordId != null"
    [row] = (await client.get(f"{V}/queryAll", params={"q": soql})).json()["records"]
    assert (row["Id"], row["MasterRecordId"], row["MasterRecord"]["Name"]) == (loser, winner, "A0")
    assert "MasterRecordId" not in (org.channels.schema_json(org.channels.schema_ids["Account"]) or "")
    described = (await client.get(f"{V}/sobjects/Account/describe")).json()
    [field] = [each for each in described["fields"] if each["name"] == "MasterRecordId"]
    assert (field["updateable"], field["calculated"], described["mergeable"]) == (False, False, True)


async def test_nobody_writes_what_a_record_was_merged_into(client, org):
    winner, other = accounts(org, 2)
    answer = await client.patch(f"{V}/sobjects/Account/{winner}", json={"MasterRecordId": other})
    assert answer.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


async def test_an_undeleted_loser_has_no_winner_and_gets_no_child_back(org):
    winner, loser = accounts(org, 2)
    contact = org.create("Contact", {"LastName": "C", "AccountId": loser})
    merge(org, "Account", winner, loser)
    org.undelete("Account", loser)
    assert value(org, "Account", loser, "MasterRecordId") is None
    assert value(org, "Contact", contact, "AccountId") == winner


async def test_details_of_a_merged_master_stay_alive(org):
    """A delete of their master would take them along; a merge gives them another parent."""
    winner, loser = (org.create("Contact", {"LastName": name}) for name in "AB")
    case = org.create("Case", {"Status": "New", "ContactId": loser})
    merge(org, "Contact", winner, loser)
    assert value(org, "Case", case, "ContactId") == winner
    assert org.deleted_counts["Case"] == 0


@pytest.mark.parametrize("levels", [1, 2])
async def test_a_winner_below_a_loser_is_refused(org, levels):
    loser = parent = org.create("Account", {"Name": "A"})
    for _ in range(levels):
        parent = org.create("Account", {"Name": "B", "ParentId": parent})
    with pytest.raises(SalesforceError, match="CIRCULAR_DEPENDENCY"):
        merge(org, "Account", parent, loser)
    assert org.deleted_counts["Account"] == 0


async def test_the_children_of_a_loser_in_a_hierarchy_become_the_winners(org):
    winner, loser = accounts(org, 2)
    child = org.create("Account", {"Name": "C", "ParentId": loser})
    assert merge(org, "Account", winner, loser).moved == [child]
    assert value(org, "Account", child, "ParentId") == winner


async def test_a_merge_that_cannot_be_does_nothing(org):
    winner, loser, gone = accounts(org, 3)
    org.delete("Account", gone)
    contact = org.create("Contact", {"LastName": "C"})
    since = org.bus.newest
    for name, ids, code in [
        ("Account", (winner, gone), "ENTITY_IS_DELETED"),
        ("Account", (winner, winner), "DUPLICATE_VALUE"),
        ("Account", (winner, loser, loser), "DUPLICATE_VALUE"),
        ("Account", (winner,), "INVALID_NUMBER_OF_ARGUMENTS"),
        ("Account", (winner, contact), "MALFORMED_ID"),
        ("Case", (winner, loser), "INVALID_TYPE"),
    ]:
        with pytest.raises(SalesforceError, match=code):
            merge(org, name, *ids)
    with pytest.raises(SalesforceError, match="INVALID_FIELD"):
        merge(org, "Account", winner, loser, Nothing="x")
    assert told(org, since) == []
    assert value(org, "Account", loser, "MasterRecordId") is None


async def test_merged_persons_take_their_contacts_along(org):
    SchemaChanges(org).allow_persons()
    winner, loser = (org.create("Account", {"LastName": name}) for name in "AB")
    kept, lost = (value(org, "Account", each, "PersonContactId") for each in (winner, loser))
    case = org.create("Case", {"Status": "New", "ContactId": lost, "AccountId": loser})
    merge(org, "Account", winner, loser)
    assert value(org, "Contact", lost, "MasterRecordId") == kept
    assert (value(org, "Case", case, "ContactId"), value(org, "Case", case, "AccountId")) == (kept, winner)
    org.undelete("Account", loser)
    assert not org.records["Contact"].is_binned(lost)


async def test_a_person_is_merged_with_no_business_and_its_contact_not_by_itself(org):
    SchemaChanges(org).allow_persons()
    person, business = org.create("Account", {"LastName": "A"}), org.create("Account", {"Name": "B"})
    contact, other = (
        value(org, "Account", person, "PersonContactId"),
        org.create("Contact", {"LastName": "C"}),
    )
    with pytest.raises(SalesforceError, match="person account and a business account"):
        merge(org, "Account", person, business)
    with pytest.raises(SalesforceError, match="belongs to a person account"):
        merge(org, "Contact", other, contact)


async def test_the_control_plane_merges_and_says_why_it_cannot(client, org):
    winner, loser = accounts(org, 2)
    asked = {
        "operation": "merge",
        "object": "Account",
        "winner": winner,
        "losers": [loser],
        "fields": {"phone": "1"},
    }
    answer = await client.post("/sandbox/operations", json=asked)
    assert answer.json() == {"winner": winner, "losers": [loser], "moved": []}
    assert value(org, "Account", winner, "Phone") == "1"
    again = await client.post("/sandbox/operations", json=asked)
    assert (again.status_code, "ENTITY_IS_DELETED" in again.text) == (400, True)
