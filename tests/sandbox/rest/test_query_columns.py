"""`?columns=true`: the columns of a query's answer."""

import pytest

from tests.sandbox.rest_client import V

NAMES = {
    "aggregate", "apexType", "booleanType", "columnName", "custom", "displayName", "foreignKeyName", "insertable",
    "joinColumns", "numberType", "textType", "updatable",
}  # fmt: skip


async def columns(client, soql, resource="query"):
    answer = await client.get(f"{V}/{resource}", params={"q": soql, "columns": "true"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_field_has_its_column_with_its_type(client):
    found = await columns(client, "SELECT Id, Name, Verified__c, OpenBalance__c FROM Account")
    by_name = {column["columnName"]: column for column in found["columnMetadata"]}
    assert list(by_name) == ["Id", "Name", "Verified__c", "OpenBalance__c"]
    assert all(set(column) == NAMES for column in by_name.values())
    assert (found["entityName"], found["keyPrefix"]) == ("Account", "001")
    assert (found["idSelected"], found["groupBy"]) == (True, False)
    assert [by_name["Id"]["apexType"], by_name["Id"]["insertable"]] == ["Id", False]
    assert [by_name["Verified__c"][key] for key in ("booleanType", "custom", "textType")] == [
        True,
        True,
        False,
    ]
    assert by_name["OpenBalance__c"]["numberType"]
    assert by_name["Name"]["updatable"]


async def test_fields_of_a_parent_are_columns_of_its_column(client):
    found = await columns(client, "SELECT Name, Account.Name, Account.Parent.Name FROM Contact")
    account = found["columnMetadata"][1]
    assert (account["columnName"], account["foreignKeyName"]) == ("Account", "AccountId")
    assert [column["columnName"] for column in account["joinColumns"]] == ["Name", "Parent"]
    assert account["joinColumns"][1]["joinColumns"][0]["columnName"] == "Name"


async def test_a_subquery_is_an_aggregate_with_columns(client):
    found = await columns(client, "SELECT Name, (SELECT Id, Email FROM Contacts) FROM Account", "queryAll")
    contacts = found["columnMetadata"][1]
    assert (contacts["columnName"], contacts["aggregate"]) == ("Contacts", True)
    assert [column["columnName"] for column in contacts["joinColumns"]] == ["Id", "Email"]


async def test_an_aggregate_is_shown_by_its_call(client):
    found = await columns(
        client, "SELECT Type, COUNT(Id), SUM(AnnualRevenue) total FROM Account GROUP BY Type"
    )
    kind, count, total = found["columnMetadata"]
    assert found["groupBy"]
    assert (kind["columnName"], kind["aggregate"]) == ("Type", False)
    assert (count["columnName"], count["displayName"], count["aggregate"]) == ("expr0", "COUNT(Id)", True)
    assert total["columnName"] == "total"


@pytest.mark.parametrize("soql", ["SELECT Nope FROM Account", "SELECT FROM"])
async def test_a_wrong_query_has_no_columns(client, soql):
    answer = await client.get(f"{V}/query", params={"q": soql, "columns": "true"})
    assert answer.status_code == 400


async def test_rows_that_describe_the_org_have_columns_too(client):
    soql = "SELECT QualifiedApiName FROM EntityDefinition"
    for resource in ("query", "tooling/query"):
        found = await columns(client, soql, resource)
        assert [column["columnName"] for column in found["columnMetadata"]] == ["QualifiedApiName"]
