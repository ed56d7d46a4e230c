"""The workflow of a webhook: the rhythm of deliveries, and patience with a receiver that fails."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowHandle

from schemas import names
from schemas.errors import TerminalError
from schemas.webhook.messages import Delivered, WebhookInput
from tests.support.builders.waiting import until
from tests.support.scripted.scripted_webhooks import ScriptedDeliveries, delivery_workers
from workflows import WebhookWorkflow

pytestmark = [pytest.mark.service, pytest.mark.slow]
FAILS = Delivered(failure="it answered 500", wait=timedelta(milliseconds=50))
LONG = Delivered(failure="it answered 429", wait=timedelta(hours=1))


async def begun(client: Client, name: str) -> WorkflowHandle[WebhookWorkflow, None]:
    return await client.start_workflow(
        WebhookWorkflow.run,
        WebhookInput(org="o", name=name),
        id=f"webhook/o/{name}",
        task_queue=names.WORKFLOW_QUEUE,
    )


async def test_failures_in_a_row_are_counted_until_something_is_taken(client: Client) -> None:
    busy = Delivered(taken=5, failure="it answered 429", wait=timedelta(milliseconds=50))
    script = ScriptedDeliveries([FAILS, FAILS, busy, FAILS])
    async with delivery_workers(client, script):
        await (await begun(client, "counted")).result()
    assert [each.failures for each in script.asked] == [0, 1, 2, 0, 1]


async def test_a_word_of_an_operator_ends_the_patience(client: Client) -> None:
    script = ScriptedDeliveries([LONG])
    async with delivery_workers(client, script):
        handle = await begun(client, "woken")

        async def rests() -> bool:
            return not script.answers

        await until(rests)
        await handle.signal(WebhookWorkflow.wake)
        await asyncio.wait_for(handle.result(), 60)
    assert len(script.asked) == 2


async def test_an_error_that_cannot_pass_is_shown_and_the_webhook_goes_on(client: Client) -> None:
    script = ScriptedDeliveries([TerminalError("The secret does not open. Rotate it.")])
    async with delivery_workers(client, script):
        handle = await begun(client, "shown")

        async def rests() -> bool:
            return not script.answers

        await until(rests)
        await handle.signal(WebhookWorkflow.wake)
        await asyncio.wait_for(handle.result(), 60)
    assert len(script.asked) == 2
