"""The published connector airbyte-source-salesforce, as a command with a config of its own."""

import json
from pathlib import Path
from typing import Any

from tests.real_clients.client import own_command, run
from tests.real_clients.org import SalesforceOrg

CLIENT = "airbyte-source-salesforce"


class Source:
    """The connector's command with a config of its own; objects other than the catalogue's are
    filtered out by it.
    """

    def __init__(self, org: SalesforceOrg, folder: Path, **more: object) -> None:
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
        lines = _messages_of(run(self._org, self.read_command(stream, mode, state)))
        records = [line["record"]["data"] for line in lines if line["type"] == "RECORD"]
        return records, [line["state"] for line in lines if line["type"] == "STATE"][-1:]

    def read_command(self, stream: str, mode: str, state: list[Any] | None = None) -> list[str]:
        """Read one stream, its files written; the connector is asked for its streams meanwhile."""
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
        return self._command("read", *arguments)

    def _messages(self, kind: str, command: str) -> list[dict[str, Any]]:
        found = _messages_of(run(self._org, self._command(command)))
        return [line for line in found if line["type"] == kind]

    def _command(self, command: str, *arguments: str) -> list[str]:
        return [str(own_command(CLIENT, "source-salesforce")), command, "--config", self._config, *arguments]

    def _write(self, name: str, content: object) -> str:
        path = self._folder / name
        path.write_text(json.dumps(content))
        return str(path)


def _messages_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]
