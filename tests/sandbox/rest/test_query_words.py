"""Words of SOQL whose effect is seen in an API's answer: scopes, formats, exact sums."""

from tests.sandbox.rest_client import V, error


async def records(client, soql):
    answer = await client.get(f"{V}/query", params={"q": soql})
    assert answer.status_code == 200, answer.text
    return [{k: v for k, v in each.items() if k != "attributes"} for each in answer.json()["records"]]


async def test_the_scope_mine_finds_what_the_caller_owns(client, org):
    other = org.store.connection.execute('SELECT Id FROM "User" ORDER BY Id LIMIT 1 OFFSET 3').fetchone()[0]
    org.create("Account", {"Name": "Mine"})
    org.create("Account", {"Name": "Other", "OwnerId": other})
    assert await records(client, "SELECT Name FROM Account USING SCOPE mine") == [{"Name": "Mine"}]
    assert len(await records(client, "SELECT Name FROM Account USING SCOPE everything")) == 2
    where = "SELECT Name FROM Account USING SCOPE mine WHERE Name = 'Other' OR Name = 'Mine'"
    assert await records(client, where) == [{"Name": "Mine"}]
    answer = await client.get(f"{V}/query", params={"q": "SELECT Id FROM Organization USING SCOPE mine"})
    assert error(answer)["errorCode"] == "MALFORMED_QUERY"


async def test_a_sum_of_money_has_no_rounding_errors(client, org):
    for amount in (0.1, 0.2, 1234567890.55, None):
        org.create("Account", {"Name": "A", "OpenBalance__c": amount})
    assert await records(client, "SELECT SUM(OpenBalance__c) s FROM Account") == [{"s": 1234567890.85}]
    assert await records(client, "SELECT SUM(OpenBalance__c) FROM Account WHERE Name = 'B'") == [
        {"expr0": None}
    ]
    having = "SELECT Name, SUM(OpenBalance__c) s FROM Account GROUP BY Name HAVING SUM(OpenBalance__c) > 0.2"
    assert len(await records(client, having)) == 1


async def test_format_writes_values_in_the_locale_under_an_alias(client, org):
    org.create(
        "Account",
        {"Name": "A", "OpenBalance__c": 1234.5, "HouseholdSize__c": 12345, "EligibleUntil__c": "2026-03-01"},
    )
    soql = "SELECT OpenBalance__c, FORMAT(OpenBalance__c) money, FORMAT(HouseholdSize__c), FORMAT(EligibleUntil__c) until FROM Account"
    [found] = await records(client, soql)
    assert found == {
        "OpenBalance__c": 1234.5, "money": "$1,234.50", "HouseholdSize__c": "12,345", "until": "01/03/2026",
    }  # fmt: skip
    grouped = "SELECT FORMAT(SUM(OpenBalance__c)) total FROM Account"
    assert await records(client, grouped) == [{"total": "$1,234.50"}]


async def test_a_label_may_have_an_alias_too(client, org):
    org.create("Account", {"Name": "A", "Type": "Customer"})
    assert await records(client, "SELECT toLabel(Type) kind FROM Account") == [{"kind": "Customer"}]
