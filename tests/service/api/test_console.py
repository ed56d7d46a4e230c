"""The console: who gets in, what a page shows to whom, and what it never does."""

import asyncio
import hashlib
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.console.gate import CONTENT_SECURITY_POLICY
from clients.temporal.lanes import start_lane
from clients.warehouse.sql.apply import HOLD, LEDGER
from schemas.ingest.messages import Act, LaneInput
from schemas.ops_tables import HOLD_COLUMNS, LEDGER_COLUMNS
from tests.service.api.test_api_looks import ledger_row, load
from tests.support.builders.waiting import until
from tests.support.engines.served_api import ORG, ServedApi, fresh

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
STATIC = Path(__file__).parents[3] / "api" / "console" / "static"
PAGES = (
    "",
    "/ledger",
    "/writebacks",
    "/runs",
    "/budget",
    "/quality",
    "/reconciliation",
    "/reports",
    "/record",
    "/record?id=500000000000001AAA",
    "/incidents",
    "/audit",
    "/audit?verify=1",
    "/fleet",
    "/overview",
)
SAME = {"Sec-Fetch-Site": "same-origin"}
HOSTILE = "<script>alert(1)</script>\"'&"


async def login(api: ServedApi, role: str, **more: Any) -> httpx.Response:
    data = {"token": api.tokens.get(role, role)} | more
    response = await api.http.post("/console/login", data=data, headers=SAME)
    api.http.cookies.clear()  # each browser of a test has its own
    return response


@asynccontextmanager
async def signed_in(api: ServedApi, role: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with a session."""
    cookie = (await login(api, role)).cookies["tidegate"]
    async with httpx.AsyncClient(
        base_url=api.http.base_url, cookies={"tidegate": cookie}, timeout=60, trust_env=False
    ) as browser:
        yield browser


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


async def test_a_login_sets_a_cookie_that_no_script_and_no_other_site_can_use(api: ServedApi) -> None:
    response = await login(api, "reader")
    assert (response.status_code, response.headers["location"]) == (303, "/console")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("tidegate=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=28800"} <= set(cookie.split("; "))


async def test_a_login_leads_back_to_a_page_of_the_console_and_nowhere_else(api: ServedApi) -> None:
    assert (await login(api, "reader", back="/console/runs?x=1")).headers["location"] == "/console/runs?x=1"
    for elsewhere in ("https://evil.test/", "//evil.test", "/console.evil", "/console/\\evil", "/v1/lanes"):
        assert (await login(api, "reader", back=elsewhere)).headers["location"] == "/console", elsewhere


@pytest.mark.parametrize("role", ["writer", "guest"])
async def test_writers_and_guests_have_no_console(api: ServedApi, role: str) -> None:
    response = await login(api, role)
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


async def test_an_unknown_token_is_refused_and_not_repeated(api: ServedApi) -> None:
    response = await login(api, "tg_wrong-token")
    assert response.status_code == 401
    assert "tg_wrong-token" not in response.text
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("path", ["", "/writebacks", "/acts/lane-pause?lane=x", "/nothing"])
async def test_without_a_session_every_page_leads_to_the_login(api: ServedApi, path: str) -> None:
    response = await api.http.get(f"/console{path}")
    assert response.status_code == 303
    assert response.headers["location"].startswith("/console/login?back=")


async def test_a_cookie_of_another_key_or_altered_is_no_session(api: ServedApi) -> None:
    cookie = (await login(api, "reader")).cookies["tidegate"]
    for wrong in (cookie[:-4] + "AAAA", "nothing", ""):
        response = await api.http.get("/console", headers={"Cookie": f"tidegate={wrong}"})
        assert response.status_code == 303


async def test_a_bearer_token_opens_no_page_and_a_session_opens_no_route(api: ServedApi) -> None:
    assert (await api.ask("GET", "/console")).status_code == 303
    async with signed_in(api, "operator") as browser:
        assert (await browser.get("/v1/lanes")).status_code == 401


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("role", ["reader", "operator"])
async def test_every_page_says_of_when_it_is_and_which_command_says_the_same(
    api: ServedApi, role: str, path: str
) -> None:
    async with signed_in(api, role) as browser:
        response = await browser.get(f"/console{path}")
    assert response.status_code == 200, response.text
    assert "the log says more" not in response.text
    assert 'id="as-of"' in response.text
    assert 'data-copy="tidegate ' in response.text
    assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert response.headers["cache-control"] == "no-store"
    assert not re.findall(r'(?:src|href)="(?!/|\?|#|http://ui\.test)', response.text)
    assert "style=" not in response.text
    assert not re.search(r"<script>|\son[a-z]+=", response.text)


async def test_a_batch_and_a_writeback_have_their_pages_and_what_is_not_there_is_not_found(
    api: ServedApi,
) -> None:
    row = ledger_row(2, "Case") | {"batch": "changes/777", "committed_at": datetime.now(UTC)}
    await asyncio.to_thread(load, api, LEDGER, LEDGER_COLUMNS, row)
    body = {
        "object": "Case",
        "external_id": "C-secret-77",
        "key": fresh("k"),
        "fields": {"Subject": "secret-78"},
    }
    accepted = (await api.ask("POST", "/v1/writebacks", json={"writebacks": [body]})).json()["accepted"]
    number = accepted[0]["number"]
    async with signed_in(api, "reader") as reader, signed_in(api, "operator") as operator:
        batch = await reader.get("/console/batches/changes/777")
        assert (batch.status_code, "broken" in batch.text, "whole" in batch.text) == (200, False, True)
        address = f"/console/writebacks/{number}?values=1"
        seen, told = [await each.get(address) for each in (reader, operator)]
        assert (seen.status_code, told.status_code) == (200, 200)
        assert "Subject" in seen.text
        assert not {"secret-77", "secret-78"} & set(re.findall(r"secret-\d\d", seen.text))
        assert "secret-78" in told.text
        acts = await asyncio.to_thread(lambda: api.audit.find(act="writeback.read"))
        assert [act.by for _, act in acts if act.target.endswith(f"/{number}")] == ["operator"]
        for path in ("/batches/changes/none", "/writebacks/999999", "/runs/backfills/none", "/lanes/none"):
            assert (await reader.get(f"/console{path}")).status_code == 404, path


async def test_the_values_of_a_record_are_an_act_of_who_has_asked_for_them(api: ServedApi) -> None:
    record = "001" + uuid.uuid4().hex[:12] + "AAA"
    await asyncio.to_thread(make_account, api, record, "secret-79")
    address = f"/console/record?id={record}&values=1"
    async with signed_in(api, "reader") as reader, signed_in(api, "operator") as operator:
        assert "secret-79" not in (await reader.get(address)).text
        assert "secret-79" not in (await operator.get(f"/console/record?id={record}")).text
        assert await asyncio.to_thread(readings, api, record) == []
        assert "secret-79" in (await operator.get(address)).text
        assert await asyncio.to_thread(readings, api, record) == ["operator"]
        async with operator.stream("GET", f"{address}&stream=1") as frames:
            frame = await anext(frames.aiter_text())
    assert "Its changes" in frame
    assert "secret-79" not in frame, "the page has it once; a stream would read it again and again"
    assert await asyncio.to_thread(readings, api, record) == ["operator"]


def make_account(api: ServedApi, record: str, kind: str) -> None:
    """A row and the change that it is of; `kind` is a value that is not encrypted."""
    now = datetime.now(UTC)
    order = {"changed_at": now, "applied_at": now, "record_id": record, "batch": "changes/1"}
    change = order | {"change_order": "1", "change_type": "create", "received_at": now}
    row = order | {
        "last_change_order": "1",
        "is_deleted": False,
        "is_complete": True,
        "version": 1,
        "type": kind,
    }
    with api.warehouse.transaction() as transaction:
        for table, values in (("audit.account_change", change), ("curated.account_current", row)):
            names = ", ".join(values)
            marks = ", ".join(["%s"] * len(values))
            transaction.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))


def readings(api: ServedApi, record: str) -> list[str]:
    """Who has read the record's values."""
    return [act.by for _, act in api.audit.find(act="record.read") if act.target.endswith(record)]


async def test_the_policy_allows_no_inline_script_and_no_other_host() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")


async def test_a_form_of_another_site_or_of_another_session_changes_nothing(api: ServedApi) -> None:
    async with signed_in(api, "operator") as browser, signed_in(api, "second") as other:
        mine, theirs = [csrf_of((await each.get("/console/audit")).text) for each in (browser, other)]
        fields = {"lane": "x", "reason": "a reason", "key": "k"}
        act = "/console/acts/lane-pause"
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            response = await browser.post(act, data=fields | {"csrf": mine}, headers=headers)
            assert response.status_code == 403
        for token in (theirs, "", "ä"):
            response = await browser.post(act, data=fields | {"csrf": token}, headers=SAME)
            assert (response.status_code, "another session" in response.text) == (403, True)


async def test_a_logout_holds_for_copies_of_the_cookie(api: ServedApi) -> None:
    async with signed_in(api, "reader") as browser:
        page = await browser.get("/console/audit")
        cookie = browser.cookies["tidegate"]
        response = await browser.post("/console/logout", data={"csrf": csrf_of(page.text)}, headers=SAME)
        assert (response.status_code, response.headers["location"]) == (303, "/console/login")
    copy = {"Cookie": f"tidegate={cookie}"}
    assert (await api.http.get("/console/audit", headers=copy)).status_code == 303
    stream = copy | {"Accept": "text/event-stream"}
    assert (await api.http.get("/console?stream=1", headers=stream)).status_code == 401


async def test_another_host_name_is_refused_so_that_no_site_can_point_its_name_here(api: ServedApi) -> None:
    response = await api.http.get("/console/login", headers={"Host": "evil.test"})
    assert response.status_code == 421
    assert "TIDEGATE_API__CONSOLE__PUBLIC_URL" in response.text


async def test_hostile_values_are_shown_as_text(api: ServedApi) -> None:
    now = datetime.now(UTC)
    act = Act(act="lane.pause", by="somebody", target=HOSTILE, detail=HOSTILE, at=now)
    await asyncio.to_thread(api.audit.append, act)
    held = {"object": "Case", "batch": "changes/1", "reason": HOSTILE, "held_at": now}
    await asyncio.to_thread(load, api, HOLD, HOLD_COLUMNS, held)
    async with signed_in(api, "operator") as browser:
        for path in ("/audit", "/quality", f"/writebacks?object={HOSTILE}", f"/ledger?lane={HOSTILE}"):
            text = (await browser.get(f"/console{path}")).text
            assert "<script>alert" not in text, path
            assert "&lt;script&gt;alert" in text, path


async def test_a_reader_is_offered_no_act_and_may_do_none(api: ServedApi) -> None:
    async with signed_in(api, "reader") as browser:
        page = await browser.get("/console/writebacks")
        assert "/console/acts/" not in page.text
        assert (await browser.get("/console/acts/reconcile")).status_code == 403
        fields = {"csrf": csrf_of(page.text), "reason": "a reason", "key": "k", "object": "Case"}
        response = await browser.post("/console/acts/reconcile", data=fields, headers=SAME)
        assert (response.status_code, "role operator" in response.text) == (403, True)


async def test_an_act_says_what_it_does_needs_a_reason_is_done_once_and_goes_on_record(
    api: ServedApi,
) -> None:
    lane = fresh("l")
    await start_lane(api.client, LaneInput(org=ORG, lane=lane, channel="/data/CaseChangeEvent"))
    async with signed_in(api, "operator") as browser:
        path = "/console/acts/lane-pause"
        page = await browser.get(path, params={"lane": lane})
        assert "72 hours" in page.text
        key = re.search(r'name="key" value="([^"]+)"', page.text)
        assert key
        fields = {"csrf": csrf_of(page.text), "key": key[1], "lane": lane}
        refused = await browser.post(path, data=fields | {"reason": " "}, headers=SAME)
        assert refused.status_code == 422
        done = [await browser.post(path, data=fields | {"reason": "release"}, headers=SAME) for _ in range(2)]
    assert [each.status_code for each in done] == [200, 200]
    assert "was not done again" in done[1].text

    async def is_on_record() -> bool:
        acts = (await api.get("/v1/audit?limit=20"))["acts"]
        found = [(each["act"], each["by"]) for each in acts if each["target"].endswith(lane)]
        return found == [("lane.pause", "operator")]

    await until(is_on_record)


async def test_a_stream_tells_a_new_batch_without_a_reload(api: ServedApi) -> None:
    number = 7_654_321
    async with signed_in(api, "reader") as browser:
        before = await browser.get("/console/ledger")
        assert str(number) not in before.text
        async with browser.stream("GET", "/console/ledger?stream=1") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
            row = ledger_row(1, "Case") | {"batch": f"changes/{number}", "committed_at": datetime.now(UTC)}
            await asyncio.to_thread(load, api, LEDGER, LEDGER_COLUMNS, row)
            async for line in response.aiter_lines():
                if str(number) in line:
                    break


async def test_a_remote_that_cannot_be_asked_is_unknown_and_the_page_never_says_no_problem(
    api: ServedApi,
) -> None:
    async with signed_in(api, "reader") as browser:
        page = (await browser.get("/console")).text
    assert "No problem</strong>" not in page
    assert re.search(r"(unknown|down)</span>", page)


async def test_every_vendored_file_is_the_one_that_was_published() -> None:
    lines = (line.split("  ") for line in (STATIC / "SHA256SUMS").read_text().splitlines())
    listed = {name: digest for digest, name in lines}
    found = {name: hashlib.sha256((STATIC / name).read_bytes()).hexdigest() for name in listed}
    assert found == listed
    ours = {"console.css", "console.js", "icon.svg", "SHA256SUMS", "README.txt"}
    assert {each.name for each in STATIC.iterdir()} - ours == set(listed)


async def test_files_are_kept_by_browsers_only_under_their_digest(api: ServedApi) -> None:
    page = (await api.http.get("/console/login")).text
    [address] = re.findall(r'href="(/console/static/console\.css\?v=\w+)"', page)
    assert "immutable" in (await api.http.get(address)).headers["cache-control"]
    assert (await api.http.get("/console/static/console.css")).headers["cache-control"] == "no-cache"
    for name in ("SHA256SUMS", "nothing.js", "..%2fapp.py", "%2e%2e/app.py"):
        assert (await api.http.get(f"/console/static/{name}")).status_code in (303, 404), name
