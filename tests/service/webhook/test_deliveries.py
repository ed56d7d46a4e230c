"""Changes reach a receiver: none is lost, a record's come in their order, and a receiver that fails
or hangs delays no other.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from clients.warehouse.records.feed import FeedPage, Place
from clients.warehouse.sql.apply import change_table
from clients.webhook.deliveries import Settled
from schemas.catalogue import default_catalogue
from tests.support.builders.waiting import until
from tests.support.engines.applied_records import changed, record_id
from tests.support.engines.webhooks import ADA, WebhookEngine
from tests.support.scripted.receiver import BROKEN, HANGS, OK, Message, Receiver, Reply
from workers.webhook.deliver import keeping_webhooks

pytestmark = [pytest.mark.service, pytest.mark.slow]


def cases(count: int, first: int = 1) -> list[str]:
    return [record_id("500", first + number) for number in range(count)]


def step(record: str, second: int) -> dict[str, Any]:
    """A change of a case whose Status names its place."""
    return changed("Case", record, second, "UPDATE" if second else "CREATE", Status=f"s{second}")


async def has_taken(receiver: Receiver, count: int, *, seconds: float = 20) -> None:
    async def is_so() -> bool:
        return len(receiver.taken) == count

    await until(is_so, seconds=seconds)


async def test_every_change_is_posted_once_with_its_records_changes_in_order(
    hooks: WebhookEngine, healthy: Receiver
) -> None:
    await hooks.add("all", healthy.url)
    records = cases(30)
    for second in range(4):
        await hooks.apply(*(step(each, second) for each in records))
    await has_taken(healthy, 120)
    assert {record: healthy.taken_of(record) for record in records} == {
        record: ["s0", "s1", "s2", "s3"] for record in records
    }
    assert set(Counter(each.id for each in healthy.messages).values()) == {1}


async def test_a_record_that_is_refused_holds_its_later_changes_and_no_others(
    hooks: WebhookEngine, scripted: Receiver
) -> None:
    bad, *good = cases(8)
    scripted.answers = lambda message: BROKEN if message.change["id"] == bad else OK
    await hooks.add("one-bad", scripted.url)
    for second in range(3):
        await hooks.apply(*(step(each, second) for each in (bad, *good)))
    await has_taken(scripted, 21)
    assert {each.status for each in scripted.messages if each.change["id"] == bad} == {"s0"}
    scripted.answers = lambda _: OK
    await has_taken(scripted, 24)
    assert scripted.taken_of(bad) == ["s0", "s1", "s2"]

    async def is_empty() -> bool:
        return (await hooks.view("one-bad")).held == 0

    await until(is_empty)


async def test_a_record_whose_request_hangs_delays_no_other_record(
    hooks: WebhookEngine, scripted: Receiver
) -> None:
    bad, *good = cases(8)
    scripted.answers = lambda message: HANGS if message.change["id"] == bad else OK
    await hooks.add("one-hangs", scripted.url)
    await hooks.apply(*(step(each, 0) for each in (bad, *good)))
    for second in range(1, 4):
        await hooks.apply(*(step(each, second) for each in good))
    await has_taken(scripted, 28)

    async def is_held() -> bool:
        held = await asyncio.to_thread(hooks.deliveries.held, "one-hangs")
        reasons = [(each.record_id, each.reason.partition(" within")[0]) for each in held]
        return reasons == [(bad, "it did not answer")]

    await until(is_held, seconds=30)


async def test_a_receiver_that_hangs_or_fails_delays_no_other_receiver(
    hooks: WebhookEngine, healthy: Receiver, scripted: Receiver
) -> None:
    scripted.answers = lambda _: HANGS
    await hooks.add("hangs", scripted.url)
    await hooks.add("healthy", healthy.url)
    records = cases(40)
    await hooks.apply(*(step(each, 0) for each in records))
    await has_taken(healthy, 40)
    assert scripted.taken == []


async def test_a_receiver_that_takes_nothing_is_left_alone_and_then_gets_everything_in_order(
    hooks: WebhookEngine, scripted: Receiver
) -> None:
    scripted.answers = lambda _: BROKEN
    await hooks.add("down", scripted.url)
    begins = (await hooks.view("down")).cursors
    records = cases(60)
    for second in range(3):
        await hooks.apply(*(step(each, second) for each in records))

    async def is_failing() -> bool:
        return (await hooks.view("down")).webhook.failure == "it answered 500"

    await until(is_failing)
    seen = await hooks.view("down")
    assert (seen.held, seen.cursors[0].cursor) == (0, begins[0].cursor)
    scripted.answers = lambda _: OK
    await has_taken(scripted, 180)
    assert all(scripted.taken_of(each) == ["s0", "s1", "s2"] for each in records)
    assert (await hooks.view("down")).webhook.failing_since is None


async def test_a_receiver_that_is_busy_gets_nothing_before_the_time_it_names(
    hooks: WebhookEngine, scripted: Receiver
) -> None:
    came: list[float] = []

    def busy_once(_: Message) -> Reply:
        came.append(asyncio.get_running_loop().time())
        return Reply(429, {"Retry-After": "3"}) if len(came) == 1 else OK

    scripted.answers = busy_once
    await hooks.add("busy", scripted.url)
    [case] = cases(1)
    await hooks.apply(step(case, 0))
    await has_taken(scripted, 1)
    assert came[1] - came[0] >= 3


async def test_a_receiver_that_is_gone_disables_its_webhook_and_a_resume_goes_on_without_a_gap(
    hooks: WebhookEngine, scripted: Receiver
) -> None:
    scripted.answers = lambda _: Reply(410)
    await hooks.add("gone", scripted.url)
    records = cases(5)
    await hooks.apply(*(step(each, 0) for each in records))

    async def is_disabled() -> bool:
        return (await hooks.view("gone")).webhook.because == "the receiver says: it answered 410"

    await until(is_disabled)
    sent = len(scripted.messages)
    scripted.answers = lambda _: OK
    await hooks.apply(*(step(each, 1) for each in records))
    assert len(scripted.messages) == sent
    await asyncio.to_thread(hooks.control.resume, "gone", ADA)
    await hooks.wake("gone")
    await has_taken(scripted, 10)
    acts = [act.act for _, act in await asyncio.to_thread(hooks.audit.rows)]
    assert acts == ["webhook.add", "webhook.disable", "webhook.resume"]


async def test_a_redirect_is_not_followed(
    hooks: WebhookEngine, healthy: Receiver, scripted: Receiver
) -> None:
    scripted.answers = lambda _: Reply(307, {"Location": healthy.url})
    await hooks.add("moved", scripted.url)
    await hooks.apply(step(cases(1)[0], 0))

    async def is_failing() -> bool:
        return "redirects are not followed" in (await hooks.view("moved")).webhook.failure

    await until(is_failing)
    assert healthy.messages == []


async def test_a_pause_ends_posting_and_a_resume_goes_on_behind_it(
    hooks: WebhookEngine, healthy: Receiver
) -> None:
    await hooks.add("paused", healthy.url)
    [case] = cases(1)
    await hooks.apply(step(case, 0))
    await has_taken(healthy, 1)
    await asyncio.to_thread(hooks.control.pause, "paused", ADA)
    handle = hooks.client.get_workflow_handle(f"webhook/{hooks.org}/paused")
    await asyncio.wait_for(handle.result(), 60)
    await hooks.apply(step(case, 1))
    assert len(healthy.messages) == 1
    await asyncio.to_thread(hooks.control.resume, "paused", ADA)
    await hooks.wake("paused")
    await has_taken(healthy, 2)
    assert healthy.taken_of(case) == ["s0", "s1"]


async def test_a_replay_posts_the_same_changes_under_the_same_ids(
    hooks: WebhookEngine, healthy: Receiver
) -> None:
    await hooks.add("again", healthy.url)
    begin = Place.parse((await hooks.view("again")).cursors[0].cursor)
    records = cases(20)
    await hooks.apply(*(step(each, 0) for each in records))
    await has_taken(healthy, 20)
    ids = [each.id for each in healthy.messages]
    await asyncio.to_thread(hooks.control.replay, "again", {"Case": begin}, ADA)
    await hooks.wake("again")

    async def has_all_twice() -> bool:
        return sorted(each.id for each in healthy.messages) == sorted(ids * 2)

    await until(has_all_twice)


async def test_a_replay_from_where_a_page_under_way_began_makes_that_page_void(
    idle: WebhookEngine, healthy: Receiver
) -> None:
    await idle.add("void", healthy.url)
    await idle.apply(step(cases(1)[0], 0))
    opened = await asyncio.to_thread(idle.deliveries.open, "void")
    assert opened is not None
    [begin] = opened.cursors
    place = Place.parse(begin.cursor)
    await asyncio.to_thread(idle.control.replay, "void", {"Case": place}, ADA)
    page = await idle.feed.page(default_catalogue().object("Case"), place, 10)
    assert isinstance(page, FeedPage)
    taken = [str(each.place) for each in page.changes]
    now = datetime.now(UTC)
    settled = Settled(begin, str(page.next), now, taken, (), now)
    assert not await asyncio.to_thread(idle.deliveries.settle, "void", settled, has_dead=False)
    assert (await idle.view("void")).cursors[0].cursor == begin.cursor


async def test_a_workflow_that_was_terminated_is_followed_by_one_that_goes_on(
    hooks: WebhookEngine, healthy: Receiver
) -> None:
    await hooks.add("ended", healthy.url)
    records = cases(10)
    await hooks.apply(*(step(each, 0) for each in records))
    await has_taken(healthy, 10)
    await hooks.client.get_workflow_handle(f"webhook/{hooks.org}/ended").terminate("for the test")
    await hooks.apply(*(step(each, 1) for each in records))
    async with keeping_webhooks(hooks.client, hooks.org, hooks.deliveries):
        await has_taken(healthy, 20)
    assert all(healthy.taken_of(each) == ["s0", "s1"] for each in records)


async def test_changes_that_have_left_for_the_archive_are_not_passed_over(
    hooks: WebhookEngine, healthy: Receiver, database: str
) -> None:
    await hooks.apply(step(cases(1)[0], 0))
    table = change_table(default_catalogue().object("Case"))
    values = f"'{table}', '2099-12', 'dropped', 1, 1, 1, 'm', 's', now(), now(), now(), now()"
    left = f"INSERT INTO ops.archive VALUES ({values})"
    await asyncio.to_thread(_execute, database, left)
    await hooks.add("old", healthy.url)

    async def is_disabled() -> bool:
        return "have left for the archive" in (await hooks.view("old")).webhook.because

    await until(is_disabled)
    assert healthy.messages == []


def _execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())
