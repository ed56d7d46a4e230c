"""The org that the clients are let loose on: HTTP, HTTPS and Pub/Sub, with records that are awkward
to carry.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from sandbox.ports import free_port
from sandbox.processes import ProcessGroup, wait_until

AWKWARD_TEXTS = (
    'She said "no", twice',
    "first line\nsecond line\r\nthird, with a comma",
    "Zoë Ångström 東京 🏠",
    "'single' \\ back\\slash \t tab",
    "#N/A",
    " leading and trailing ",
    "<b>&amp; not markup</b>",
)
"""Each has once broken a CSV, JSON, XML or Avro reader."""


class SalesforceOrg:
    """One org process and what a test checks a client's output against: the org's own export of its
    records.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._group = ProcessGroup(folder / "logs")
        self._ports = {name: free_port() for name in ("--port", "--tls-port", "--pubsub-port")}
        self.url = f"http://127.0.0.1:{self._ports['--port']}"
        self.tls_url = f"https://localhost:{self.tls_port}"

    @property
    def tls_port(self) -> int:
        return self._ports["--tls-port"]

    @property
    def pubsub_port(self) -> int:
        return self._ports["--pubsub-port"]

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def identity(self) -> dict[str, str]:
        return json.loads((self.folder / "org.json").read_text())

    def start(self) -> None:
        arguments = [text for name, port in self._ports.items() for text in (name, str(port))]
        command = [sys.executable, "-m", "sandbox.org", "--data", str(self.folder), *arguments]
        child = self._group.start("org", command)
        wait_until(self._serves, child)

    def stop(self) -> None:
        self._group.stop()

    def fill(self) -> None:
        """A surge of the sandbox's own traffic, and one Account for each awkward text."""
        self.control("POST", "/traffic", {"rate_per_minute": 60_000, "seconds": 2})
        while self.control("GET", "/traffic")["running"]:
            time.sleep(0.05)
        for text in AWKWARD_TEXTS:
            self.create("Account", Name=text.strip().splitlines()[0][:200], Description=text)
        deleted = self.create("Account", Name="Gone")
        self.rest("DELETE", f"/sobjects/Account/{deleted}")

    def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = httpx.request(method, f"{self.url}/sandbox{path}", json=body, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def rest(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A bare REST call, for what a test sets up beside its client."""
        who = self.identity
        form = {"grant_type": "client_credentials"} | {k: who[k] for k in ("client_id", "client_secret")}
        token = httpx.post(f"{self.url}/services/oauth2/token", data=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.request(
            method, f"{self.url}/services/data/v62.0{path}", json=body, headers=headers, timeout=20
        )
        answer.raise_for_status()
        return answer

    def create(self, object_name: str, **fields: object) -> str:
        return self.rest("POST", f"/sobjects/{object_name}", fields).json()["id"]

    def records(self, object_name: str, *, deleted: bool = False) -> dict[str, dict[str, Any]]:
        """The org's records, by id; `deleted` adds the recycle bin."""
        text = httpx.get(f"{self.url}/sandbox/records/{object_name}", timeout=60).text
        rows = [json.loads(line) for line in text.split("\n") if line]
        return {row["Id"]: row for row in rows if deleted or not row["IsDeleted"]}

    def _serves(self) -> bool:
        try:
            return httpx.get(f"{self.url}/sandbox/health").is_success
        except httpx.HTTPError:
            return False
