"""The org beside a naive one: the same random writes to both, then records, query answers, events
and bulk results are compared.
"""

import asyncio
import csv
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

import httpx
import orjson
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sandbox.org.server.app import build_app
from tests.sandbox.naive_org import BOOLEAN, DATE, FIELDS, NUMBER, REFERENCE, TEXT, Condition, NaiveOrg
from tests.sandbox.org_in_process import http_client, new_org
from tests.support.builders.examples import examples

V = "/services/data/v67.0"

_letters = st.text("aBcÄ '\"\\%_,;\n", max_size=6).map(lambda text: text.strip() and f"x{text.strip()}")
_values: dict[str, st.SearchStrategy[Any]] = {
    TEXT: st.none() | _letters,
    NUMBER: st.none() | st.integers(-3, 3),
    BOOLEAN: st.booleans(),
    DATE: st.none() | st.sampled_from(["2026-01-01", "2026-02-28", "2027-12-31"]),
}


def _quoted(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
        return f"'{escaped}'"
    return str(value)


@st.composite
def comparisons(draw: st.DrawFn, object_name: str) -> Condition:
    """One comparison of one field."""
    name, kind = draw(st.sampled_from([item for item in FIELDS[object_name].items() if item[1] != REFERENCE]))
    value = draw(_values[kind])
    literal = value if kind == DATE and value else _quoted(value)
    if value is None or kind == BOOLEAN:
        operator = draw(st.sampled_from(["=", "!="]))
    elif kind == TEXT:
        operator = draw(st.sampled_from(["=", "!=", "IN", "NOT IN", "LIKE"]))
    else:
        operator = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
    if operator in ("IN", "NOT IN"):
        return Condition(f"{name} {operator} ({literal}, 'zz')", operator, name, [value, "zz"])
    if operator == "LIKE":
        pattern = _quoted(value).replace("%", "\\%").replace("_", "\\_")
        return Condition(f"{name} LIKE {pattern[:-1]}%'", operator, name, value)
    return Condition(f"{name} {operator} {literal}", operator, name, value)


def conditions(object_name: str) -> st.SearchStrategy[Condition]:
    """Conditions of any depth."""
    return st.recursive(
        comparisons(object_name),
        lambda inner: (
            st.builds(
                lambda word, parts: Condition(
                    "(" + f" {word} ".join(f"({part.soql})" for part in parts) + ")",
                    word,
                    parts=tuple(parts),
                ),
                st.sampled_from(["AND", "OR"]),
                st.lists(inner, min_size=2, max_size=3),
            )
            | inner.map(lambda part: Condition(f"(NOT ({part.soql}))", "NOT", parts=(part,)))
        ),
        max_leaves=4,
    )


class OrgBesideNaiveOrg(RuleBasedStateMachine):
    """Every rule writes to both; the invariant compares what can be read."""

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-org-"))
        self.org = new_org(self.folder, edition="unlimited")
        self.http = http_client(build_app(self.org), self.org)
        self.naive = NaiveOrg()
        self.expected_events: list[tuple[str, str]] = []

    def teardown(self) -> None:
        if hasattr(self, "org"):
            self.runner.run(self.http.aclose())
            self.runner.close()
            self.org.store.close()
            shutil.rmtree(self.folder)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.runner.run(self.http.request(method, f"{V}{path}", **more))

    # --- writes

    @rule(data=st.data(), object_name=st.sampled_from(sorted(FIELDS)))
    def create(self, data: st.DataObject, object_name: str) -> None:
        values = self._values(data, object_name)
        answer = self.call("POST", f"/sobjects/{object_name}", json=values)
        refusal = self.naive.refusal(object_name, values, None)
        if self._refused_alike(answer, refusal):
            return
        record_id = answer.json()["id"]
        self.naive.create(object_name, record_id, values)
        self.expected_events.append(("CREATE", record_id))

    @rule(data=st.data(), object_name=st.sampled_from(sorted(FIELDS)))
    def update(self, data: st.DataObject, object_name: str) -> None:
        if not (alive := self.naive.alive(object_name)):
            return
        record_id = data.draw(st.sampled_from(alive))
        values = self._values(data, object_name)
        values = {
            name: values[name] for name in data.draw(st.sets(st.sampled_from(sorted(values)), min_size=1))
        }
        answer = self.call("PATCH", f"/sobjects/{object_name}/{record_id}", json=values)
        if self._refused_alike(answer, self.naive.refusal(object_name, values, record_id)):
            return
        before = dict(self.naive.records[object_name][record_id])
        self.naive.update(object_name, record_id, values)
        if before != self.naive.records[object_name][record_id]:
            self.expected_events.append(("UPDATE", record_id))

    @rule(data=st.data(), object_name=st.sampled_from(sorted(FIELDS)))
    def delete(self, data: st.DataObject, object_name: str) -> None:
        if not (alive := self.naive.alive(object_name)):
            return
        record_id = data.draw(st.sampled_from(alive))
        assert self.call("DELETE", f"/sobjects/{object_name}/{record_id}").status_code == 204
        self.naive.records[object_name][record_id]["IsDeleted"] = True
        self.expected_events.append(("DELETE", record_id))

    @rule(data=st.data(), object_name=st.sampled_from(sorted(FIELDS)))
    def write_to_what_is_deleted(self, data: st.DataObject, object_name: str) -> None:
        if not (binned := self.naive.binned(object_name)):
            return
        record_id = data.draw(st.sampled_from(binned))
        answer = self.call("PATCH", f"/sobjects/{object_name}/{record_id}", json={"Title": "x"})
        assert answer.json()[0]["errorCode"] == "ENTITY_IS_DELETED"

    @rule(data=st.data())
    def upsert_several(self, data: st.DataObject) -> None:
        keys = data.draw(
            st.lists(st.sampled_from(["k1", "k2", "k3", "K1"]), min_size=1, max_size=3, unique_by=str.lower)
        )
        rows = [self._values(data, "Account") | {"ExternalId__c": key} for key in keys]
        body = {
            "allOrNone": False,
            "records": [{"attributes": {"type": "Account"}, **row} for row in rows],
        }
        outcomes = self.call("PATCH", "/composite/sobjects/Account/ExternalId__c", json=body).json()
        assert len(outcomes) == len(rows)
        for row, outcome in zip(rows, outcomes, strict=True):
            self._upserted(row, outcome)

    def _upserted(self, row: dict[str, Any], outcome: dict[str, Any]) -> None:
        mine = self.naive.records["Account"]
        key = row["ExternalId__c"].lower()
        found = next(
            (id_ for id_ in self.naive.alive("Account") if (mine[id_]["ExternalId__c"] or "").lower() == key),
            None,
        )
        refusal = self.naive.refusal("Account", row, found)
        assert outcome["success"] == (refusal is None), (row, outcome)
        if refusal is not None:
            assert outcome["errors"][0]["statusCode"] == refusal
        elif found is None:
            assert outcome["created"] is True
            self.naive.create("Account", outcome["id"], row)
            self.expected_events.append(("CREATE", outcome["id"]))
        else:
            assert (outcome["id"], outcome["created"]) == (found, False)
            before = dict(mine[found])
            self.naive.update("Account", found, row)
            if before != mine[found]:
                self.expected_events.append(("UPDATE", found))

    # --- reads

    @rule(data=st.data(), object_name=st.sampled_from(sorted(FIELDS)), deleted=st.booleans())
    def query(self, data: st.DataObject, object_name: str, deleted: bool) -> None:
        condition = data.draw(conditions(object_name))
        soql = f"SELECT Id FROM {object_name} WHERE {condition.soql} ORDER BY Id"
        resource = "/queryAll" if deleted else "/query"
        answer = self.call("GET", resource, params={"q": soql})
        assert answer.status_code == 200, (soql, answer.text)
        assert self._inside(f"{V}{resource}?{httpx.QueryParams({'q': soql})}") == (200, answer.json())
        found = [record["Id"] for record in answer.json()["records"]]
        assert found == sorted(self.naive.select(object_name, condition, deleted=deleted)), soql

    @rule(object_name=st.sampled_from(sorted(FIELDS)))
    @precondition(lambda self: any(self.naive.records.values()))
    def bulk_query(self, object_name: str) -> None:
        names = ["Id", "IsDeleted", *FIELDS[object_name]]
        soql = f"SELECT {', '.join(names)} FROM {object_name}"
        job = self.call("POST", "/jobs/query", json={"operation": "queryAll", "query": soql}).json()
        while (state := self.call("GET", f"/jobs/query/{job['id']}").json()["state"]) != "JobComplete":
            assert state in ("UploadComplete", "InProgress")
        answer = self.call("GET", f"/jobs/query/{job['id']}/results")
        assert answer.headers["sforce-locator"] == "null"
        rows = {row["Id"]: row for row in csv.DictReader(io.StringIO(answer.text, newline=""))}
        assert set(rows) == set(self.naive.records[object_name])
        for record_id, record in self.naive.records[object_name].items():
            assert {name: _from_csv(rows[record_id][name], record[name]) for name in names} == record

    @invariant()
    def every_record_is_the_same(self) -> None:
        if not hasattr(self, "org"):
            return
        for object_name, fields in FIELDS.items():
            soql = f"SELECT IsDeleted, Id, {', '.join(fields)} FROM {object_name}"
            records = self.call("GET", "/queryAll", params={"q": soql}).json()["records"]
            found = {record["Id"]: record for record in records}
            for record in found.values():
                del record["attributes"]
            assert found == self.naive.records[object_name]

    @invariant()
    def events_tell_what_happened_in_order(self) -> None:
        if not hasattr(self, "org"):
            return
        rows = self.org.store.connection.execute("SELECT body FROM events ORDER BY replay_id")
        headers = [orjson.loads(row[0])["payload"]["ChangeEventHeader"] for row in rows]
        told = [(header["changeType"], each) for header in headers for each in header["recordIds"]]
        assert _by_record(told) == _by_record(self.expected_events)

    # --- helpers

    def _inside(self, address: str) -> tuple[int, Any]:
        """The answer to a call inside a composite one."""
        sub = {"method": "GET", "url": address, "referenceId": "q"}
        answer = self.call("POST", "/composite", json={"compositeRequest": [sub]})
        [found] = answer.json()["compositeResponse"]
        return found["httpStatusCode"], found["body"]

    def _values(self, data: st.DataObject, object_name: str) -> dict[str, Any]:
        values = {}
        for name, kind in FIELDS[object_name].items():
            if kind == REFERENCE:
                values[name] = data.draw(st.sampled_from([None, *self.naive.alive("Account")]))
            else:
                values[name] = data.draw(_values[kind])
        return values

    def _refused_alike(self, answer: httpx.Response, refusal: str | None) -> bool:
        if refusal is None:
            assert answer.is_success, answer.text
            return False
        assert answer.status_code == 400, answer.text
        assert answer.json()[0]["errorCode"] == refusal
        return True


def _by_record(changes: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Merged events list their records apart from the order of writing, so the order is compared
    record by record.
    """
    found: dict[str, list[str]] = {}
    for change, record_id in changes:
        found.setdefault(record_id, []).append(change)
    return found


def _from_csv(text: str, like: Any) -> Any:
    """A cell as the value that it stands for."""
    if isinstance(like, bool):
        return text == "true"
    if text == "":
        return None
    return float(text) if isinstance(like, int | float) else text


OrgBesideNaiveOrg.TestCase.settings = settings(
    max_examples=examples(8),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestOrgBesideNaiveOrg = OrgBesideNaiveOrg.TestCase
