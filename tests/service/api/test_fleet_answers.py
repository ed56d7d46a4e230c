"""Answers that are no report of now, and looks that are shared. The servers are not ours."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.fleet import FleetStatus, MemberStatus, Verdict
from schemas.settings.fleet import FleetSettings
from tests.support.builders.waiting import until
from tests.support.faults.canned_http import CannedServer, canned_http
from workers.fleet import FleetLook

pytestmark = pytest.mark.service


def report(**changed: Any) -> bytes:
    """A report without problems, of now."""
    lists: dict[str, Any] = {
        name: [] for name in ("remotes", "roles", "lanes", "objects", "problems", "unknown")
    }
    return json.dumps({"at": datetime.now(UTC).isoformat(), "org": "00D", **lists} | changed).encode()


@asynccontextmanager
async def looking(*servers: CannedServer, seconds: float = 20) -> AsyncIterator[FleetLook]:
    members = [
        {"name": f"org {number}", "url": each.url, "token": "tg_secret", "timeout": seconds}
        for number, each in enumerate(servers)
    ]
    look = FleetLook(FleetSettings.model_validate({"members": members}))
    try:
        yield look
    finally:
        await look.close()


async def line_of(body: bytes = b"", *, seconds: float = 20, **more: Any) -> MemberStatus:
    async with canned_http(body, **more) as server, looking(server, seconds=seconds) as look:
        [line] = (await look.look()).members
    return line


async def test_a_report_of_a_newer_release_is_read_and_its_news_are_passed_over() -> None:
    lane = {"lane": "changes", "state": "following", "colour": "blue"}
    line = await line_of(report(weather="fine", lanes=[lane]))
    assert (line.worst, line.why) == (Verdict.OK, "")


async def test_numbers_that_an_older_release_does_not_report_are_not_known() -> None:
    line = await line_of(report())
    assert (line.writebacks_waiting, line.writebacks_dead, line.budget_spent) == (None, None, None)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"body": b"<html>all is well</html>"}, "its answer is no status report"),
        ({"body": b"{}"}, "its answer is no status report"),
        ({"body": b'{"status": "ok"}'}, "its answer is no status report"),
        ({"body": report(problems=[{"severity": "fine"}])}, "its answer is no status report"),
        ({"body": b"", "status": "204 No Content"}, "it answers 204"),
        ({"body": report(), "status": "404 Not Found"}, "it answers 404"),
        ({"body": report(), "status": "403 Forbidden"}, "the token may not read the status (403)"),
        ({"body": report(), "status": "503 Service Unavailable"}, "its API answers 503"),
        ({"body": report(at="2026-01-01T00:00:00Z")}, "its report is"),
        (
            {"body": report(at=(datetime.now(UTC) + timedelta(hours=2)).isoformat())},
            "ahead of our clock",
        ),
        ({"body": b" " * (9 * 1024 * 1024)}, "its answer is larger than"),
    ],
)
async def test_an_answer_that_is_no_report_of_now_is_unknown(answer: dict[str, Any], why: str) -> None:
    line = await line_of(**answer)
    assert line.worst is Verdict.UNKNOWN
    assert why in line.why
    assert line.remedy
    assert line.reported_at is None


async def test_an_answer_that_never_ends_is_unknown_in_time() -> None:
    assert (await line_of(drips=True, seconds=0.5)).why == "no answer within 0.5 s"


async def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else() -> None:
    async with canned_http(report()) as other:
        line = await line_of(status="302 Found", head=f"Location: {other.url}/v1/status")
    assert (line.worst, "it answers 302" in line.why) == (Verdict.UNKNOWN, True)
    assert other.requests == []


async def test_however_many_view_the_orgs_are_asked_once_in_ten_seconds() -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(canned_http(report())) for _ in range(3)]
        look = await stack.enter_async_context(looking(*servers))
        found = await asyncio.gather(*(look.recent() for _ in range(20)))
        found.append(await look.recent())
        assert len({id(each) for each in found}) == 1
        assert [len(each.requests) for each in servers] == [1, 1, 1]
        later = await look.recent(within=timedelta(0))
        assert later.at > found[0].at
        assert [len(each.requests) for each in servers] == [2, 2, 2]


async def test_a_viewer_who_leaves_ends_no_look_of_the_others() -> None:
    async with canned_http(report()) as server, looking(server) as look:
        leaving = asyncio.create_task(look.recent())
        staying = asyncio.create_task(look.recent())
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await staying).worst is Verdict.OK
        assert len(server.requests) == 1


async def test_while_an_org_is_slow_the_look_before_is_shown() -> None:
    async with (
        canned_http(report()) as quick,
        canned_http(drips=True) as slow,
        looking(quick, slow, seconds=3) as look,
    ):
        first: FleetStatus = await look.recent()
        assert first.counts == {Verdict.UNKNOWN: 1, Verdict.OK: 1}
        assert (await look.recent(within=timedelta(0))).at == first.at

        async def is_newer() -> bool:
            return (await look.recent(within=timedelta(0))).at > first.at

        await until(is_newer)


async def test_check_asks_a_silent_org_once_more() -> None:
    async with (
        canned_http(report()) as well,
        canned_http(status="503 Service Unavailable") as ill,
        looking(well, ill) as look,
    ):
        found = await look.sure()
    assert found.counts == {Verdict.UNKNOWN: 1, Verdict.OK: 1}
    assert (len(well.requests), len(ill.requests)) == (1, 2)
