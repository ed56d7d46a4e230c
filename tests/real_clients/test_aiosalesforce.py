"""aiosalesforce: an asynchronous client that makes many calls at the same time, over My Domain."""

import pytest

from tests.real_clients.client import python_driver
from tests.real_clients.org import AWKWARD_TEXTS

pytestmark = pytest.mark.real_client


@pytest.fixture
def call(salesforce):
    return lambda name, **given: python_driver(salesforce, "aiosalesforce", name, **given)


def test_each_way_to_log_in_leads_to_the_org(salesforce, call):
    found = call("login")
    assert set(found) == {"client credentials", "soap", "jwt"}
    assert all(ids == [salesforce.identity["org_id"]] for ids in found.values())


def test_a_record_is_made_read_changed_upserted_and_deleted(salesforce, call):
    text = "".join(AWKWARD_TEXTS[:4])
    found = call("crud", text=text)
    assert (found["description"], found["created"]) == (text, [True, False])
    assert found["gone"] in ("ENTITY_IS_DELETED", "NOT_FOUND")
    held = salesforce.records("Account", deleted=True)
    assert held[found["id"]]["IsDeleted"]
    assert held[found["upserted"]]["Name"] == "Async again"


@pytest.mark.parametrize("deleted", [False, True])
def test_a_query_over_all_pages_gives_every_record(salesforce, call, deleted):
    found = call("pages", soql="SELECT Id FROM Payment__c", all=deleted)
    assert sorted(found) == sorted(salesforce.records("Payment__c", deleted=deleted))


def test_twenty_calls_at_once_make_twenty_records(salesforce, call):
    found = call("at_once")
    held = salesforce.records("Account")
    assert {name: held[record_id]["Name"] for name, record_id in found.items()} == {
        name: name for name in found
    }
    assert len(found) == 20


def test_calls_that_refer_to_one_another_are_made_in_one(salesforce, call):
    found = call("composite")
    assert salesforce.records("Account")[found["account"]]["Name"] == found["name"] == "Composite"
    assert found["is_wrong"]


def test_a_bulk_job_says_of_each_row_how_it_went(salesforce, call):
    records = [{"LastName": "Bulk", "Company": "C"}, {"LastName": "", "Company": "Nameless"}]
    found = call("bulk", records=records)
    held = salesforce.records("Lead")
    assert {held[record_id]["LastName"] for record_id in found["made"].values()} == {"Bulk"}
    assert found["failed"] == ["REQUIRED_FIELD_MISSING"]
    assert found["refused"]
