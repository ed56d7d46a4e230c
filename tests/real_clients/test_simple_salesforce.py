"""simple-salesforce: the most used Python client; it logs in by SOAP and has every login host built
in.
"""

import csv
import io
from typing import Any

import pytest

from tests.real_clients.client import python_driver
from tests.real_clients.org import AWKWARD_TEXTS

pytestmark = pytest.mark.real_client

CLIENT = "simple-salesforce"


@pytest.fixture
def call(salesforce):
    return lambda name, **given: python_driver(salesforce, CLIENT, name, **given)


def test_each_way_to_log_in_leads_to_the_org(salesforce, call):
    found = call("login")
    assert set(found) == {"soap", "password grant", "client credentials", "jwt"}
    assert set(found.values()) == {salesforce.identity["org_id"]}


def test_a_wrong_password_is_an_invalid_login(call):
    refused = call("wrong_password")
    assert refused["code"] == "INVALID_LOGIN"
    assert refused["message"].startswith("Invalid username, password, security token; or user locked out.")


def test_a_record_is_created_read_changed_upserted_and_deleted(salesforce, call):
    text = "".join(AWKWARD_TEXTS[:4])
    found = call("crud", text=text)
    assert found["made"] == {"id": found["made"]["id"], "success": True, "errors": []}
    assert found["read"]["Description"] == text
    assert found["read"]["attributes"]["type"] == "Account"
    assert (found["updated"], found["upserted"], found["again"], found["deleted"]) == (204, 201, 200, 204)
    assert found["found"] == "Upserted again"
    assert found["gone"] == [404, "ENTITY_IS_DELETED"] or found["gone"] == [404, "NOT_FOUND"]
    assert found["refused"] == [400, "INVALID_FIELD"]
    assert salesforce.records("Account")[found["kept"]]["Name"] == "Upserted again"


def test_a_query_over_all_pages_gives_every_record_as_the_org_holds_it(salesforce, call):
    fields = [
        "Id",
        "Name",
        "Description",
        "NumberOfEmployees",
        "Verified__c",
        "RiskScore__c",
        "EligibleUntil__c",
    ]
    found = call("query_all", soql=f"SELECT {', '.join(fields)} FROM Account", deleted=False)
    held = salesforce.records("Account")
    assert {row["Id"]: {name: row[name] for name in fields} for row in found["rows"]} == {
        record_id: {name: row[name] for name in fields} for record_id, row in held.items()
    }
    assert found["usage"] > 0


def test_a_query_of_all_rows_gives_the_recycle_bin_too(salesforce, call):
    found = call("query_all", soql="SELECT Id, IsDeleted FROM Account", deleted=True)
    held = salesforce.records("Account", deleted=True)
    assert {row["Id"]: row["IsDeleted"] for row in found["rows"]} == {
        record_id: row["IsDeleted"] for record_id, row in held.items()
    }
    assert any(row["IsDeleted"] for row in found["rows"])


def test_describe_names_every_field_of_an_account(salesforce, call):
    found = call("describe")
    record = next(iter(salesforce.records("Account").values()))
    assert set(record) <= set(found["fields"])
    assert {"Account", "Contact", "Case", "Payment__c", "ServiceRequest__c"} <= set(found["objects"])
    assert found["limits"]["Max"] > found["limits"]["Remaining"] > 0


def test_updated_and_deleted_name_what_changed_within_the_hour(salesforce, call):
    found = call("updated_and_deleted")
    every = salesforce.records("Account", deleted=True)
    assert set(found["updated"]) == {record_id for record_id, row in every.items() if not row["IsDeleted"]}
    assert set(found["deleted"]) == {record_id for record_id, row in every.items() if row["IsDeleted"]}


def test_bulk_query_pages_hold_every_record(salesforce, call):
    pages = call("bulk_query", soql="SELECT Id, Name, Description FROM Account", page=7)
    held = salesforce.records("Account")
    assert len(pages) == -(-len(held) // 7)
    assert {row["Id"]: row for page in pages for row in _rows(page)} == {
        record_id: {name: row[name] or "" for name in ("Id", "Name", "Description")}
        for record_id, row in held.items()
    }


def test_bulk_ingest_says_of_each_row_how_it_went(salesforce, call):
    records = [
        {"Name": f"Bulk {n}", "Description": text} for n, text in enumerate(AWKWARD_TEXTS) if text != "#N/A"
    ]
    records.append({"Name": "", "Description": "nameless"})
    upserts = [{"ExternalId__c": f"BULK-{n}", "Name": f"Upserted in bulk {n}"} for n in range(3)]
    found = call("bulk_ingest", records=records, upserts=upserts)
    assert found["inserted"]["numberRecordsProcessed"] == len(records)
    assert found["inserted"]["numberRecordsFailed"] == 1
    good, bad = _rows(found["good"]), _rows(found["bad"])
    assert {row["sf__Created"] for row in good} == {"true"}
    assert [row["sf__Error"].split(":")[0] for row in bad] == ["REQUIRED_FIELD_MISSING"]
    held = salesforce.records("Account")
    assert (
        {held[row["sf__Id"]]["Name"]: held[row["sf__Id"]]["Description"] for row in good}
        == {
            record["Name"]: record["Description"].strip()  # texts lose blanks at their ends
            for record in records[:-1]
        }
    )
    assert found["upserted"]["numberRecordsFailed"] == 0
    assert {row["ExternalId__c"] for row in held.values()} >= {row["ExternalId__c"] for row in upserts}


def test_bulk_delete_puts_records_into_the_recycle_bin(salesforce, call):
    ids = [salesforce.create("Account", Name=f"For the bin {n}") for n in range(3)]
    assert call("bulk_delete", ids=ids)["numberRecordsFailed"] == 0
    every = salesforce.records("Account", deleted=True)
    assert all(every[record_id]["IsDeleted"] for record_id in ids)


def _rows(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))
