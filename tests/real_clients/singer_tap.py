"""tap-salesforce, the tap of Singer, as a command with a config of its own."""

import json
from pathlib import Path
from typing import Any

from tests.real_clients.client import own_command, run
from tests.real_clients.org import SalesforceOrg

CLIENT = "tap-salesforce"


class Tap:
    """The tap's command with a config of its own."""

    def __init__(self, org: SalesforceOrg, folder: Path, api_type: str, **more: object) -> None:
        self._org = org
        self._folder = folder
        who = org.identity
        names = ("client_id", "client_secret", "refresh_token")
        config = {name: who[name] for name in names} | {
            "start_date": "2020-01-01T00:00:00Z",
            "api_type": api_type,
        }
        self._config = self._write("config.json", config | more)

    def discover(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run(self._org, self._command("--discover")))
        return found

    def sync(
        self, stream: str, state: dict[str, Any] | None = None
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Records of one selected stream, and the state to go on from."""
        output = run(self._org, self.sync_command(stream, state))
        messages = [json.loads(line) for line in output.splitlines()]
        records = [message["record"] for message in messages if message["type"] == "RECORD"]
        states = [message["value"] for message in messages if message["type"] == "STATE"]
        return records, states[-1]

    def sync_command(self, stream: str, state: dict[str, Any] | None = None) -> list[str]:
        """Sync one stream, its files written; the tap is asked for its streams meanwhile."""
        catalog = self.discover()
        [found] = [entry for entry in catalog["streams"] if entry["tap_stream_id"] == stream]
        for entry in found["metadata"]:
            entry["metadata"]["selected"] = True
            if not entry["breadcrumb"]:
                entry["metadata"] |= {
                    "replication-method": "INCREMENTAL",
                    "replication-key": "SystemModstamp",
                }
        more = [] if state is None else ["--state", self._write("state.json", state)]
        return self._command("--properties", self._write("catalog.json", {"streams": [found]}), *more)

    def _command(self, *arguments: str) -> list[str]:
        return [str(own_command(CLIENT, CLIENT)), "--config", self._config, *arguments]

    def _write(self, name: str, content: object) -> str:
        path = self._folder / name
        path.write_text(json.dumps(content))
        return str(path)
