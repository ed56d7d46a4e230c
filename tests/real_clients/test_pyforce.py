"""pyforce: the SOAP partner API, in the manner of 2008; everything it does is an XML envelope."""

import pytest

from tests.real_clients.client import python_driver
from tests.real_clients.org import AWKWARD_TEXTS

pytestmark = pytest.mark.real_client


@pytest.fixture
def call(salesforce):
    return lambda name, **given: python_driver(salesforce, "pyforce", name, **given)


def test_a_session_is_opened_known_and_ended(salesforce, call):
    who = salesforce.identity
    assert call("login") == {
        "user": who["user_id"],
        "org": who["org_id"],
        "left": True,
        "refused": "INVALID_LOGIN",
    }


@pytest.mark.parametrize("text", [AWKWARD_TEXTS[0], AWKWARD_TEXTS[2], AWKWARD_TEXTS[3], AWKWARD_TEXTS[6]])
def test_a_record_is_made_read_changed_upserted_and_deleted(salesforce, call, text):
    found = call("crud", text=text)
    assert (found["description"], found["created"]) == (text, [True, False])
    assert found["changed"] == [True, True]
    assert (found["refused"], found["deleted"]) == ("REQUIRED_FIELD_MISSING", True)
    held = salesforce.records("Account", deleted=True)[found["id"]]
    assert (held["Name"], held["Description"], held["IsDeleted"]) == ("Changed by SOAP", None, True)


def test_a_value_of_each_type_comes_back_as_it_went(call):
    assert call("values") == {
        "count": 7, "money": 1.5, "flag": True, "day": "2026-03-01", "is_time": True, "owner": "Integration User",
    }  # fmt: skip


def test_a_query_over_all_pages_gives_every_record(salesforce, call):
    found = call("pages")
    assert sorted(found["ids"]) == sorted(salesforce.records("Payment__c"))
    assert found["size"] == len(found["ids"])


def test_describe_names_objects_fields_and_what_a_task_may_be_about(call):
    found = call("describe")
    assert {"Account", "Lead", "Task", "Payment__c"} <= set(found["objects"])
    assert (found["fields"]["Subject"], found["fields"]["IsClosed"]) == ("combobox", "boolean")
    assert {"Account", "Opportunity", "Campaign"} <= set(found["what"])


def test_updated_and_deleted_name_what_changed_within_the_hour(salesforce, call):
    found = call("changes")
    every = salesforce.records("Account", deleted=True)
    assert set(found["updated"]) == {record_id for record_id, row in every.items() if not row["IsDeleted"]}
    assert set(found["deleted"]) == {record_id for record_id, row in every.items() if row["IsDeleted"]}
