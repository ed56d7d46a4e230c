"""tap-salesforce, the tap of Singer: discovers over describe, then syncs by REST or by Bulk API 1.0
with a bookmark.
"""

from typing import Any

import pytest

from tests.real_clients.org import AWKWARD_TEXTS
from tests.real_clients.singer_tap import Tap

pytestmark = pytest.mark.real_client

FIELDS = ("Id", "Name", "Description", "NumberOfEmployees", "Verified__c", "EligibleUntil__c", "IsDeleted")


@pytest.fixture(params=["REST", "BULK"])
def tap(salesforce, tmp_path, request):
    return Tap(salesforce, tmp_path, request.param)


def test_discovery_finds_every_object_with_its_fields_and_its_bookmark(salesforce, tap):
    streams = {entry["tap_stream_id"]: entry for entry in tap.discover()["streams"]}
    for name in ("Account", "Contact", "Case", "Payment__c", "ServiceRequest__c"):
        record = next(iter(salesforce.records(name).values()))
        assert set(record) - {"Id"} <= set(streams[name]["schema"]["properties"])
        [of_stream] = [entry["metadata"] for entry in streams[name]["metadata"] if not entry["breadcrumb"]]
        assert of_stream["valid-replication-keys"] == ["SystemModstamp"]
        assert of_stream["table-key-properties"] == ["Id"]


def test_a_sync_gives_every_record_as_the_org_holds_it(salesforce, tap):
    records, state = tap.sync("Account")
    held = salesforce.records("Account", deleted=True)
    assert {row["Id"]: _chosen(row) for row in records} == {
        record_id: _chosen(row) for record_id, row in held.items()
    }
    assert {row["Description"] for row in records} >= {AWKWARD_TEXTS[0], AWKWARD_TEXTS[2], AWKWARD_TEXTS[3]}
    newest = max(row["SystemModstamp"] for row in held.values())
    assert state["bookmarks"]["Account"]["SystemModstamp"][:19] == newest[:19]


def test_a_second_sync_gives_only_what_changed(salesforce, tap):
    _, state = tap.sync("Opportunity")
    bookmark = state["bookmarks"]["Opportunity"]["SystemModstamp"][:19]
    record_id = next(iter(salesforce.records("Opportunity")))
    salesforce.rest("PATCH", f"/sobjects/Opportunity/{record_id}", {"NextStep": f"after {bookmark}"})
    records, _ = tap.sync("Opportunity", state)
    held = salesforce.records("Opportunity", deleted=True)
    assert {row["Id"] for row in records} == {
        found for found, row in held.items() if row["SystemModstamp"][:19] >= bookmark
    }
    assert [row["NextStep"] for row in records if row["Id"] == record_id] == [f"after {bookmark}"]


def _chosen(row: dict[str, Any]) -> dict[str, Any]:
    found = {name: row.get(name) for name in FIELDS}
    found["EligibleUntil__c"] = (found["EligibleUntil__c"] or "")[:10] or None
    # The tap's own file of rows is read with universal newlines.
    found["Description"] = (found["Description"] or "").replace("\r\n", "\n")
    return found
