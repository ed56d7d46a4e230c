"""jsforce: the JavaScript client; REST by three grants and SOAP, collections for many records, Bulk
API 2.0, faye for streaming.
"""

import pytest

from tests.real_clients.client import node_driver
from tests.real_clients.org import AWKWARD_TEXTS

pytestmark = pytest.mark.real_client


@pytest.fixture
def call(salesforce):
    return lambda name, **given: node_driver(salesforce, "jsforce", name, **given)


def test_each_way_to_log_in_leads_to_the_org(salesforce, call):
    found = call("login")
    assert set(found) == {"soap", "password grant", "client credentials", "refresh token"}
    assert set(found.values()) == {salesforce.identity["org_id"]}


def test_the_identity_is_the_user_who_logged_in(salesforce, call):
    who = salesforce.identity
    assert call("identity") == {"user_id": who["user_id"], "organization_id": who["org_id"]}


def test_a_record_is_created_read_changed_upserted_and_deleted(salesforce, call):
    text = "".join(AWKWARD_TEXTS[:4])
    found = call("crud", text=text)
    assert found["made"]["success"]
    assert found["read"]["Description"] == text
    assert found["updated"]["success"]
    assert (found["upserted"]["created"], found["again"]["created"]) == (True, False)
    assert found["deleted"]["success"]
    assert found["gone"] in ("ENTITY_IS_DELETED", "NOT_FOUND")
    held = salesforce.records("Account", deleted=True)
    assert held[found["made"]["id"]]["IsDeleted"]
    assert held[found["upserted"]["id"]]["Name"] == "Upserted again"


def test_of_many_records_each_has_an_outcome_of_its_own(salesforce, call):
    records = [{"Name": "First of many"}, {"Description": "nameless"}, {"Name": "Third of many"}]
    found = call("collections", records=records)
    assert [row["success"] for row in found["made"]] == [True, False, True]
    assert found["made"][1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert [row["Name"] for row in found["read"]] == ["First of many", "Third of many"]
    assert all(row["success"] for row in found["updated"] + found["deleted"])
    held = salesforce.records("Account", deleted=True)
    first, third = (found["made"][n]["id"] for n in (0, 2))
    assert (held[first]["Type"], held[first]["IsDeleted"], held[third]["IsDeleted"]) == (
        "Household",
        False,
        True,
    )


def test_a_query_over_all_pages_gives_every_record(salesforce, call):
    fields = ["Id", "Name", "Amount__c", "PaidOn__c"]
    known = next(iter(salesforce.records("Payment__c").values()))
    fields = [name for name in fields if name in known]
    found = call("query", soql=f"SELECT {', '.join(fields)} FROM Payment__c", all=False)
    assert {row["Id"]: {name: row[name] for name in fields} for row in found} == {
        record_id: {name: row[name] for name in fields}
        for record_id, row in salesforce.records("Payment__c").items()
    }


def test_a_query_of_all_rows_gives_the_recycle_bin_too(salesforce, call):
    found = call("query", soql="SELECT Id FROM Account", all=True)
    assert {row["Id"] for row in found} == set(salesforce.records("Account", deleted=True))


def test_find_with_like_sort_and_limit_finds_what_it_says(salesforce, call):
    for n in (3, 1, 2):
        salesforce.create("Account", Name=f"100% O'Neil {n}")
    found = call("find", like="100\\% O'Neil%")
    assert [row["Name"] for row in found] == [f"100% O'Neil {n}" for n in (1, 2, 3)]


def test_describe_names_every_field_of_an_account(salesforce, call):
    found = call("describe")
    record = next(iter(salesforce.records("Account").values()))
    assert set(record) <= set(found["fields"])
    assert {"Account", "Contact", "Payment__c"} <= set(found["objects"])


def test_updated_and_deleted_name_what_changed_within_the_hour(salesforce, call):
    found = call("updatedAndDeleted")
    every = salesforce.records("Account", deleted=True)
    assert set(found["updated"]) == {record_id for record_id, row in every.items() if not row["IsDeleted"]}
    assert set(found["deleted"]) == {record_id for record_id, row in every.items() if row["IsDeleted"]}


def test_a_bulk_query_gives_every_record(salesforce, call):
    rows = call("bulkQuery", soql="SELECT Id, Name, Description FROM Account")
    assert {row["Id"]: (row["Name"], row["Description"] or "") for row in rows} == {
        record_id: (row["Name"], row["Description"] or "")
        for record_id, row in salesforce.records("Account").items()
    }


def test_bulk_ingest_says_of_each_row_how_it_went(salesforce, call):
    texts = [text for text in AWKWARD_TEXTS if text != "#N/A"]
    records = [{"Name": f"Jsforce bulk {n}", "Description": text} for n, text in enumerate(texts)]
    found = call(
        "bulkIngest", operation="insert", records=[*records, {"Name": "", "Description": "nameless"}]
    )
    assert len(found["successfulResults"]) == len(records)
    assert [row["sf__Error"].split(":")[0] for row in found["failedResults"]] == ["REQUIRED_FIELD_MISSING"]
    assert found["unprocessedRecords"] == []
    held = salesforce.records("Account")
    made = [held[row["sf__Id"]] for row in found["successfulResults"]]
    assert {row["Name"]: row["Description"] for row in made} == {
        row["Name"]: row["Description"].strip() for row in records
    }


def test_bulk_upsert_by_external_id_creates_once_and_then_changes(salesforce, call):
    def upsert(name):
        records = [{"ExternalId__c": f"JSB-{n}", "Name": f"{name} {n}"} for n in range(3)]
        found = call("bulkIngest", operation="upsert", key="ExternalId__c", records=records)
        return [row["sf__Created"] for row in found["successfulResults"]]

    assert upsert("Before") == ["true"] * 3
    assert upsert("After") == ["false"] * 3
    held = salesforce.records("Account").values()
    assert sorted(row["Name"] for row in held if (row["ExternalId__c"] or "").startswith("JSB-")) == [
        f"After {n}" for n in range(3)
    ]


def test_bulk_api_1_loads_records(salesforce, call):
    found = call("bulkV1", records=[{"Name": f"By Bulk 1, no. {n}"} for n in range(3)])
    assert [row["success"] for row in found] == [True] * 3
    held = salesforce.records("Account")
    assert [held[row["id"]]["Name"] for row in found] == [f"By Bulk 1, no. {n}" for n in range(3)]


def test_what_is_wrong_with_a_query_is_said_by_code(call):
    expected = {
        "SELECT Nope FROM Account": "INVALID_FIELD",
        "SELECT Id FROM Nope": "INVALID_TYPE",
        "SELECT Id FROM": "MALFORMED_QUERY",
    }
    assert call("refused", queries=list(expected)) == expected


def test_a_stream_from_a_position_gives_what_came_after_it(salesforce, call):
    position = salesforce.control("GET", "/state")["events"]["newest_replay_id"]
    ids = [salesforce.create("Account", Name=f"Streamed {n}", Description=AWKWARD_TEXTS[n]) for n in range(4)]
    messages = call("stream", channel="/data/AccountChangeEvent", replay_id=position, count=4)
    assert [found["payload"]["ChangeEventHeader"]["recordIds"] for found in messages] == [
        [found] for found in ids
    ]
    held = salesforce.records("Account")
    assert [found["payload"]["Description"] for found in messages] == [
        held[found]["Description"] for found in ids
    ]
