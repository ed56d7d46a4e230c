"""Forms of SOQL beyond fields and conditions: subtotals, distances, polymorphic fields, scopes.

Pages: SOQL and SOSL Reference, "GROUP BY ROLLUP", "GROUP BY CUBE", "Identify Subtotals with GROUP
BY", "Location-Based SOQL Queries", "TYPEOF", "USING SCOPE", "Alias Notation".
"""

import pytest

from tests.sandbox.org_in_process import client_of, new_org
from tests.sandbox.rest_client import V, error

LONDON, PARIS, SYDNEY = (51.5074, -0.1278), (48.8566, 2.3522), (-33.8688, 151.2093)
TO_LONDON = "DISTANCE(Address, GEOLOCATION(51.5074, -0.1278), '{}')"


@pytest.fixture
def org(tmp_path):
    opened = new_org(tmp_path)
    yield opened
    opened.store.close()


@pytest.fixture
async def client(org):
    async with client_of(org) as opened:
        yield opened


async def rows(client, soql):
    answer = await client.get(f"{V}/query", params={"q": soql})
    assert answer.status_code == 200, answer.text
    return [{k: v for k, v in each.items() if k != "attributes"} for each in answer.json()["records"]]


async def refused(client, soql, **params):
    answer = await client.get(f"{V}/query", params={"q": soql, **params})
    assert answer.status_code == 400, answer.text
    return error(answer)["errorCode"], error(answer)["message"].splitlines()[-1]


# --- GROUP BY ROLLUP, GROUP BY CUBE, GROUPING()


@pytest.fixture
def leads(org):
    """Five leads: of the Web two that are hot and one of which nobody has said, two by phone,
    cold.
    """
    for source, rating in (
        ("Web", "Hot"),
        ("Web", "Hot"),
        ("Web", None),
        ("Phone", "Cold"),
        ("Phone", "Cold"),
    ):
        org.create("Lead", {"LastName": "L", "Company": "C", "LeadSource": source, "Rating": rating})


SUMMED = "GROUPING(LeadSource) s, GROUPING(Rating) r, COUNT(Id) n"


async def test_a_rollup_adds_a_row_for_each_beginning_of_its_fields(client, leads):
    soql = f"SELECT LeadSource, Rating, {SUMMED} FROM Lead GROUP BY ROLLUP(LeadSource, Rating)"
    assert [tuple(row.values()) for row in await rows(client, soql)] == [
        ("Phone", "Cold", 0, 0, 2),
        ("Phone", None, 0, 1, 2),
        ("Web", None, 0, 0, 1),
        ("Web", "Hot", 0, 0, 2),
        ("Web", None, 0, 1, 3),
        (None, None, 1, 1, 5),
    ]


async def test_a_cube_adds_a_row_for_each_choice_of_its_fields(client, leads):
    soql = (
        f"SELECT LeadSource, Rating, {SUMMED} FROM Lead GROUP BY CUBE(LeadSource, Rating) "
        "ORDER BY GROUPING(LeadSource), GROUPING(Rating), LeadSource, Rating NULLS LAST"
    )
    assert [tuple(row.values()) for row in await rows(client, soql)] == [
        ("Phone", "Cold", 0, 0, 2),
        ("Web", "Hot", 0, 0, 2),
        ("Web", None, 0, 0, 1),
        ("Phone", None, 0, 1, 2),
        ("Web", None, 0, 1, 3),
        (None, "Cold", 1, 0, 2),
        (None, "Hot", 1, 0, 2),
        (None, None, 1, 0, 1),
        (None, None, 1, 1, 5),
    ]


async def test_subtotals_are_filtered_ordered_and_limited_like_groups(client, leads):
    soql = (
        "SELECT LeadSource, COUNT(Id) n FROM Lead WHERE Rating != null GROUP BY ROLLUP(LeadSource) "
        "HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC LIMIT 1 OFFSET {}"
    )
    assert await rows(client, soql.format(0)) == [{"LeadSource": None, "n": 4}]
    answer = await client.get(f"{V}/query", params={"q": soql.format(1)})
    assert answer.json()["totalSize"] == 1


async def test_a_subtotal_of_money_is_exact(client, org):
    for stage, amount in (("Prospecting", 0.1), ("Prospecting", 0.2), ("Closed Won", 1000000000.55)):
        org.create(
            "Opportunity", {"Name": "O", "StageName": stage, "CloseDate": "2026-03-01", "Amount": amount}
        )
    soql = "SELECT StageName, SUM(Amount) s FROM Opportunity GROUP BY ROLLUP(StageName)"
    assert [row["s"] for row in await rows(client, soql)] == [1000000000.55, 0.3, 1000000000.85]


async def test_no_record_has_no_total(client):
    assert await rows(client, "SELECT LeadSource, COUNT(Id) FROM Lead GROUP BY ROLLUP(LeadSource)") == []


async def test_columns_of_subtotals_are_described(client):
    params = {"q": f"SELECT {SUMMED} FROM Lead GROUP BY CUBE(LeadSource, Rating)", "columns": "true"}
    described = (await client.get(f"{V}/query", params=params)).json()
    shown = [(each["columnName"], each["displayName"]) for each in described["columnMetadata"]]
    assert shown == [("s", "GROUPING(LeadSource)"), ("r", "GROUPING(Rating)"), ("n", "COUNT(Id)")]
    assert described["groupBy"]


@pytest.mark.parametrize(
    ("grouped", "words"),
    [
        ("ROLLUP(LeadSource), Rating", "GROUP BY ROLLUP cannot be combined with other fields to group by"),
        ("CUBE(LeadSource, Rating, Status, Company)", "GROUP BY CUBE takes one to 3 fields"),
        ("ROLLUP()", "GROUP BY ROLLUP takes one to 3 fields"),
        ("ROLLUP(Description)", "field 'Description' can not be grouped in a query call"),
    ],
)
async def test_subtotals_of_no_such_fields_are_refused(client, grouped, words):
    soql = f"SELECT COUNT(Id) FROM Lead GROUP BY {grouped}"
    assert await refused(client, soql) == ("MALFORMED_QUERY", words)


async def test_grouping_is_for_subtotals_alone(client):
    soql = "SELECT LeadSource, GROUPING(LeadSource) FROM Lead GROUP BY LeadSource"
    code, words = await refused(client, soql)
    assert (code, words) == (
        "MALFORMED_QUERY",
        "GROUPING takes a field of a GROUP BY ROLLUP or CUBE: LeadSource",
    )


# --- DISTANCE, GEOLOCATION


@pytest.fixture
def places(org):
    """Leads in London, Paris and Sydney, and one of which nobody knows where it is."""
    for name, place in (("London", LONDON), ("Paris", PARIS), ("Sydney", SYDNEY), ("Nowhere", (None, None))):
        values = dict(zip(("Latitude", "Longitude"), place, strict=True))
        org.create("Lead", {"LastName": name, "Company": "C", **values})


@pytest.mark.parametrize(("unit", "to_paris"), [("km", 343.6), ("mi", 213.5), ("KM", 343.6)])
async def test_a_distance_is_selected_in_its_unit(client, places, unit, to_paris):
    soql = f"SELECT LastName, {TO_LONDON.format(unit)} far FROM Lead WHERE LastName IN ('Paris', 'Nowhere')"
    found = {row["LastName"]: row["far"] for row in await rows(client, soql)}
    assert found == {"Paris": pytest.approx(to_paris, abs=0.1), "Nowhere": None}


async def test_a_distance_without_a_name_is_numbered(client, places):
    soql = f"SELECT LastName, {TO_LONDON.format('km')}, FORMAT({TO_LONDON.format('mi')}) FROM Lead WHERE LastName = 'London'"
    assert await rows(client, soql) == [{"LastName": "London", "expr0": 0.0, "expr1": "0"}]


async def test_a_distance_filters_and_sorts(client, places):
    near = f"SELECT LastName FROM Lead WHERE {TO_LONDON.format('mi')} < 300 ORDER BY {TO_LONDON.format('mi')} DESC"
    assert [row["LastName"] for row in await rows(client, near)] == ["Paris", "London"]
    far = f"SELECT LastName FROM Lead WHERE {TO_LONDON.format('km')} > 400"
    assert [row["LastName"] for row in await rows(client, far)] == ["Sydney"]
    nearest = f"SELECT LastName FROM Lead ORDER BY {TO_LONDON.format('km')} NULLS LAST LIMIT 2"
    assert [row["LastName"] for row in await rows(client, nearest)] == ["London", "Paris"]


async def test_a_distance_between_two_places_of_a_record_is_measured(client, org):
    for name in ("From__c", "To__c"):
        answer = await client.post("/sandbox/fields/Account", json={"name": name, "type": "location"})
        assert answer.status_code == 200, answer.text
    parts = ("From__Latitude__s", "From__Longitude__s", "To__Latitude__s", "To__Longitude__s")
    account = org.create("Account", {"Name": "A", **dict(zip(parts, (*LONDON, *PARIS), strict=True))})
    org.create("Contact", {"LastName": "C", "AccountId": account})
    assert await rows(client, "SELECT DISTANCE(From__c, To__c, 'km') d FROM Account") == [
        {"d": pytest.approx(343.6, abs=0.1)}
    ]
    of_parent = (
        "SELECT LastName FROM Contact WHERE DISTANCE(Account.To__c, GEOLOCATION(48.8566, 2.3522), 'mi') < 1"
    )
    assert await rows(client, of_parent) == [{"LastName": "C"}]


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        ("DISTANCE(GEOLOCATION(1, 2), Address, 'km')", "The first location of DISTANCE must be a field"),
        ("DISTANCE(Address, GEOLOCATION(1, 2), 'miles')", "The unit of DISTANCE must be 'mi' or 'km'"),
        ("DISTANCE(Address, GEOLOCATION(1, 2))", "DISTANCE takes two locations and a unit"),
        ("DISTANCE(Address, 'here', 'km')", "The second location of DISTANCE must be a field or GEOLOCATION"),
        (
            "DISTANCE(Address, GEOLOCATION(91, 2), 'km')",
            "GEOLOCATION takes a latitude of -90 to 90 and a longitude of -180 to 180",
        ),
        (
            "DISTANCE(Company, GEOLOCATION(1, 2), 'km')",
            "field 'Company' can not be used in DISTANCE: it has no latitude and longitude",
        ),
    ],
)
async def test_a_distance_of_no_places_is_refused(client, distance, words):
    assert (await refused(client, f"SELECT Id FROM Lead WHERE {distance} < 1"))[1] == words


@pytest.mark.parametrize("condition", ["= 1", "<= 1", "!= 1", "IN (1)"])
async def test_a_distance_is_only_within_or_beyond(client, condition):
    code, _ = await refused(client, f"SELECT Id FROM Lead WHERE {TO_LONDON.format('km')} {condition}")
    assert code == "INVALID_QUERY_FILTER_OPERATOR"


async def test_describe_says_by_which_fields_distances_are_queried(client):
    fields = (await client.get(f"{V}/sobjects/Lead/describe")).json()["fields"]
    assert {field["name"] for field in fields if field["queryByDistance"]} == {"Address"}
    fields = (await client.get(f"{V}/sobjects/Account/describe")).json()["fields"]
    assert {field["name"] for field in fields if field["queryByDistance"]} == {
        "BillingAddress", "ShippingAddress",
    }  # fmt: skip


# --- TYPEOF


@pytest.fixture
def tasks(org):
    """Tasks of an account, of an opportunity, of a case, and of nothing."""
    account = org.create("Account", {"Name": "A", "Phone": "123"})
    deal = {"Name": "O", "StageName": "Prospecting", "CloseDate": "2026-03-01", "AccountId": account}
    what = {
        "account": account,
        "opportunity": org.create("Opportunity", deal),
        "case": org.create("Case", {"Subject": "S"}),
        "nothing": None,
    }
    return {org.create("Task", {"Subject": name, "WhatId": each}): each for name, each in what.items()}


async def test_typeof_shows_fields_by_the_object_that_is_referred_to(client, tasks):
    soql = (
        "SELECT Subject, TYPEOF What WHEN Account THEN Phone, Name WHEN Opportunity THEN StageName, Account.Name "
        "ELSE CaseNumber END, WhoId FROM Task ORDER BY Subject"
    )
    found = {row["Subject"]: row["What"] for row in await rows(client, soql)}
    assert {name: record and record.pop("attributes")["type"] for name, record in found.items()} == {
        "account": "Account", "opportunity": "Opportunity", "case": "Case", "nothing": None,
    }  # fmt: skip
    found["opportunity"]["Account"].pop("attributes")
    assert found == {
        "account": {"Phone": "123", "Name": "A"},
        "opportunity": {"StageName": "Prospecting", "Account": {"Name": "A"}},
        "case": {"CaseNumber": "00000001"},
        "nothing": None,
    }


async def test_typeof_shows_only_the_address_of_what_it_does_not_name(client, tasks):
    soql = "SELECT TYPEOF What WHEN Account THEN Phone END FROM Task WHERE Subject = 'case'"
    [row] = await rows(client, soql)
    [case] = [each for each in tasks.values() if each and each.startswith("500")]
    assert row["What"] == {"attributes": {"type": "Case", "url": f"{V}/sobjects/Case/{case}"}}


async def test_two_typeofs_stand_in_one_query(client, org):
    contact = org.create("Contact", {"LastName": "C"})
    org.create("Task", {"Subject": "S", "WhoId": contact})
    soql = (
        "SELECT TYPEOF Who WHEN Contact THEN LastName END, TYPEOF Owner WHEN User THEN Username END FROM Task"
    )
    [row] = await rows(client, soql)
    assert (row["Who"]["LastName"], row["Owner"]["Username"]) == ("C", org.identity.username)


@pytest.mark.parametrize(
    ("soql", "code", "words"),
    [
        ("SELECT TYPEOF Account WHEN Account THEN Name END FROM Task", "MALFORMED_QUERY",
         "TYPEOF takes a relationship to several objects: Account"),
        ("SELECT TYPEOF What WHEN Lead THEN Name END FROM Task", "INVALID_FIELD", "What does not refer to Lead"),
        ("SELECT What.Name, TYPEOF What WHEN Account THEN Phone END FROM Task", "MALFORMED_QUERY",
         "TYPEOF and the select list cannot both use the relationship What"),
        ("SELECT TYPEOF What WHEN Account THEN Phone END, COUNT(Id) FROM Task GROUP BY WhatId", "MALFORMED_QUERY",
         "Grouped queries have no TYPEOF"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT TYPEOF What WHEN Account THEN Id END FROM Task)",
         "MALFORMED_QUERY", "Semi join subqueries must select one field"),
    ],
)  # fmt: skip
async def test_typeof_where_none_may_stand_is_refused(client, soql, code, words):
    assert await refused(client, soql) == (code, words)


async def test_typeof_names_fields_of_the_object_it_is_about(client):
    soql = "SELECT TYPEOF What WHEN Account THEN StageName END FROM Task"
    code, words = await refused(client, soql)
    assert code == "INVALID_FIELD"
    assert "No such column 'StageName' on entity 'Account'" in words


async def test_no_bulk_job_takes_a_typeof(client):
    body = {"operation": "query", "query": "SELECT TYPEOF What WHEN Account THEN Phone END FROM Task"}
    answer = await client.post(f"{V}/jobs/query", json=body)
    assert (answer.status_code, error(answer)["errorCode"]) == (400, "API_ERROR")


# --- USING SCOPE


def another_user(org):
    return org.store.connection.execute('SELECT Id FROM "User" ORDER BY Id LIMIT 1 OFFSET 3').fetchone()[0]


async def test_the_scope_team_finds_what_the_caller_is_in_the_team_of(client, org):
    mine, other = (org.create("Account", {"Name": name}) for name in ("Mine", "Other"))
    for account, user in ((mine, org.identity.user_id), (other, another_user(org))):
        org.create("AccountTeamMember", {"AccountId": account, "UserId": user, "TeamMemberRole": "Sales Rep"})
    assert await rows(client, "SELECT Name FROM Account USING SCOPE Team") == [{"Name": "Mine"}]


async def test_the_scope_delegated_finds_tasks_that_the_caller_made_for_others(client, org):
    other = another_user(org)
    org.create("Task", {"Subject": "Mine"})
    org.create("Task", {"Subject": "Given away", "OwnerId": other})
    org.create("Task", {"Subject": "Of others", "OwnerId": other}, user=other)
    assert await rows(client, "SELECT Subject FROM Task USING SCOPE delegated") == [{"Subject": "Given away"}]


@pytest.mark.parametrize(
    ("name", "scopes"),
    [
        ("Account", ["everything", "mine", "team"]),
        ("Task", ["everything", "mine", "delegated"]),
        ("Contact", ["everything", "mine"]),
        ("Product2", ["everything"]),
    ],
)
async def test_the_scopes_of_an_object_are_those_that_describe_lists(client, name, scopes):
    described = (await client.get(f"{V}/sobjects/{name}/describe")).json()
    assert [scope["name"] for scope in described["supportedScopes"]] == scopes
    for scope in scopes:
        await rows(client, f"SELECT Id FROM {name} USING SCOPE {scope}")
    known = {"everything", "mine", "team", "delegated", "my_territory", "mine_and_my_groups", "scopingRule"}
    for scope in known.difference(scopes):
        code, words = await refused(client, f"SELECT Id FROM {name} USING SCOPE {scope}")
        assert (code, words) == ("MALFORMED_QUERY", f"Scope {scope.lower()} is not supported on {name}")


async def test_a_scope_is_explained_and_its_columns_are_described(client):
    soql = "SELECT Id FROM Account USING SCOPE mine"
    assert (await client.get(f"{V}/query", params={"explain": soql})).status_code == 200
    assert (await client.get(f"{V}/query", params={"q": soql, "columns": "true"})).status_code == 200


# --- names for the records of parents


@pytest.fixture
def people(org):
    parent = org.create("Account", {"Name": "Parent"})
    for name, above in (("MyriadPubs", parent), ("Other", None)):
        account = org.create("Account", {"Name": name, "ParentId": above})
        org.create("Contact", {"LastName": f"of {name}", "AccountId": account})
    org.create("Contact", {"LastName": "of none"})


@pytest.mark.parametrize(
    ("soql", "found"),
    [
        ("SELECT c.LastName FROM Contact c, c.Account a WHERE a.name = 'MyriadPubs'", [("of MyriadPubs", None)]),
        ("SELECT LastName, a.Name FROM Contact AS c, C.account AS A WHERE a.Parent.Name = 'Parent'",
         [("of MyriadPubs", "MyriadPubs")]),
        ("SELECT LastName, a.Name FROM Contact c, c.Account a, a.Parent p WHERE p.Name = 'Parent' ORDER BY p.Name",
         [("of MyriadPubs", "MyriadPubs")]),
        ("SELECT LastName FROM Contact, Contact.Account a ORDER BY a.Name NULLS LAST",
         [("of MyriadPubs", None), ("of Other", None), ("of none", None)]),
    ],
)  # fmt: skip
async def test_a_parents_record_gets_a_name_in_the_from(client, people, soql, found):
    told = await rows(client, soql)
    assert [(each["LastName"], (each.get("Account") or {}).get("Name")) for each in told] == found


async def test_records_are_counted_by_a_parents_name_as_in_the_reference(client, people):
    soql = "SELECT count() FROM Contact c, c.Account a WHERE a.name = 'MyriadPubs'"
    answer = await client.get(f"{V}/query", params={"q": soql})
    assert answer.json() == {"totalSize": 1, "done": True, "records": []}


async def test_a_name_for_no_relationship_is_refused(client):
    code, words = await refused(client, "SELECT Id FROM Contact c, c.Nothing n")
    assert code == "INVALID_FIELD"
    assert "Nothing" in words
