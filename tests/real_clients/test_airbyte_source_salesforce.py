"""airbyte-source-salesforce: `check`, `discover` and `read` of the published connector, full and
incremental.
"""

from typing import Any

import pytest

from tests.real_clients.airbyte_source import Source
from tests.real_clients.org import AWKWARD_TEXTS

pytestmark = pytest.mark.real_client

FIELDS = ("Id", "Name", "Description", "NumberOfEmployees", "Verified__c", "EligibleUntil__c", "IsDeleted")


@pytest.fixture(params=[False, True], ids=["its choice of API", "Bulk"])
def source(salesforce, tmp_path, request):
    return Source(salesforce, tmp_path, force_use_bulk_api=request.param)


def test_check_succeeds(salesforce, tmp_path):
    assert Source(salesforce, tmp_path).check()["status"] == "SUCCEEDED"


def test_check_fails_with_a_wrong_refresh_token(salesforce, tmp_path):
    assert Source(salesforce, tmp_path, refresh_token="no").check()["status"] == "FAILED"


def test_discover_finds_every_object_with_its_fields_and_its_cursor(salesforce, tmp_path):
    streams = Source(salesforce, tmp_path).discover()
    for name in ("Account", "Contact", "Case", "Payment__c", "ServiceRequest__c"):
        record = next(iter(salesforce.records(name).values()))
        assert set(record) <= set(streams[name]["json_schema"]["properties"])
        assert streams[name]["default_cursor_field"] == ["SystemModstamp"]
        assert streams[name]["source_defined_primary_key"] == [["Id"]]


def test_a_full_refresh_gives_every_record_as_the_org_holds_it(salesforce, source):
    records, _ = source.read("Account", "full_refresh")
    held = salesforce.records("Account", deleted=True)
    assert {row["Id"]: _chosen(row) for row in records} == {
        record_id: _chosen(row) for record_id, row in held.items()
    }
    assert {row.get("Description") for row in records} >= {
        AWKWARD_TEXTS[0],
        AWKWARD_TEXTS[2],
        AWKWARD_TEXTS[3],
    }


def test_a_second_incremental_read_gives_only_what_changed(salesforce, source, tmp_path):
    first, state = source.read("Opportunity", "incremental")
    assert {row["Id"] for row in first} == set(salesforce.records("Opportunity", deleted=True))
    record_id = next(iter(salesforce.records("Opportunity")))
    salesforce.rest("PATCH", f"/sobjects/Opportunity/{record_id}", {"NextStep": tmp_path.name})
    second, _ = source.read("Opportunity", "incremental", state)
    assert len(second) < len(first)
    assert [row["NextStep"] for row in second if row["Id"] == record_id] == [tmp_path.name]


def _chosen(row: dict[str, Any]) -> dict[str, Any]:
    found = {name: row.get(name) for name in FIELDS}
    # The connector's own file of rows is read with universal newlines.
    found["Description"] = (found["Description"] or "").replace("\r\n", "\n")
    return found
