"""django-salesforce: an ORM whose queries become SOQL, and whose models are objects of the org."""

import pytest

from tests.real_clients.client import python_driver
from tests.real_clients.org import AWKWARD_TEXTS

pytestmark = pytest.mark.real_client


@pytest.fixture
def call(salesforce):
    return lambda name, **given: python_driver(salesforce, "django-salesforce", name, **given)


@pytest.mark.parametrize("text", [each for each in AWKWARD_TEXTS if each == each.strip()])
def test_a_model_is_saved_read_changed_and_deleted(salesforce, call, text):
    found = call("crud", text=text)
    assert (found["description"], found["changed"]) == (text, "Changed by the ORM")
    assert found["has_time"]
    assert found["is_gone"]
    assert salesforce.records("Account", deleted=True)[found["id"]]["IsDeleted"]


def test_queries_over_relationships_filter_group_and_add_up(call):
    found = call("related")
    assert found == {
        "won": ["Deal 2", "Deal 3"],
        "names": ["Of the ORM's deals"] * 3,
        "either": 2,
        "sums": {"Closed Won": [2, 5.2], "Prospecting": [1, 1.1]},
    }


def test_more_records_than_one_call_takes_are_made_with_defaults(call):
    found = call("many")
    assert found["names"] == [f"Many {number:03d}" for number in range(250)]
    assert found["statuses"] == ["Open - Not Contacted"]


def test_a_query_over_all_pages_gives_every_record(salesforce, call):
    assert set(call("pages")) == set(salesforce.records("Account"))


def test_a_refusal_reaches_the_program_with_its_code_and_fields(call):
    assert call("refusal") == {"code": "REQUIRED_FIELD_MISSING", "fields": ["StageName"]}
