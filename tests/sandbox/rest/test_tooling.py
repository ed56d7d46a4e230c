"""The Tooling API: what the org is made of, as rows."""

import pytest

from tests.sandbox.rest_client import V, error

T = f"{V}/tooling"


async def ask(client, soql, path=f"{T}/query"):
    return await client.get(path, params={"q": soql})


@pytest.mark.parametrize("path", [f"{T}/query", f"{T}/queryAll/", f"{V}/query"])
async def test_fields_are_rows_with_their_classification(client, path):
    soql = (
        "SELECT QualifiedApiName, DataType, ComplianceGroup, SecurityClassification, EntityDefinition.QualifiedApiName "
        "FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Contact' AND ComplianceGroup INCLUDES ('PII')"
    )
    answer = await ask(client, soql, path)
    assert answer.status_code == 200
    rows = {row["QualifiedApiName"]: row for row in answer.json()["records"]}
    assert "LastName" in rows
    assert rows["LastName"]["EntityDefinition"]["QualifiedApiName"] == "Contact"
    assert {row["SecurityClassification"] for row in rows.values()} <= {"Confidential", "Restricted"}
    assert "AccountId" not in rows


async def test_fields_may_be_asked_for_by_the_entitys_key(client):
    soql = (
        "SELECT DurableId, DataType FROM FieldDefinition "
        "WHERE EntityDefinitionId = 'Account' AND DurableId = 'Account.Name'"
    )
    [row] = (await ask(client, soql)).json()["records"]
    assert row["DurableId"] == "Account.Name"
    assert row["DataType"] == "Text(255)"


async def test_fields_of_all_objects_at_once_are_refused(client):
    answer = await ask(client, "SELECT QualifiedApiName FROM FieldDefinition")
    assert answer.status_code == 400
    assert error(answer) == {
        "errorCode": "MALFORMED_QUERY",
        "message": "FieldDefinition: a filter on a reified column is required [EntityDefinitionId,DurableId]",
    }


async def test_objects_are_rows(client, org):
    soql = (
        "SELECT QualifiedApiName, KeyPrefix, IsCustomizable FROM EntityDefinition ORDER BY QualifiedApiName"
    )
    rows = (await ask(client, soql)).json()["records"]
    assert [row["QualifiedApiName"] for row in rows] == sorted(org.store.objects, key=str.lower)
    [account] = [row for row in rows if row["QualifiedApiName"] == "Account"]
    assert (account["KeyPrefix"], account["IsCustomizable"]) == ("001", True)


async def test_an_object_that_has_no_rows_is_unknown(client):
    answer = await ask(client, "SELECT Id FROM ApexTrigger")
    assert answer.status_code == 400
    assert error(answer)["errorCode"] == "INVALID_TYPE"
    assert "sObject type 'ApexTrigger' is not supported." in error(answer)["message"]


async def test_another_family_adds_an_object_by_adding_its_rows(org):
    from sandbox.org.tooling.model import Tooling

    tooling = Tooling(org)
    row = {"Id": "0YL000000000001AAA", "DeveloperName": "Orders", "ChannelType": "data"}
    tooling.providers["PlatformEventChannel"] = lambda: [row]
    result = tooling.in_setup().query("SELECT DeveloperName, ChannelType FROM PlatformEventChannel", "")
    assert result["totalSize"] == 1


async def test_the_objects_are_described(client):
    listed = (await client.get(f"{T}/sobjects")).json()["sobjects"]
    assert {"EntityDefinition", "FieldDefinition", "PlatformEventChannelMember"} <= {
        entry["name"] for entry in listed
    }
    described = (await client.get(f"{T}/sobjects/FieldDefinition/describe")).json()
    assert "ComplianceGroup" in {field["name"] for field in described["fields"]}
    assert (await client.get(f"{T}/sobjects/Nope/describe")).status_code == 404
