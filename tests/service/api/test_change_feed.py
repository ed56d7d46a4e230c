"""The change feed: every change once behind a cursor, in the order in which it was applied."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.api import new_token
from clients.database.api_tokens import ApiTokens
from clients.warehouse.live_catalogue import LiveCatalogue
from schemas.catalogue import default_catalogue
from schemas.security.access import CallerRole, RecordScope
from schemas.security.api_tokens import StoredToken
from tests.support.builders.waiting import SLOWNESS, until
from tests.support.engines.applied_records import AppliedRecords, changed, record_id
from tests.support.engines.served_api import ServedApi, fresh
from transforms.pii import Protector
from workers.addresses import operational_address
from workers.security.keys import open_key_ring

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def records(api: ServedApi) -> AppliedRecords:
    catalogue = LiveCatalogue.over(default_catalogue(), api.warehouse)
    ring = open_key_ring(api.settings, api.store, api.warehouse, catalogue)
    return AppliedRecords(api.warehouse, api.store, catalogue, Protector(ring, catalogue))


async def poll(api: ServedApi, after: str, **more: Any) -> Any:
    params = {"object": "Case", "after": after, **more}
    response = await api.ask("GET", "/v1/changes", "records", params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def latest(api: ServedApi) -> str:
    return str((await poll(api, "latest"))["next"])


async def test_changes_come_in_the_order_in_which_they_were_applied_and_each_once(
    api: ServedApi, records: AppliedRecords
) -> None:
    start, cases = await latest(api), [record_id("500", 1_000 + n) for n in range(4)]
    for second in (5, 9, 3):
        records.apply(*(changed("Case", each, second, "UPDATE", Status=f"s{second}") for each in cases))
    found: list[dict[str, Any]] = []
    after, has_more = start, True
    while has_more:
        page = await poll(api, after, limit=5)
        found, after, has_more = found + page["changes"], page["next"], page["has_more"]
    assert [(each["fields"]["Status"], each["id"]) for each in found] == [
        (f"s{second}", case) for second in (5, 9, 3) for case in cases
    ]
    assert (await poll(api, after))["changes"] == []
    assert (await poll(api, found[4]["cursor"]))["changes"] == found[5:]


async def test_a_poll_waits_for_a_change(api: ServedApi, records: AppliedRecords) -> None:
    start, case = await latest(api), record_id("500", 1_100)
    waiting = asyncio.create_task(poll(api, start, wait=30))
    await asyncio.sleep(0)
    await asyncio.to_thread(records.apply, changed("Case", case, 1, "CREATE", Status="New"))
    [change] = (await waiting)["changes"]
    assert (change["id"], change["change_type"]) == (case, "create")


async def test_a_poll_without_a_change_ends(api: ServedApi) -> None:
    page = await poll(api, start := await latest(api), wait=0.5)
    assert (page["changes"], page["next"]) == ([], start)


async def test_the_feed_goes_on_during_applies_of_many_writers_without_a_gap(
    api: ServedApi, records: AppliedRecords
) -> None:
    start = await latest(api)
    cases = [record_id("500", 2_000 + n) for n in range(60)]

    async def write(some: list[str]) -> None:
        for each in some:
            await asyncio.to_thread(records.apply, changed("Case", each, 1, "CREATE", Status="New"))

    writing = asyncio.gather(*(write(cases[n::6]) for n in range(6)))
    found: list[dict[str, Any]] = []
    after = start
    while len(found) < len(cases):
        page = await poll(api, after, limit=7, wait=5)
        found, after = found + page["changes"], page["next"]
    await writing
    assert sorted(each["id"] for each in found) == sorted(cases)
    assert (await poll(api, start, limit=1_000))["changes"] == found
    cursors = [each["cursor"] for each in found]
    assert cursors == sorted(cursors)


async def events(
    api: ServedApi, after: str, last: str = "", caller: str = "records"
) -> AsyncIterator[tuple[str, Any]]:
    """id and data of each change of a stream."""
    headers = {"Authorization": f"Bearer {api.tokens[caller]}"} | ({"Last-Event-ID": last} if last else {})
    params = {"object": "Case", "after": after}
    async with api.http.stream("GET", "/v1/changes/stream", params=params, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                event[name] = value
            elif event.get("event") == "change":
                yield event["id"], json.loads(event["data"])
                event = {}


async def test_a_stream_that_is_broken_off_goes_on_behind_its_last_event(
    api: ServedApi, records: AppliedRecords
) -> None:
    start, cases = await latest(api), [record_id("500", 3_000 + n) for n in range(6)]
    for each in cases[:4]:
        records.apply(changed("Case", each, 1, "CREATE", Status="New"))
    seen: list[str] = []
    last = ""
    async for cursor, change in events(api, start):
        seen.append(change["id"])
        last = cursor
        if len(seen) == 2:
            break
    for each in cases[4:]:
        records.apply(changed("Case", each, 1, "CREATE", Status="New"))
    async for _, change in events(api, start, last):
        seen.append(change["id"])
        if len(seen) == len(cases):
            break
    assert seen == cases


async def test_a_stream_ends_when_its_token_is_withdrawn(api: ServedApi, records: AppliedRecords) -> None:
    token, entry = new_token(name := fresh("stream"), CallerRole.READER)
    now = datetime.now(UTC)
    kept = StoredToken(
        **entry,
        records=RecordScope(objects=("Case",)),
        made_at=now,
        made_by="tests",
        expires_at=now + timedelta(days=1),
    )
    with closing(ApiTokens(operational_address(api.settings.operational))) as tokens:
        await asyncio.to_thread(tokens.add, kept)

        async def counts() -> bool:
            headers = {"Authorization": f"Bearer {token}"}
            path = "/v1/changes?object=Case&after=latest"
            return (await api.http.get(path, headers=headers)).status_code == 200

        await until(counts)
        api.tokens[name] = token
        ended = asyncio.create_task(_to_its_end(api, name))
        await asyncio.to_thread(tokens.revoke, [kept], by="tests", at=datetime.now(UTC))
        await asyncio.wait_for(ended, 60 * SLOWNESS)


async def _to_its_end(api: ServedApi, caller: str) -> None:
    async for _ in events(api, "latest", caller=caller):
        pass


async def test_a_change_shows_what_it_sets_without_protected_values_and_its_own_writeback(
    api: ServedApi, records: AppliedRecords
) -> None:
    params = {"object": "Contact", "after": "latest"}
    start = (await api.ask("GET", "/v1/changes", "records", params=params)).json()["next"]
    event = changed("Contact", record_id("003", 50), 1, Email="x@example.org", AccountId=record_id("001", 9))
    event["ChangeEventHeader"]["changeOrigin"] = "com/salesforce/api/rest/67.0;client=tidegate-4711.0"
    records.apply(event)
    params["after"] = start
    response = await api.ask("GET", "/v1/changes", "records", params=params)
    [change] = response.json()["changes"]
    assert (change["fields"], change["withheld"]) == ({"AccountId": record_id("001", 9)}, ["Email"])
    assert change["own_writeback"] == {"batch": "4711.0"}
    assert "tg1" not in response.text


async def test_a_cursor_that_is_none_is_refused_by_its_place(api: ServedApi) -> None:
    response = await api.ask("GET", "/v1/changes", "records", params={"object": "Case", "after": "x"})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "query.after")
    refused = await api.ask("GET", "/v1/changes?object=Contact", "cases")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:tidegate:problem:records")
