"""A fleet over real APIs: one well, one with problems, one frozen, one that refuses the token, one
closed.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from rich.console import Console
from temporalio import activity
from temporalio.worker import Worker

from cli.fleet.page import fleet_page
from clients.storage.objects import S3Address
from sandbox.ports import free_port
from schemas import names
from schemas.fleet import FleetStatus, Verdict
from schemas.settings.fleet import FleetSettings
from tests.service.api.test_console import SAME
from tests.support.builders.waiting import until
from tests.support.command_line import command
from tests.support.engines.served_api import ServedApi, serving_api, settings_for, tokens_and_entries
from tests.support.engines.served_org import served_org
from tests.support.faults.frozen import silent_address
from workers.fleet import FleetLook
from workers.settings import Settings

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
PATIENT = {"timeout": 30}
"""For APIs that answer, however busy the machine is."""


@activity.defn
async def idle() -> None:
    """Never started: its worker polls."""


class Well:
    """Settings and token of an API whose engine has no problem."""

    def __init__(self, settings: Settings, token: str) -> None:
        self.settings, self.token = settings, token


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def well(
    api: ServedApi,
    temporal_server: str,
    module_database: str,
    s3_address: S3Address,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Well]:
    """The engine of `api` with its org up and every queue polled. The planner follows nothing."""
    tokens, entries = tokens_and_entries()
    settings = settings_for(dsn=module_database, temporal=temporal_server, s3=s3_address, tokens=entries)
    queues = (names.REPLAY_QUEUE, names.ERASURE_QUEUE, names.RECONCILE_QUEUE, names.WEBHOOK_QUEUE)
    async with AsyncExitStack() as stack:
        for queue in queues:
            await stack.enter_async_context(Worker(api.client, task_queue=queue, activities=[idle]))
        org = await stack.enter_async_context(served_org(tmp_path_factory.mktemp("org")))
        salesforce = settings.salesforce.model_copy(update={"login_url": org.url})
        planner = settings.planner.model_copy(update={"on": True})
        yield Well(
            settings.model_copy(update={"salesforce": salesforce, "planner": planner}), tokens["reader"]
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def good(well: Well) -> AsyncIterator[dict[str, Any]]:
    """The member that is well, once it is."""
    async with serving_api(well.settings) as url, httpx.AsyncClient(trust_env=False, timeout=60) as http:

        async def is_well() -> bool:
            headers = {"Authorization": f"Bearer {well.token}"}
            found = (await http.get(f"{url}/v1/status", headers=headers)).json()
            return not found["problems"] and not found["unknown"]

        await until(is_well, seconds=60)
        yield {"name": "good", "url": url, "token": well.token, **PATIENT}


@pytest.fixture
def troubled(api: ServedApi) -> dict[str, Any]:
    """The member whose org refuses connections."""
    url = str(api.http.base_url).rstrip("/")
    return {"name": "troubled", "url": url, "token": api.tokens["reader"], **PATIENT}


@pytest.fixture
def silent(good: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Members that give no report: frozen, with a wrong token, closed."""
    wrong = good["url"].replace("127.0.0.1", "localhost")
    with silent_address() as address:
        yield [
            {"name": "frozen", "url": f"http://{address}", "token": "tg_none", "timeout": 1},
            {"name": "refused", "url": wrong, "token": "tg_wrong", **PATIENT},
            {"name": "closed", "url": f"http://127.0.0.1:{free_port()}", "token": "tg_none", **PATIENT},
        ]


def fleet_of(*members: dict[str, Any], **more: Any) -> FleetSettings:
    return FleetSettings.model_validate({"members": members, **more})


def file_of(folder: Path, *members: dict[str, Any]) -> Path:
    """A settings file with a fleet and nothing else."""
    file = folder / "settings.json"
    file.write_text(json.dumps({"fleet": {"members": members}}))
    return file


@asynccontextmanager
async def looking(settings: FleetSettings) -> AsyncIterator[FleetLook]:
    look = FleetLook(settings)
    try:
        yield look
    finally:
        await look.close()


def whys(found: FleetStatus) -> dict[str, str]:
    return {each.name: each.why for each in found.members if each.reported_at is None}


async def test_every_org_has_its_line_and_unknown_stands_between_pages_and_the_good(
    good: dict[str, Any], troubled: dict[str, Any], silent: list[dict[str, Any]], tmp_path: Path
) -> None:
    ended = await command(file_of(tmp_path, good, *silent, troubled), "fleet", "status", "--json")
    assert ended.exit_code == 0, ended.exception
    found = json.loads(ended.stdout)
    assert [each["worst"] for each in found["members"]] == ["page", "unknown", "unknown", "unknown", "ok"]
    assert (found["worst"], found["orgs"]) == ("page", {"page": 1, "unknown": 3, "ok": 1})
    lines = {each["name"]: each for each in found["members"]}
    assert (lines["troubled"]["problem"]["code"], lines["troubled"]["problem"]["subject"]) == (
        "remote.down",
        "salesforce",
    )
    assert lines["troubled"]["problem"]["remedy"]
    assert (lines["good"]["writebacks_waiting"], lines["good"]["writebacks_dead"]) == (0, 0)
    assert lines["frozen"]["why"] == "no answer within 1 s"
    assert lines["refused"]["why"] == "it refuses the token (401)"
    assert lines["closed"]["why"].startswith("its API cannot be reached (ConnectError")
    assert all(lines[each["name"]]["remedy"] for each in silent)
    assert "tg_" not in ended.stdout


async def test_check_ends_as_the_worst_org(
    good: dict[str, Any], troubled: dict[str, Any], silent: list[dict[str, Any]], tmp_path: Path
) -> None:
    async def check(*members: dict[str, Any]) -> tuple[int, list[str]]:
        ended = await command(file_of(tmp_path, *members), "fleet", "status", "--check")
        return ended.exit_code, ended.stdout.splitlines()

    code, [line] = await check(good)
    assert (code, line.startswith("OK: 1 org as of ")) == (0, True)
    code, lines = await check(good, *silent)
    assert (code, [each.split()[:2] for each in lines]) == (
        3,
        [["UNKNOWN", "closed:"], ["UNKNOWN", "frozen:"], ["UNKNOWN", "refused:"]],
    )
    code, lines = await check(silent[0], troubled, good)
    assert (code, [each.split()[:2] for each in lines]) == (
        2,
        [["PAGE", "troubled:"], ["UNKNOWN", "frozen:"]],
    )


async def test_an_org_that_falls_silent_is_unknown_with_its_last_report_and_good_again_later(
    well: Well, good: dict[str, Any]
) -> None:
    port = free_port()
    member = good | {"url": f"http://127.0.0.1:{port}"}
    async with looking(fleet_of(member)) as look:

        async def is_good() -> bool:
            return (await look.look()).worst is Verdict.OK

        async with serving_api(well.settings, port=port):
            await until(is_good, seconds=60)
        [line] = (await look.look()).members
        assert (line.worst, line.reported_at) == (Verdict.UNKNOWN, None)
        assert line.last is not None
        assert line.last.verdict is None
        assert line.since == line.last.at
        async with serving_api(well.settings, port=port):
            await until(is_good, seconds=60)


async def test_a_token_that_is_changed_in_its_file_is_taken_by_the_next_look(
    good: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("tg_old")
    members = [
        good | {"token": None, "token_file": file},
        good
        | {
            "name": "by reference",
            "url": good["url"].replace("127.0.0.1", "localhost"),
            "token": f"file:{file}",
        },
    ]
    async with looking(fleet_of(*members)) as look:
        assert set(whys(await look.look()).values()) == {"it refuses the token (401)"}
        file.write_text(good["token"])
        assert whys(await look.look()) == {}


@asynccontextmanager
async def signed_in(api: ServedApi, *members: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    """A reader's browser at an API that has a fleet."""
    tokens, entries = tokens_and_entries()
    settings = settings_for(tokens=entries).model_copy(update={"fleet": fleet_of(*members)})
    async with (
        serving_api(settings) as url,
        httpx.AsyncClient(base_url=url, timeout=120, trust_env=False) as browser,
    ):
        response = await browser.post("/console/login", data={"token": tokens["reader"]}, headers=SAME)
        assert response.status_code == 303
        yield browser


async def test_the_console_begins_with_the_fleet_and_shows_no_token(
    api: ServedApi, good: dict[str, Any], troubled: dict[str, Any], silent: list[dict[str, Any]]
) -> None:
    members = [good | {"console_url": "https://good.example.org/console"}, *silent, troubled]
    async with signed_in(api, *members) as browser:
        first, page = await browser.get("/console"), await browser.get("/console/fleet")
        overview = await browser.get("/console/overview")
    for response in (first, page):
        assert response.status_code == 200
        text = response.text
        assert "<h1>Fleet</h1>" in text
        places = [text.index(f">{name}<svg") for name in ("troubled", "closed", "frozen", "refused", "good")]
        assert places == sorted(places)
        assert 'href="https://good.example.org/console"' in text
        assert f'href="{troubled["url"]}/console"' in text
        assert 'data-copy="tidegate fleet status"' in text
        assert "1 org with a problem for now" in text
        assert "tg_" not in text
        assert "style=" not in text
    assert '<a href="/console/overview"' in first.text
    assert "<h1>Overview</h1>" in overview.text


async def test_a_console_without_a_fleet_begins_with_its_own_org(api: ServedApi) -> None:
    tokens = api.tokens
    async with httpx.AsyncClient(base_url=api.http.base_url, timeout=60, trust_env=False) as browser:
        await browser.post("/console/login", data={"token": tokens["reader"]}, headers=SAME)
        first, page = await browser.get("/console"), await browser.get("/console/fleet")
    assert "<h1>Overview</h1>" in first.text
    assert '<a href="/console/fleet"' not in first.text
    assert (page.status_code, "No fleet is configured" in page.text) == (200, True)


async def test_the_table_names_every_org_on_a_narrow_terminal(
    good: dict[str, Any], silent: list[dict[str, Any]]
) -> None:
    async with looking(fleet_of(good, *silent)) as look:
        found = await look.look()
    shown = StringIO()
    console = Console(width=80, file=shown)
    console.print(fleet_page(found))
    text = shown.getvalue()
    assert text.startswith("UNKNOWN: 4 orgs as of ")
    assert [name for name in ("good", "frozen", "refused", "closed") if name not in text] == []


async def test_a_look_of_many_waits_for_the_slowest_and_not_for_their_sum() -> None:
    with silent_address() as address:
        members = [
            {"name": f"org {number}", "url": f"http://{address}/{number}", "token": "tg_none", "timeout": 2}
            for number in range(40)
        ]
        async with looking(fleet_of(*members)) as look:
            began = asyncio.get_running_loop().time()
            found = await look.look()
            took = timedelta(seconds=asyncio.get_running_loop().time() - began)
    assert found.counts == {Verdict.UNKNOWN: 40}
    assert took < timedelta(seconds=40)
