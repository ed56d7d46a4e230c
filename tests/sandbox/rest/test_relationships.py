"""Related records by their addresses, change event objects described, and addresses of what the org
has not.
"""

import pytest

from tests.sandbox.rest_client import V, error


@pytest.fixture
def family(org):
    parent = org.create("Account", {"Name": "Parent"})
    return parent, [org.create("Contact", {"LastName": f"C{n}", "AccountId": parent}) for n in range(2)]


async def test_a_parent_is_reached_by_its_relationship(client, org, family):
    parent, [contact, _] = family
    path = f"{V}/sobjects/Contact/{contact}/Account"
    found = (await client.get(path, params={"fields": "Name"})).json()
    assert (found["attributes"]["type"], found["Name"]) == ("Account", "Parent")
    assert (await client.patch(path, json={"Name": "Changed"})).status_code == 204
    assert org.store.connection.execute("SELECT Name FROM Account").fetchone() == ("Changed",)
    assert (await client.get(f"{V}/sobjects/Account/{parent}/Parent")).status_code == 404
    assert (await client.delete(path)).status_code == 204
    assert org.deleted_counts["Account"] == 1


async def test_several_relationships_are_traversed_by_one_address(client, org):
    """REST API Developer Guide, "Traverse Relationships with Friendly URLs": up to five parents, or
    children at the end.
    """
    accounts = [org.create("Account", {"Name": "A0"})]
    for number in range(1, 6):
        accounts.append(org.create("Account", {"Name": f"A{number}", "ParentId": accounts[-1]}))
    contact = org.create("Contact", {"LastName": "C", "AccountId": accounts[-1]})
    path = f"{V}/sobjects/contact/{contact}"
    found = await client.get(f"{path}/account/PARENT/Parent", params={"fields": "name"})
    assert (found.status_code, found.json()["Name"]) == (200, "A3")
    assert (await client.get(f"{path}/Account{'/Parent' * 4}")).json()["Name"] == "A1"
    assert (await client.get(f"{path}/Account{'/Parent' * 5}")).status_code == 404
    below = (await client.get(f"{path}/Account/Parent/ChildAccounts", params={"fields": "Name"})).json()
    assert [each["Name"] for each in below["records"]] == ["A5"]
    assert (await client.get(f"{path}/Account/Nothing/Parent")).status_code == 404
    assert (await client.patch(f"{path}/Account/Parent", json={"Name": "Changed"})).status_code == 204
    assert (await client.get(f"{path}/Account/Parent")).json()["Name"] == "Changed"


async def test_children_are_the_result_of_a_query(client, family):
    parent, contacts = family
    found = (
        await client.get(f"{V}/sobjects/Account/{parent}/Contacts", params={"fields": "Id,LastName"})
    ).json()
    assert (found["totalSize"], found["done"]) == (2, True)
    assert {record["Id"] for record in found["records"]} == set(contacts)


async def test_a_relationship_that_is_none_is_not_found(client, family):
    answer = await client.get(f"{V}/sobjects/Account/{family[0]}/Nope")
    assert (answer.status_code, error(answer)["errorCode"]) == (404, "NOT_FOUND")


async def test_a_change_event_object_is_described(client):
    described = (await client.get(f"{V}/sobjects/contactchangeevent/describe")).json()
    fields = {field["name"]: field for field in described["fields"]}
    assert (described["name"], described["queryable"]) == ("ContactChangeEvent", False)
    assert list(fields)[:3] == ["Id", "ReplayId", "ChangeEventHeader"]
    assert {"Name", "MailingAddress", "LastModifiedDate"} <= set(fields)
    assert "FirstName" not in fields
    assert not any(field["createable"] or field["updateable"] for field in fields.values())
    short = (await client.get(f"{V}/sobjects/ContactChangeEvent")).json()
    assert short["objectDescribe"]["name"] == "ContactChangeEvent"


@pytest.mark.parametrize("path", ["/services/apexrest/Thing", f"{V}/nope"])
async def test_an_address_of_nothing_is_refused_in_json(client, path):
    for method in ("GET", "POST"):
        answer = await client.request(method, path)
        assert (answer.status_code, error(answer)["errorCode"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/graphql", "/search/", "/ui-api/records/001", "/connect/x/y"])
async def test_what_every_org_has_and_this_one_has_not_says_so(client, path):
    for method in ("GET", "POST"):
        answer = await client.request(method, f"{V}{path}")
        assert (answer.status_code, error(answer)["errorCode"]) == (501, "NOT_BUILT")
