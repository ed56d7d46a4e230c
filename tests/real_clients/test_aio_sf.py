"""aio-sf: exports an object by Bulk API 2.0 to a Parquet file, with types from describe."""

import pytest

from tests.real_clients.client import python_driver

pytestmark = pytest.mark.real_client


@pytest.fixture
def call(salesforce):
    return lambda name, **given: python_driver(salesforce, "aio-sf", name, **given)


def test_a_void_token_is_refreshed(salesforce, call):
    assert call("refreshed") == [salesforce.identity["org_id"]]


def test_an_export_has_every_record_in_columns_of_its_types(salesforce, call, tmp_path):
    shown = ["Id", "Name", "NumberOfEmployees", "Verified__c", "Website"]
    found = call("export", object="Account", file=str(tmp_path / "account.parquet"), shown=shown)
    held = salesforce.records("Account")
    assert {row["Id"]: row for row in found["rows"]} == {
        record_id: {name: row[name] for name in shown} for record_id, row in held.items()
    }
    kinds = {name: found["types"][name] for name in ("Verified__c", "EligibleUntil__c", "AnnualRevenue")}
    assert kinds == {"Verified__c": "bool", "EligibleUntil__c": "date32[day]", "AnnualRevenue": "double"}


def test_more_records_than_one_call_takes_go_in_parallel_calls(salesforce, call):
    found = call("collections")
    assert found["made"] == [True] * 450
    held = salesforce.records("Lead", deleted=True)
    assert {held[record_id]["Company"] for record_id in found["updated"]} == {"D"}
    assert all(held[record_id]["IsDeleted"] for record_id in found["deleted"])
    assert len(found["deleted"]) == 10
    assert found["wrong"] == "REQUIRED_FIELD_MISSING"
