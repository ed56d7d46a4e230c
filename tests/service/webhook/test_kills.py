"""A worker that is killed in the middle of its deliveries loses no change and no order."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from clients.storage.objects import S3Address
from tests.service.webhook.test_deliveries import cases, step
from tests.support.builders.waiting import until
from tests.support.engines.webhooks import WebhookEngine
from tests.support.processes.webhook_worker import Where, webhook_worker
from tests.support.scripted.receiver import BROKEN, OK, Message, Receiver, Reply

pytestmark = [pytest.mark.service, pytest.mark.slow]
KILLS, RECORDS, STEPS = 3, 40, 6


async def test_after_kills_every_change_is_taken_and_each_records_in_order(
    idle: WebhookEngine,
    scripted: Receiver,
    temporal_address: str,
    database: str,
    s3_address: S3Address,
    tmp_path: Path,
) -> None:
    records = cases(RECORDS)
    unlucky = set(records[::7])

    def some_fail(message: Message) -> Reply:
        """Every other try of some records."""
        tries = sum(each.id == message.id for each in scripted.messages)
        return BROKEN if message.change["id"] in unlucky and tries % 2 == 0 else OK

    scripted.answers = some_fail
    await idle.add("killed", scripted.url)
    where = Where(temporal_address, database, s3_address, idle.org)
    for number in range(STEPS):
        await idle.apply(*(step(each, number) for each in records))
    seen = 0

    async def has_moved() -> bool:
        return len(scripted.messages) >= seen + 30 or len(scripted.taken) == RECORDS * STEPS

    for _ in range(KILLS):
        with ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, webhook_worker(tmp_path, where))
            await until(has_moved, seconds=60)  # leaving kills it
        seen = len(scripted.messages)

    async def has_all() -> bool:
        return len(scripted.taken) == RECORDS * STEPS

    with ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, webhook_worker(tmp_path, where))
        await until(has_all, seconds=120)
    wanted = [f"s{number}" for number in range(STEPS)]
    assert {each: scripted.taken_of(each) for each in records} == dict.fromkeys(records, wanted)
