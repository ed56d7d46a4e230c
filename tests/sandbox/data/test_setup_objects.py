"""Objects that tools read before anything else: how the org is set up, and who its users are."""

import pytest

from tests.sandbox.rest_client import V


async def records(client, soql, resource="query"):
    answer = await client.get(f"{V}/{resource}", params={"q": soql})
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


@pytest.mark.parametrize(
    ("soql", "count"),
    [
        ("SELECT Id, Name, UserType FROM Profile", 2),
        ("SELECT Id, Name, ParentRoleId FROM UserRole", 1),
        ("SELECT Id, Name FROM Group WHERE Type = 'Queue'", 1),
        ("SELECT GroupId, UserOrGroupId FROM GroupMember WHERE Group.Name = 'Intake'", 1),
        ("SELECT QueueId, SobjectType, Queue.Name FROM QueueSobject", 1),
        ("SELECT Id, DeveloperName FROM RecordType WHERE SobjectType = 'Case' AND IsActive = true", 0),
        ("SELECT MasterLabel FROM OpportunityStage WHERE IsClosed = true", 2),
        ("SELECT MasterLabel FROM OpportunityStage WHERE IsWon = true", 1),
        ("SELECT MasterLabel FROM CaseStatus WHERE IsDefault = true", 1),
        ("SELECT Id, Name, Label, IsOwnedByProfile FROM PermissionSet", 1),
        ("SELECT Id, TimeZoneSidKey, LanguageLocaleKey, DefaultAccountAccess FROM Organization", 1),
    ],
)
async def test_the_set_up_is_queried(client, soql, count):
    assert len(await records(client, soql)) == count


async def test_a_user_has_a_profile_and_a_locale(client, org):
    soql = (
        "SELECT Profile.Name, TimeZoneSidKey, LocaleSidKey, EmailEncodingKey, UserRoleId FROM User "
        f"WHERE Id = '{org.identity.user_id}'"
    )
    [user] = await records(client, soql)
    assert user["Profile"]["Name"] == "System Administrator"
    assert (user["TimeZoneSidKey"], user["LocaleSidKey"]) == ("Europe/London", "en_GB")
    others = await records(client, "SELECT Id FROM User WHERE Profile.Name = 'Standard User'")
    assert len(others) == 39


async def test_the_set_up_cannot_be_written_by_the_api(client):
    described = (await client.get(f"{V}/sobjects/Profile/describe")).json()
    assert not described["createable"]
    answer = await client.post(f"{V}/sobjects/Profile", json={"Name": "X"})
    assert answer.status_code == 400


async def test_a_picklist_that_is_not_restricted_has_values_and_takes_others(client):
    fields = (await client.get(f"{V}/sobjects/Account/describe")).json()["fields"]
    [industry] = [field for field in fields if field["name"] == "Industry"]
    assert "Education" in [value["value"] for value in industry["picklistValues"]]
    assert not industry["restrictedPicklist"]
    answer = await client.post(f"{V}/sobjects/Account", json={"Name": "A", "Industry": "Basketry"})
    assert answer.status_code == 201


async def test_tooling_lists_custom_fields_and_no_code(client):
    for name in ("ApexClass", "InstalledSubscriberPackage"):
        assert await records(client, f"SELECT Id FROM {name}", "tooling/query") == []
    soql = "SELECT Id, DeveloperName FROM CustomField WHERE TableEnumOrId = 'Account' AND DeveloperName = 'Region'"
    assert len(await records(client, soql, "tooling/query")) == 1
