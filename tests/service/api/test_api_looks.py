"""The API's answers and its access rules: on real parts, with lanes, a governor, a ledger and an
audit log behind it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from clients.temporal.governor import TemporalGovernor, read_books
from clients.temporal.lanes import start_lane
from clients.warehouse.sql.apply import HOLD, LEDGER, QUALITY, QUARANTINE
from schemas.governor import Budget
from schemas.ingest.messages import LaneInput
from schemas.ops_tables import HOLD_COLUMNS, LEDGER_COLUMNS, QUALITY_COLUMNS, QUARANTINE_COLUMNS
from schemas.tables import Column, arrow_schema
from tests.support.builders.waiting import until
from tests.support.engines.served_api import MOST_BYTES, ORG, ServedApi, fresh

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
PUBLIC = {"/healthz", "/readyz"}


def load(api: ServedApi, table: str, columns: tuple[Column, ...], *rows: dict[str, Any]) -> None:
    made = pa.Table.from_pylist(list(rows), schema=arrow_schema(columns))
    with api.warehouse.transaction() as transaction:
        transaction.load(table, columns, made)


def ledger_row(batch: int, object_name: str) -> dict[str, Any]:
    at = NOON + timedelta(minutes=batch)
    texts = {"lane": "changes", "start_position": str(batch), "end_position": str(batch + 1), "raw_key": "k"}
    counts = {"landed": 5, "applied": 3, "duplicate": 1, "quarantined": 1, "rebuilt": 0}
    times = {"first_received_at": at, "last_received_at": at, "committed_at": at}
    return {"batch": f"changes/{batch}", "object": object_name, **texts, **counts, **times}


async def operations(api: ServedApi) -> list[tuple[str, str, str, set[str]]]:
    """Method, path with its parameters filled in, role, and all roles that suffice, of every
    operation.
    """
    response = await api.ask("GET", "/v1/openapi.json", "")
    return [
        (
            method.upper(),
            path.replace("{id}", "Case~w").replace("{lane}", "no-such").replace("{number}", "1"),
            found["x-tidegate-role"],
            {found["x-tidegate-role"], *found.get("x-tidegate-also", ())},
        )
        for path, methods in response.json()["paths"].items()
        for method, found in methods.items()
    ]


async def test_a_report_has_the_numbers_of_a_line_of_the_fleet(api: ServedApi) -> None:
    await TemporalGovernor(api.client, ORG).start()

    async def has_numbers() -> bool:
        found = await api.get("/v1/status")
        # The governor's first reading comes seconds after its start, and a look is shared for ten.
        return bool(found["budgets"]) and found["writebacks"] is not None

    await until(has_numbers, seconds=40)
    found = await api.get("/v1/status")
    assert {each["budget"]: each["maximum"] for each in found["budgets"]}["api_calls"] == 10_000
    assert found["writebacks"]["dead"] == 0


async def test_a_recheck_of_the_running_governor_is_answered_and_on_record(api: ServedApi) -> None:
    await TemporalGovernor(api.client, ORG).start()
    reason = fresh("bought more calls")
    body = {"budget": "api_calls", "reason": reason}
    assert (await api.ask("POST", "/v1/budgets/recheck", "reader", json=body)).status_code == 403
    response = await api.ask("POST", "/v1/budgets/recheck", json=body)
    assert response.status_code == 200, response.text
    [calls] = response.json()["budgets"]
    assert (calls["budget"], calls["maximum"]) == ("api_calls", 10_000)

    async def is_on_record() -> bool:
        return any(reason in act.detail and act.by == "operator" for _, act in api.audit.find(act="budget"))

    await until(is_on_record)


async def test_every_route_refuses_who_has_no_token_or_a_wrong_one(api: ServedApi) -> None:
    closed = [(method, path) for method, path, *_ in await operations(api) if path not in PUBLIC]
    assert len(closed) > 20
    wrong = {"Authorization": "Bearer tg_wrong"}
    for method, path in closed:
        for headers in ({}, wrong, {"Authorization": "Basic dTpw"}):
            response = await api.ask(method, path, "", headers=headers)
            assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer"), path
            assert "tidegate api token" in response.json()["detail"]


async def test_every_route_refuses_a_role_that_does_not_suffice_before_it_looks_at_the_body(
    api: ServedApi,
) -> None:
    callers = {"reader", "writer", "guest"}
    for method, path, role, suffice in await operations(api):
        for caller in callers - (callers if role == "anybody" else suffice):
            response = await api.ask(method, path, caller, json={"nothing": "of that"})
            assert response.status_code == 403, (method, path, caller)
            assert f"--role {role}" in response.json()["detail"]


async def test_a_path_that_does_not_exist_tells_nothing_without_a_token(api: ServedApi) -> None:
    assert (await api.ask("GET", "/v1/nothing", "")).status_code == 401
    response = await api.ask("GET", "/v1/nothing")
    assert (response.status_code, response.json()["type"]) == (404, "urn:tidegate:problem:not-found")
    assert (await api.ask("DELETE", "/v1/lanes")).status_code == 405


@pytest.mark.parametrize("is_declared", [True, False])
async def test_a_body_that_is_too_long_is_refused(api: ServedApi, is_declared: bool) -> None:
    body = b'{"object": "' + b"x" * MOST_BYTES + b'"}'

    async def in_pieces():
        for at in range(0, len(body), 65_536):
            yield body[at : at + 65_536]

    content = body if is_declared else in_pieces()
    response = await api.ask(
        "POST", "/v1/backfills", content=content, headers={"content-type": "application/json"}
    )
    problem = response.json()
    assert (response.status_code, problem["type"]) == (413, "urn:tidegate:problem:too-large")
    assert f"{MOST_BYTES:,} bytes" in problem["detail"]


async def test_a_request_keeps_its_callers_id_and_an_unusable_one_is_replaced(api: ServedApi) -> None:
    mine = await api.ask("GET", "/v1/nothing", headers={"X-Request-Id": "mine-1"})
    assert (mine.headers["x-request-id"], mine.json()["request_id"]) == ("mine-1", "mine-1")
    odd = await api.ask("GET", "/v1/nothing", headers={"X-Request-Id": "a b<script>"})
    assert odd.headers["x-request-id"].isalnum()


async def test_a_lane_is_shown_paused_and_resumed_and_both_are_on_record(api: ServedApi) -> None:
    lane = fresh("l")
    await start_lane(api.client, LaneInput(org=ORG, lane=lane, channel="/data/CaseChangeEvent"))

    async def is_paused(wanted: bool) -> bool:
        view = await api.get(f"/v1/lanes/{lane}")
        return bool(view["state"]["paused"] is wanted)

    response = await api.ask("POST", f"/v1/lanes/{lane}/pause", json={"reason": "release"})
    assert (response.status_code, response.json()["by"]) == (202, "operator")
    await until(lambda: is_paused(True))

    async def is_listed() -> bool:
        found = (await api.get("/v1/lanes"))["lanes"]
        return any(each["lane"] == lane and "release" in each["state"]["paused_because"] for each in found)

    await until(is_listed)
    await api.ask("POST", f"/v1/lanes/{lane}/resume", "second", json={"reason": "released"})
    await until(lambda: is_paused(False))

    async def both_are_written() -> bool:
        page = await api.get("/v1/audit?limit=10")
        acts = [(each["act"], each["by"]) for each in page["acts"] if each["target"].endswith(lane)]
        return acts == [("lane.resume", "second"), ("lane.pause", "operator")]

    await until(both_are_written)
    assert (await api.get("/v1/audit/verification"))["is_whole"]
    assert (await api.ask("GET", "/v1/lanes/none")).status_code == 404
    assert (await api.ask("POST", "/v1/lanes/none/pause", json={"reason": "why"})).status_code == 404


async def test_a_guest_leases_tokens_in_its_own_name_and_class(api: ServedApi) -> None:
    process = fresh("billing")
    line = {"budget": "api_calls", "want": 20}

    async def granted() -> int:
        response = await api.ask("POST", "/v1/leases", "guest", json={"process": process, "lines": [line]})
        assert response.status_code == 200, response.text
        [answer] = response.json()["lines"]
        assert answer["lease_class"] == "guest"
        return int(answer["granted"])

    async def has_all() -> bool:
        return await granted() == 20

    await until(has_all)  # the governor must have read the limits first
    line |= {"granted": 20, "spent": 7, "want": 0, "returned": 13}
    await granted()
    books = await read_books(api.client, ORG)
    assert books is not None
    assert any(f"guest:guest:{process}" in held for held in books.books[Budget.API_CALLS].leases)
    found = await api.get("/v1/budgets")
    [calls] = [each for each in found["budgets"] if each["budget"] == "api_calls"]
    assert {each["name"]: each["last_day"] for each in calls["spenders"]}["guest"] == 7
    assert found["governor"] == "running"


@pytest.mark.parametrize(
    "body",
    [
        {"process": "a", "lines": []},
        {"process": "a:b", "lines": [{"budget": "api_calls", "want": 1}]},
        {"process": "a", "lines": [{"budget": "api_calls", "want": 1, "lease_class": "writeback"}]},
        {"process": "a", "lines": [{"budget": "api_calls", "want": 1}] * 2},
        {"process": "a", "lines": [{"budget": "api_calls", "want": -1}]},
        {"process": "a", "lines": [{"budget": "api_calls", "want": 1, "granted": 5, "spent": 6}]},
        {
            "process": "a",
            "lines": [{"budget": "api_calls", "want": 1, "granted": 5, "spent": 3, "returned": 3}],
        },
        {"process": "a", "lines": [{"budget": "api_calls", "want": 1}], "refusals": []},
    ],
)
async def test_a_guest_cannot_take_another_class_or_tell_what_the_org_said(
    api: ServedApi, body: dict[str, Any]
) -> None:
    assert (await api.ask("POST", "/v1/leases", "guest", json=body)).status_code == 422


async def test_the_ledger_is_shown_from_its_newest_row_and_by_lane_and_object(api: ServedApi) -> None:
    rows = [ledger_row(n, name) for n in range(3) for name in ("Case", "Contact")]
    load(api, LEDGER, LEDGER_COLUMNS, *rows)
    newest = (await api.get("/v1/ledger?limit=2"))["rows"]
    assert [(each["batch"], each["object"]) for each in newest] == [
        ("changes/2", "Case"),
        ("changes/2", "Contact"),
    ]
    assert newest[0]["landed"] == newest[0]["applied"] + newest[0]["duplicate"] + newest[0]["quarantined"]
    older = await api.get("/v1/ledger?object=Case&lane=changes&until=2026-11-25T12:01:00Z")
    assert [each["batch"] for each in older["rows"]] == ["changes/1", "changes/0"]
    assert (await api.get("/v1/ledger?lane=other"))["rows"] == []


async def test_quarantine_is_counted_and_shown_without_its_events(api: ServedApi) -> None:
    texts = {
        "batch": "changes/1",
        "object": "Case",
        "position": "2",
        "detail": "what",
        "event": '{"x": "tg1.a.b"}',
    }
    times = {"received_at": NOON, "quarantined_at": NOON}
    rows = [
        texts | times | {"ordinal": n, "reason": reason} for n, reason in enumerate(("late", "late", "odd"))
    ]
    load(api, QUARANTINE, QUARANTINE_COLUMNS, *rows)
    found = await api.get("/v1/quarantine?limit=1")
    counted = {(each["object"], each["reason"]): each["changes"] for each in found["groups"]}
    assert (counted, len(found["rows"])) == ({("Case", "late"): 2, ("Case", "odd"): 1}, 1)
    [odd] = (await api.get("/v1/quarantine?reason=odd"))["rows"]
    assert (odd["ordinal"], "event" in odd) == (2, False)


async def test_refused_changes_are_acknowledged_on_record_and_counted_no_more(api: ServedApi) -> None:
    texts = {"batch": fresh("b"), "object": "Case", "position": "2", "detail": "what", "event": "{}"}
    times = {"received_at": NOON, "quarantined_at": NOON}
    load(api, QUARANTINE, QUARANTINE_COLUMNS, texts | times | {"ordinal": 1, "reason": "broken_message"})
    path, chosen = "/v1/quarantine/acknowledge", {"batch": texts["batch"], "reason": "it was a proxy"}
    assert (await api.ask("POST", path, json={"reason": "nothing is chosen"})).status_code == 422
    assert (await api.ask("POST", path, json=chosen)).json() == {"changes": 1}
    assert (await api.ask("POST", path, json=chosen)).json() == {"changes": 0}
    looked = f"/v1/quarantine?batch={texts['batch']}"
    assert (await api.get(looked))["rows"] == []
    assert len((await api.get(f"{looked}&all=true"))["rows"]) == 1
    acts = [act for _, act in api.audit.rows() if act.act == "quarantine.acknowledge"]
    assert [(act.by, act.detail) for act in acts] == [
        ("operator", f"batch {texts['batch']} (1): it was a proxy")
    ]


async def test_refused_changes_are_discarded_once_on_record_by_an_operator(api: ServedApi) -> None:
    texts = {"batch": fresh("b"), "object": "Case", "position": "2", "detail": "what", "event": "{}"}
    times = {"received_at": NOON, "quarantined_at": NOON}
    load(api, QUARANTINE, QUARANTINE_COLUMNS, texts | times | {"ordinal": 1, "reason": "broken_message"})
    path, chosen = "/v1/quarantine/discard", {"batch": texts["batch"], "reason": "test data"}
    assert (await api.ask("POST", path, "reader", json=chosen)).status_code == 403
    assert (await api.ask("POST", path, json={"reason": "nothing is chosen"})).status_code == 422
    assert (await api.ask("POST", path, json=chosen)).json() == {"changes": 1}
    assert (await api.ask("POST", path, json=chosen)).json() == {"changes": 0}
    assert (await api.get(f"/v1/quarantine?batch={texts['batch']}&all=true"))["rows"] == []
    acts = [act for _, act in api.audit.rows() if act.act == "quarantine.discard"]
    assert [(act.by, act.detail) for act in acts] == [("operator", f"batch {texts['batch']} (1): test data")]


async def test_findings_are_shown_and_acknowledged_and_a_held_object_is_released(api: ServedApi) -> None:
    facts = {"object": "Case", "field": "Origin", "rule": "values", "severity": "warn", "detail": "what"}
    more = {"change_order": "1", "batch": "changes/1", "first_seen_at": NOON, "last_seen_at": NOON, "seen": 1}
    rows = [facts | more | {"record_id": f"500{n:015d}"} for n in range(2)]
    load(api, QUALITY, QUALITY_COLUMNS, *rows)
    held = {"object": "Case", "batch": fresh("b"), "reason": "9 of 10", "held_at": NOON}
    load(api, HOLD, HOLD_COLUMNS, held)
    shown = await api.get("/v1/quality?object=Case")
    assert [(each["findings"], each["acknowledged"]) for each in shown["groups"]] == [(2, 0)]
    assert [each["reason"] for each in shown["holds"]] == ["9 of 10"]
    body = {"object": "Case", "record_id": rows[0]["record_id"], "reason": "it is known"}
    assert (await api.ask("POST", "/v1/quality/acknowledge", json=body)).json() == {"rows": 1}
    found = (await api.get("/v1/quality/findings?rule=values"))["findings"]
    assert [each["record_id"] for each in found] == [rows[1]["record_id"]]
    assert (await api.ask("POST", "/v1/quality/redrive", json=body)).json() == {"rows": 1}
    released = await api.ask("POST", "/v1/quality/release", json={"object": "Case", "reason": "as it was"})
    assert (released.json(), (await api.get("/v1/quality"))["holds"]) == ({"rows": 1}, [])
    acts = {act.act for _, act in api.audit.rows() if act.by == "operator"}
    assert {"quality.acknowledge", "quality.redrive", "quality.release"} <= acts


async def test_the_catalogue_says_what_is_kept_and_what_is_encrypted(api: ServedApi) -> None:
    objects = {each["name"]: each for each in (await api.get("/v1/catalogue"))["objects"]}
    contact = {each["name"]: each for each in objects["Contact"]["fields"]}
    assert (contact["Email"]["pii"], contact["AccountId"]["column"]) == ("personal", "account_id")
    assert "curated.contact_current" in objects["Contact"]["tables"]


async def test_without_a_planner_there_is_no_plan_and_it_says_how_to_have_one(api: ServedApi) -> None:
    response = await api.ask("GET", "/v1/plan")
    assert (response.status_code, "TIDEGATE_PLANNER__ON" in response.json()["detail"]) == (404, True)


async def test_it_is_ready_when_every_part_answers(api: ServedApi) -> None:
    response = await api.ask("GET", "/readyz", "")
    assert response.json() == {
        "ready": True,
        "parts": {"temporal": True, "warehouse": True, "operational_store": True, "s3": True, "kms": True},
    }
