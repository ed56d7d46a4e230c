"""airbyte-source-salesforce: `check`, `discover` and `read` of the published connector, full and incremental."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.real_clients.client import own_command, run
from tests.real_clients.org import AWKWARD_TEXTS

pytestmark = pytest.mark.real_client

CLIENT = "airbyte-source-salesforce"
FIELDS = ("Id", "Name", "Description", "NumberOfEmployees", "Verified__c", "EligibleUntil__c", "IsDeleted")


class Source:
    """The connector's command with a config of its own; objects other than the catalogue's are filtered out by it."""

    def __init__(self, org, folder: Path, **more: object) -> None:
        self._org = org
        self._folder = folder
        names = ("client_id", "client_secret", "refresh_token")
        config = {name: org.identity[name] for name in names} | {
            "start_date": "2026-01-01T00:00:00Z",
            "stream_slice_step": "P365D",
            "lookback_window": "PT0S",
            "preserve_na_values": True,
        }
        self._config = self._write("config.json", config | more)

    def check(self) -> dict[str, Any]:
        [status] = self._messages("CONNECTION_STATUS", "check")
        return status["connectionStatus"]

    def discover(self) -> dict[str, dict[str, Any]]:
        [catalog] = self._messages("CATALOG", "discover")
        return {stream["name"]: stream for stream in catalog["catalog"]["streams"]}

    def read(
        self, stream: str, mode: str, state: list[Any] | None = None
    ) -> tuple[list[dict[str, Any]], list[Any]]:
        """Records of one stream, and the state to go on from."""
        configured = {
            "stream": self.discover()[stream],
            "sync_mode": mode,
            "destination_sync_mode": "append",
            "cursor_field": ["SystemModstamp"],
            "primary_key": [["Id"]],
        }
        arguments = ["--catalog", self._write("catalog.json", {"streams": [configured]})]
        if state is not None:
            arguments += ["--state", self._write("state.json", state)]
        lines = self._lines("read", *arguments)
        records = [line["record"]["data"] for line in lines if line["type"] == "RECORD"]
        return records, [line["state"] for line in lines if line["type"] == "STATE"][-1:]

    def _messages(self, kind: str, command: str) -> list[dict[str, Any]]:
        return [line for line in self._lines(command) if line["type"] == kind]

    def _lines(self, command: str, *arguments: str) -> list[dict[str, Any]]:
        call = [str(own_command(CLIENT, "source-salesforce")), command, "--config", self._config, *arguments]
        return [json.loads(line) for line in run(self._org, call).splitlines() if line.startswith("{")]

    def _write(self, name: str, content: object) -> str:
        path = self._folder / name
        path.write_text(json.dumps(content))
        return str(path)


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
