"""Runs requested by HTTP run once: same key, same run; on real workflows, whose steps read
nothing.
"""

import asyncio
from contextlib import closing
from datetime import UTC, datetime

import orjson
import pytest

from api.runs.kinds import fingerprint
from clients.database.idempotency_keys import KeyClaim, RequestKeys
from clients.temporal.run_kinds import BACKFILL
from clients.temporal.runs import start_run
from schemas.backfill import BackfillInput
from schemas.errors import TerminalError
from tests.support.builders.waiting import until
from tests.support.engines.served_api import ORG, ServedApi, fresh

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_a_backfill_is_answered_with_its_ids_and_links_and_told_to_its_end(api: ServedApi) -> None:
    window = fresh()
    response = await api.ask(
        "POST", "/v1/backfills", json={"object": "Case", "window": window, "reason": "a copy was restored"}
    )
    run = response.json()
    workflow = f"backfill/{ORG}/Case/{window}"
    assert response.status_code == 202
    assert run == {
        "id": f"Case~{window}",
        "workflow_id": workflow,
        "run_id": run["run_id"],
        "state_url": f"/v1/backfills/Case~{window}",
        "web_ui": f"http://ui.test/namespaces/default/workflows/backfill%2F{ORG}%2FCase%2F{window}/{run['run_id']}",
        "is_new": True,
    }
    assert response.headers["location"] == run["state_url"]
    await until(lambda: api.has_ended(run))
    view = await api.get(run["state_url"])
    assert (view["status"], view["stage"], view["run_id"]) == ("completed", "done", run["run_id"])
    assert view["state"]["counts"]["rows"] == 2_000
    [act] = [each for _, each in api.audit.rows() if each.target == workflow]
    assert (act.act, act.by) == ("backfill.start", "operator")
    assert "a copy was restored" in act.detail


async def test_the_same_key_answers_the_same_run_also_when_it_has_ended(api: ServedApi) -> None:
    key, body = fresh("key"), {"object": "Account", "reason": "first load"}
    first = await api.backfill(key=key, **body)
    again = await api.backfill(key=key, **body)
    await until(lambda: api.has_ended(first))
    later = await api.backfill(key=key, **body)
    assert [each["run_id"] for each in (again, later)] == [first["run_id"]] * 2
    assert [each["is_new"] for each in (first, again, later)] == [True, False, False]


@pytest.mark.parametrize("other", [{"object": "Contact"}, {"object": "Account", "is_repair": True}])
async def test_the_same_key_with_other_content_is_refused_and_names_what_it_stands_for(
    api: ServedApi, other: dict[str, object]
) -> None:
    key = fresh("key")
    run = await api.backfill(key=key, object="Account")
    response = await api.ask("POST", "/v1/backfills", key=key, json=other)
    problem = response.json()
    assert (response.status_code, problem["type"]) == (409, "urn:tidegate:problem:key-used")
    assert run["workflow_id"] in problem["detail"]


@pytest.mark.parametrize("was_started", [True, False])
async def test_a_key_of_a_release_that_named_runs_otherwise_answers_its_run(
    api: ServedApi, module_database: str, was_started: bool
) -> None:
    key, window = fresh("key"), f"2026-11-01T00:00:00Z..now.{fresh('k')}"
    since = datetime(2026, 11, 1, tzinfo=UTC)
    request = BackfillInput(org=ORG, object="Account", window=window, since=since, by="operator")
    claim = KeyClaim("operator", key, "backfills", fingerprint(request), BACKFILL.workflow_id(request))
    with closing(RequestKeys(module_database)) as keys:
        keys.claim(claim)
        if was_started:
            keys.record_start(claim, (await start_run(api.client, BACKFILL, request)).run_id)
    run = await api.backfill(key=key, object="Account", since="2026-11-01T00:00:00Z")
    assert (run["workflow_id"], run["is_new"]) == (claim.workflow_id, not was_started)
    other = {"object": "Account", "since": "2026-11-02T00:00:00Z"}
    assert (await api.ask("POST", "/v1/backfills", key=key, json=other)).status_code == 409


async def test_another_key_is_another_run_of_the_same_content(api: ServedApi) -> None:
    runs = [await api.backfill(key=fresh("key"), object="Account") for _ in range(2)]
    assert len({run["workflow_id"] for run in runs}) == 2


async def test_two_callers_may_make_up_the_same_key(api: ServedApi) -> None:
    key = fresh("key")
    first = await api.backfill(key=key, object="Account")
    response = await api.ask("POST", "/v1/backfills", "second", key=key, json={"object": "Contact"})
    assert (response.status_code, response.json()["is_new"]) == (202, True)
    assert (await api.backfill(key=key, object="Account"))["run_id"] == first["run_id"]


async def test_the_same_window_with_other_content_is_refused(api: ServedApi) -> None:
    window = fresh()
    await api.backfill(object="Case", window=window, since="2026-11-01T00:00:00Z")
    body = {"object": "Case", "window": window, "since": "2026-11-02T00:00:00Z"}
    key = fresh("key")
    response = await api.ask("POST", "/v1/backfills", key=key, json=body)
    assert (response.status_code, response.json()["type"]) == (409, "urn:tidegate:problem:run-exists")
    # The key was not spent on it.
    assert (await api.backfill(key=key, **(body | {"window": fresh()})))["is_new"]


@pytest.mark.parametrize("has_key", [False, True])
async def test_identical_requests_at_the_same_time_are_one_run(api: ServedApi, has_key: bool) -> None:
    window, key = fresh(), fresh("key") if has_key else None
    runs = await asyncio.gather(
        *(api.backfill(key=key, object="Contact", window=window, reason=f"try {n}") for n in range(10))
    )
    assert len({run["run_id"] for run in runs}) == 1
    assert sum(run["is_new"] for run in runs) == 1
    await until(lambda: api.has_ended(runs[0]))
    assert sum(act.target == runs[0]["workflow_id"] for _, act in api.audit.rows()) == 1


async def test_ids_are_kept_in_the_object_store_and_only_their_key_travels(api: ServedApi) -> None:
    ids = [f"001Tg0000{n:06}IAA" for n in (3, 1, 2, 1)]
    run = await api.backfill(object="Account", ids=ids, lease_class="repair", is_repair=True)
    await until(lambda: api.has_ended(run))
    request = next(each for each in api.reader.records if each.window in run["id"])
    assert orjson.loads(api.store.get(request.ids_key)) == sorted(set(ids))
    assert request.lease_class == "repair"
    history = await api.client.get_workflow_handle(run["workflow_id"]).fetch_history()
    assert "001Tg0000" not in history.to_json()
    assert (await api.backfill(object="Account", ids=ids[::-1], is_repair=True, lease_class="repair"))[
        "run_id"
    ] == run["run_id"]


async def test_fifty_thousand_ids_are_one_request(api: ServedApi) -> None:
    ids = [f"001Tg00{n:08}IAA" for n in range(50_000)]
    run = await api.backfill(object="Account", ids=ids)
    await until(lambda: api.has_ended(run))
    response = await api.ask("POST", "/v1/backfills", json={"object": "Account", "ids": [*ids, ids[0]]})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "body.ids"


async def test_a_run_is_paused_resumed_and_cancelled_and_every_act_is_on_record(api: ServedApi) -> None:
    api.reader.is_held = True
    run = await api.backfill(object="Case", window=fresh())
    await until(api.reader.is_reading)

    async def stage_is(stage: str) -> bool:
        return bool((await api.get(run["state_url"]))["state"]["stage"] == stage)

    try:
        for act, stage in (("pause", "paused"), ("resume", "reading"), ("cancel", "cancelled")):
            response = await api.ask(
                "POST", f"{run['state_url']}/{act}", json={"reason": f"{act} for a release"}
            )
            assert (response.status_code, response.json()["act"]) == (202, act)
            await until(lambda: stage_is(stage))  # noqa: B023 -- it is awaited here
    finally:
        api.reader.is_held = False
    await until(lambda: api.has_ended(run))
    acts = [each for _, each in api.audit.rows() if each.target == run["workflow_id"]]
    assert [(each.act, each.by) for each in acts][-3:] == [
        ("backfill.pause", "operator"),
        ("backfill.resume", "operator"),
        ("backfill.cancel", "operator"),
    ]
    late = await api.ask("POST", f"{run['state_url']}/pause", json={"reason": "too late"})
    assert (late.status_code, late.json()["type"]) == (409, "urn:tidegate:problem:has-ended")


async def test_a_failed_run_tells_why_and_is_started_again_but_not_for_its_key(api: ServedApi) -> None:
    window, key = fresh(), fresh("key")
    api.reader.failures = [TerminalError("The part cannot be read. Fix it.")]
    run = await api.backfill(key=key, object="Opportunity", window=window)
    await until(lambda: api.has_ended(run))
    view = await api.get(run["state_url"])
    assert (view["status"], view["trouble"]) == ("failed", "The part cannot be read. Fix it.")
    assert (await api.backfill(key=key, object="Opportunity", window=window))["run_id"] == run["run_id"]
    again = await api.backfill(object="Opportunity", window=window)
    assert (again["is_new"], again["run_id"] == run["run_id"]) == (True, False)


async def test_a_run_that_nobody_asked_for_is_not_found(api: ServedApi) -> None:
    for method, path in (("GET", ""), ("POST", "/pause")):
        response = await api.ask(method, f"/v1/backfills/Case~never{path}", json={"reason": "why not"})
        assert (response.status_code, response.json()["type"]) == (404, "urn:tidegate:problem:not-found")


async def test_runs_are_listed_by_object_and_status_page_by_page(api: ServedApi) -> None:
    api.reader.is_held = True
    runs = [await api.backfill(object="Payment__c", window=fresh()) for _ in range(3)]

    async def are_listed() -> bool:
        found = await api.get("/v1/backfills?of=Payment__c&status=running")
        return {each["id"] for each in found["runs"]} == {run["id"] for run in runs}

    await until(are_listed)
    first = await api.get("/v1/backfills?of=Payment__c&limit=2")
    second = await api.get(f"/v1/backfills?of=Payment__c&limit=2&page={first['next_page']}")
    seen = [each["id"] for each in first["runs"] + second["runs"]]
    assert (len(first["runs"]), sorted(seen)) == (2, sorted(run["id"] for run in runs))
    api.reader.is_held = False
    assert (await api.get("/v1/backfills?of=Payment"))["runs"] == []


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"object": "Kase"}, "object", "it has Account, Case"),
        ({}, "body.object", "Field required"),
        ({"object": "Case", "ids": ["001Tg0000000001IAA", "secret@example.org"]}, "body.ids.1", "pattern"),
        ({"object": "Case", "ids": ["001Tg0000000001IAA"], "since": "2026-11-01T00:00:00Z"}, "body", "not both"),
        ({"object": "Case", "since": "2026-11-01T00:00:00"}, "body.since", "timezone"),
        ({"object": "Case", "since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "body", "before"),
        ({"object": "Case", "windw": "secret@example.org"}, "body.windw", "not permitted"),
        ({"object": "Case", "window": "secret@example.org"}, "body.window", "pattern"),
        ({"object": "Case", "lease_class": "writeback"}, "body.lease_class", "backfill"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_named_and_its_value_is_not_said_again(
    api: ServedApi, body: dict[str, object], field: str, says: str
) -> None:
    response = await api.ask("POST", "/v1/backfills", json=body)
    problem = response.json()
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert problem["errors"][0]["field"] == field
    assert says in problem["errors"][0]["message"]
    assert "secret" not in response.text


async def test_a_body_that_is_no_json_is_refused(api: ServedApi) -> None:
    response = await api.ask(
        "POST", "/v1/backfills", content=b'{"object": secret', headers={"content-type": "application/json"}
    )
    assert (response.status_code, response.json()["type"]) == (422, "urn:tidegate:problem:invalid-request")
    assert "secret" not in response.text


async def test_a_replay_is_asked_for_by_the_same_road(api: ServedApi) -> None:
    body = {"object": "Case", "quarantine": {"reason": "unknown_field"}, "reason": "the field is known now"}
    response = await api.ask("POST", "/v1/replays", json=body)
    run = response.json()
    assert run["workflow_id"] == f"replay/{ORG}/Case,quarantine-unknown_field"
    view = await api.get(run["state_url"])
    assert (view["status"], view["state"]["key"]) == ("running", "Case,quarantine-unknown_field")
    wrong = await api.ask("POST", "/v1/replays", json={"from_position": "7"})
    assert (wrong.status_code, "name the lane" in wrong.json()["detail"]) == (422, True)


async def test_a_reconciliation_is_asked_for_by_the_same_road_and_cannot_be_steered(api: ServedApi) -> None:
    response = await api.ask("POST", "/v1/reconciliations", json={"object": "Case", "depth": "ids"})
    run = response.json()
    assert run["workflow_id"] == f"reconcile/{ORG}/Case/all.ids"
    assert (await api.get(run["state_url"]))["state"]["depth"] == "ids"
    steered = await api.ask("POST", f"{run['state_url']}/pause", json={"reason": "never mind"})
    assert steered.status_code == 404


async def test_a_backfill_that_the_command_started_is_found_and_told_from_another(api: ServedApi) -> None:
    request = BackfillInput(org=ORG, object="Case", window=fresh(), by="an operator")
    started = await start_run(api.client, BACKFILL, request)
    run = await api.backfill(object="Case", window=request.window)
    assert (run["workflow_id"], run["is_new"]) == (started.workflow_id, False)
    body = {"object": "Case", "window": request.window, "is_repair": True}
    assert (await api.ask("POST", "/v1/backfills", json=body)).status_code == 409
