"""The org under an incident: an administrator's acts, faults, and records that come and go."""

import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import httpx

from sandbox.endpoints import Endpoints

_numbers = itertools.count(1)


class OrgUnderTest:
    """The sandbox org's handles. What is turned is turned back when the test ends."""

    def __init__(self, endpoints: Endpoints, undo: ExitStack) -> None:
        self._org = endpoints.salesforce
        self._undo = undo
        self._token = ""

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """A request to the control plane; raises for a refusal."""
        url = f"{self._org.control_url}/{path}"
        answer = httpx.request(method, url, json=body, timeout=30, trust_env=False)
        assert answer.is_success, f"{method} {path}: {answer.text[:500]}"
        return answer.json()

    def later(self, act: Callable[[], Any]) -> None:
        """Do it when the test ends, however it ends."""
        self._undo.callback(act)

    def fault(self, point: str, kind: str, **rule: Any) -> None:
        """A scripted fault, in force until `clear` or the end of the test."""
        self.later(self.clear)
        self.ask("POST", "faults", {"point": point, "kind": kind, **rule})

    def clear(self) -> None:
        """End all faults."""
        self.ask("DELETE", "faults")

    def has_struck(self) -> bool:
        """True when every fault has struck."""
        rules = self.ask("GET", "faults")["rules"]
        return bool(rules) and all(rule["struck"] for rule in rules)

    def dial(self, family: str, **turned: Any) -> None:
        """Turn dials; they are turned back at the end."""
        before = {name: self.ask("GET", "dials")[family][name] for name in turned}
        self.later(lambda: self.ask("PATCH", "dials", {family: before}))
        self.ask("PATCH", "dials", {family: turned})

    def meter(self, name: str, **numbers: int) -> None:
        """Set `maximum` or `used` of a meter; the maximum is set back at the end."""
        before = self.ask("GET", "meters")[name]
        if "maximum" in numbers:
            self.later(lambda: self.ask("POST", "meters", {name: {"maximum": before["maximum"]}}))
        self.ask("POST", "meters", {name: numbers})

    def permit(self, **rights: Any) -> None:
        """Give or take the integration user's permissions; all are given back at the end."""
        before = self.ask("GET", "permissions")
        self.later(lambda: self.ask("PATCH", "permissions", before))
        self.ask("PATCH", "permissions", rights)

    def expire_sessions(self) -> None:
        """End every session, as an administrator may."""
        self._token = ""
        self.ask("POST", "sessions/expire")

    def create(self, object_name: str, **fields: Any) -> str:
        """Make a record as a user does; returns its id."""
        return str(self._call("POST", f"sobjects/{object_name}", fields)["id"])

    def update(self, object_name: str, record_id: str, **fields: Any) -> None:
        """Change a record as a user does."""
        self._call("PATCH", f"sobjects/{object_name}/{record_id}", fields)

    def fields_of(self, object_name: str, record_id: str) -> dict[str, Any]:
        """The record as the org has it."""
        found: dict[str, Any] = self._call("GET", f"sobjects/{object_name}/{record_id}")
        return found

    def case(self, **fields: Any) -> tuple[str, str]:
        """Make a Case; returns its id and its external id."""
        external = f"I-{next(_numbers)}"
        given = {"ExternalId__c": external, "Subject": external, "Status": "New", **fields}
        return self.create("Case", **given), external

    def late_case(self) -> None:
        """A Case whose event says that it was committed five minutes ago."""
        record, _ = self.case()
        header = {
            "entityName": "Case",
            "recordIds": [record],
            "changeType": "UPDATE",
            "commitTimestamp": round((time.time() - 300) * 1_000),
            "commitNumber": 1,
            "sequenceNumber": 1,
            "commitUser": "005000000000001AAA",
        }
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {"Priority": "Low", "LastModifiedDate": stamp}
        payload = {"ChangeEventHeader": header, **body}
        self.ask("POST", "inject", {"data": {"payload": payload}, "unchecked": True})

    def add_field(self, object_name: str, **spec: Any) -> None:
        """As an administrator does in Object Manager."""
        self.ask("POST", f"fields/{object_name}", spec)

    def remove_field(self, object_name: str, name: str) -> None:
        self.ask("DELETE", f"fields/{object_name}?name={name}")

    def retype_field(self, object_name: str, name: str, kind: str) -> None:
        self.ask("PATCH", f"fields/{object_name}", {"name": name, "type": kind})

    def _call(self, method: str, path: str, body: object = None) -> Any:
        url = f"{self._org.instance_url}/services/data/v{self._org.api_version}/{path}"
        answer = self._send(method, url, body)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._token = ""  # the session was ended
            answer = self._send(method, url, body)
        assert answer.is_success, f"{method} {path}: {answer.text[:500]}"
        return answer.json() if answer.content else None

    def _send(self, method: str, url: str, body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token or self._login()}"}
        return httpx.request(method, url, json=body, headers=headers, timeout=30, trust_env=False)

    def _login(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._org.client_id,
            "client_secret": self._org.client_secret,
        }
        url = f"{self._org.login_url}/services/oauth2/token"
        answer = httpx.post(url, data=form, timeout=30, trust_env=False)
        assert answer.is_success, answer.text
        self._token = str(answer.json()["access_token"])
        return self._token
