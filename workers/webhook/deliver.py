"""Deliveries of the role `writebacks`: their clients, and that each active webhook has its
workflow.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from activities.webhook.parts import WebhookParts
from clients.concurrency import run_to_completion
from clients.temporal.webhooks import start_webhook
from clients.warehouse.records.feed import ChangeFeed
from clients.webhook.deliveries import Deliveries
from clients.webhook.sender import Sender
from clients.webhook.store import WebhookStore
from schemas.errors import TidegateError
from workers.addresses import operational_address
from workers.clients import ProcessClients, read_sessions
from workers.security.opened_values import OpenedValues
from workers.webhook.control import webhook_secrets

_LOG = logging.getLogger(__name__)
_LOOK_EVERY = timedelta(minutes=1)


@asynccontextmanager
async def open_webhooks(parts: ProcessClients) -> AsyncIterator[WebhookParts]:
    """Open the clients of deliveries, until left."""
    settings = parts.settings
    store = WebhookStore(operational_address(settings.operational))
    sessions = read_sessions(settings)
    sender = Sender(settings.webhook)
    try:
        yield WebhookParts(
            deliveries=Deliveries(store),
            feed=None if sessions is None else ChangeFeed(sessions),
            catalogue=parts.catalogue,
            sender=sender,
            secrets=webhook_secrets(settings),
            opened=OpenedValues(lambda: parts.protector, parts.warehouse, parts.audit),
            settings=settings.webhook,
        )
    finally:
        await sender.close()
        if sessions is not None:
            await sessions.close()
        store.close()


@asynccontextmanager
async def keeping_webhooks(client: Client, org: str, deliveries: Deliveries) -> AsyncIterator[None]:
    """Start the workflow of each active webhook every minute, until left: a start may have been
    lost when it was added or resumed.
    """

    async def keep() -> None:
        while True:
            try:
                for name in await run_to_completion(asyncio.to_thread(deliveries.active)):
                    await start_webhook(client, org, name)
            except (TidegateError, RPCError) as error:
                _LOG.warning("webhooks cannot be started now: %s", error)
            await asyncio.sleep(_LOOK_EVERY.total_seconds())

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
