"""A change that is refused for too long becomes a dead letter: it is kept, listed and posted again
when an operator says so.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client

from clients.storage.objects import S3Address
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.records.feed import Place
from schemas.webhook.messages import HeldState
from tests.service.webhook.test_deliveries import cases, has_taken, step
from tests.support.builders.waiting import until
from tests.support.engines.webhooks import ADA, QUICK, WebhookEngine, delivering, webhook_engine
from tests.support.scripted.receiver import BROKEN, OK, Receiver

pytestmark = [pytest.mark.service, pytest.mark.slow]


@pytest.fixture
async def hooks(
    client: Client, warehouse: PostgresWarehouse, database: str, s3_address: S3Address
) -> AsyncIterator[WebhookEngine]:
    """Gives a change up after its second attempt."""
    impatient = QUICK.model_copy(update={"dead_after": timedelta(0)})
    made = webhook_engine(client, warehouse, database, s3_address, "wdead", impatient)
    async with made as engine, delivering(engine):
        yield engine


async def has_dead(hooks: WebhookEngine, name: str, count: int) -> None:
    async def is_so() -> bool:
        view = await hooks.view(name)
        return (view.dead, view.held) == (count, 0)

    await until(is_so)


async def one_of_two_is_dead(hooks: WebhookEngine, scripted: Receiver, name: str) -> str:
    """Add a webhook, and give it a dead letter and a change that is taken; returns the record of
    the first.
    """
    [bad, good] = cases(2)
    scripted.answers = lambda message: BROKEN if message.change["id"] == bad else OK
    await hooks.add(name, scripted.url)
    await hooks.apply(step(bad, 0), step(good, 0))
    await has_dead(hooks, name, 1)
    return bad


async def test_a_dead_letter_is_listed_with_its_reason_and_lets_its_records_later_changes_pass(
    hooks: WebhookEngine, scripted: Receiver
) -> None:
    bad, *good = cases(5)
    scripted.answers = lambda message: BROKEN if (message.change["id"], message.status) == (bad, "s0") else OK
    await hooks.add("some", scripted.url)
    for second in range(3):
        await hooks.apply(*(step(each, second) for each in (bad, *good)))
    await has_dead(hooks, "some", 1)
    await has_taken(scripted, 14)
    assert scripted.taken_of(bad) == ["s1", "s2"]
    [letter] = await asyncio.to_thread(hooks.control.dead_letters, "some", 10) or []
    assert (letter.record_id, letter.reason, letter.attempts, letter.state) == (
        bad,
        "it answered 500",
        2,
        HeldState.DEAD,
    )


async def test_a_dead_letter_is_posted_again_under_its_id_when_an_operator_says_so(
    hooks: WebhookEngine, scripted: Receiver
) -> None:
    bad = await one_of_two_is_dead(hooks, scripted, "retried")
    [number] = {each.id for each in scripted.messages if each.change["id"] == bad}
    scripted.answers = lambda _: OK
    assert await asyncio.to_thread(hooks.control.retry, "retried", ADA) == 1
    await hooks.wake("retried")
    await has_taken(scripted, 2)
    assert [each.id for each in scripted.taken if each.change["id"] == bad] == [number]
    await has_dead(hooks, "retried", 0)


async def test_a_discarded_dead_letter_is_named_in_the_audit_log(
    hooks: WebhookEngine, scripted: Receiver
) -> None:
    await one_of_two_is_dead(hooks, scripted, "let-go")
    [letter] = await asyncio.to_thread(hooks.control.dead_letters, "let-go", 10) or []
    assert await asyncio.to_thread(hooks.control.discard, "let-go", ADA, [letter.cursor]) == 1
    *_, (_, act) = await asyncio.to_thread(hooks.audit.rows)
    assert (act.act, act.by) == ("webhook.discard", "ada")
    assert letter.cursor in act.detail
    await has_dead(hooks, "let-go", 0)


async def test_a_replay_answers_the_dead_letters_that_it_posts(
    hooks: WebhookEngine, scripted: Receiver
) -> None:
    [bad, good] = cases(2)
    scripted.answers = lambda message: BROKEN if message.change["id"] == bad else OK
    await hooks.add("replayed", scripted.url)
    begin = await asyncio.to_thread(hooks.control.find, "replayed")
    assert begin is not None
    await hooks.apply(step(bad, 0), step(good, 0))
    await has_dead(hooks, "replayed", 1)
    scripted.answers = lambda _: OK
    places = {each.object: Place.parse(each.cursor) for each in begin.cursors}
    await asyncio.to_thread(hooks.control.replay, "replayed", places, ADA)
    await hooks.wake("replayed")
    await has_taken(scripted, 2)
    await has_dead(hooks, "replayed", 0)
