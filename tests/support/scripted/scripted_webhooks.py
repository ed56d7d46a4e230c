"""Deliveries to webhooks that end as a test says, under the name of the real activity."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.webhook.messages import Delivered, DeliverInput
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS


@dataclass
class ScriptedDeliveries:
    """Gives the answers one after the other, an error by raising it; after the last one the webhook
    is over.
    """

    answers: list[Delivered | Exception]
    asked: list[DeliverInput] = field(default_factory=list)

    @activity.defn(name=names.DELIVER_CHANGES)
    async def deliver_changes(self, request: DeliverInput) -> Delivered:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else Delivered(is_over=True)
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def delivery_workers(client: Client, script: ScriptedDeliveries) -> AsyncIterator[None]:
    """Workers for webhooks."""
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(
            client,
            task_queue=names.WEBHOOK_QUEUE,
            activities=[script.deliver_changes],
            interceptors=[ErrorTranslationInterceptor()],
        ),
    ):
        yield
