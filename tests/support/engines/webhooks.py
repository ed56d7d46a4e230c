"""An engine that delivers to webhooks, over a real Temporal, PostgreSQL and S3."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities import webhook
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from activities.webhook.parts import WebhookParts
from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore, S3Address
from clients.storage.purpose_keys import PurposeKeys
from clients.temporal.webhooks import start_webhook
from clients.warehouse import Warehouse
from clients.warehouse.records.feed import ChangeFeed
from clients.warehouse.records.sessions import ReadSessions
from clients.webhook.control import Author, WebhookControl
from clients.webhook.deliveries import Deliveries
from clients.webhook.secrets import PURPOSE, WebhookSecrets
from clients.webhook.sender import Sender
from clients.webhook.store import WebhookStore
from schemas import names
from schemas.catalogue import default_catalogue
from schemas.security.access import RecordScope
from schemas.settings.webhook import WebhookSettings
from schemas.webhook.messages import WebhookView
from tests.support.builders.bus import protector
from tests.support.builders.waiting import SLOWNESS
from tests.support.engines.applied_records import AppliedRecords
from tests.support.engines.bounded import bounded
from workers.roles import sandboxed_runner
from workers.security.opened_values import OpenedValues
from workers.webhook.control import places
from workflows import WebhookWorkflow

ADA = Author("ada", "for the tests")
QUICK = WebhookSettings.model_validate(
    {
        "timeout": timedelta(seconds=2 * SLOWNESS),
        "first_wait": timedelta(seconds=0.2),
        "allow_http": True,
        "networks": ["127.0.0.0/8"],
    }
)
"""Receivers are on this machine, and tried again soon."""


@dataclass
class WebhookEngine:
    """Its parts, as tests use them."""

    client: Client
    org: str
    records: AppliedRecords
    control: WebhookControl
    deliveries: Deliveries
    feed: ChangeFeed
    audit: AuditLog
    parts: WebhookParts

    async def add(
        self, name: str, url: str, objects: Sequence[str] = ("Case",), decrypt: Sequence[str] = ()
    ) -> str:
        """Add a webhook that begins with what is applied from now on, and start it; returns its
        secret.
        """
        scope = RecordScope(objects=tuple(objects), decrypt=tuple(decrypt))
        specs = [self.records.catalogue.object(each) for each in objects]
        begins = await places(self.feed, specs, "latest")
        _, secret = await asyncio.to_thread(self.control.add, name, url, scope, begins, ADA)
        await start_webhook(self.client, self.org, name)
        return secret

    async def view(self, name: str) -> WebhookView:
        """The webhook as it stands."""
        found = await asyncio.to_thread(self.control.find, name)
        assert found is not None
        return found

    async def apply(self, *events: dict[str, Any]) -> None:
        """Apply changes as one batch."""
        await asyncio.to_thread(self.records.apply, *events)

    async def wake(self, name: str) -> None:
        """As an operator's act does."""
        await start_webhook(self.client, self.org, name, wakes=True)


@asynccontextmanager
async def webhook_engine(
    client: Client,
    warehouse: Warehouse,
    dsn: str,
    s3: S3Address,
    org: str,
    settings: WebhookSettings = QUICK,
) -> AsyncIterator[WebhookEngine]:
    """Its clients are open; nothing is delivered yet."""
    async with AsyncExitStack() as stack:
        store, audit = WebhookStore(dsn), AuditLog(dsn)
        stack.callback(store.close)
        audit = stack.enter_context(closing(audit))
        await asyncio.to_thread(audit.ensure_tables)
        sessions, sender = ReadSessions(dsn), Sender(settings)
        stack.push_async_callback(sessions.close)
        stack.push_async_callback(sender.close)
        kept = protector()
        secrets = WebhookSecrets(PurposeKeys(s3, org, PURPOSE))
        feed, deliveries = ChangeFeed(sessions), Deliveries(store)
        parts = WebhookParts(
            deliveries=deliveries,
            feed=feed,
            catalogue=default_catalogue(),
            sender=sender,
            secrets=secrets,
            opened=OpenedValues(lambda: kept, warehouse, audit),
            settings=settings,
            seconds=5.0,
        )
        records = AppliedRecords(warehouse, ObjectStore(s3), default_catalogue(), kept)
        yield WebhookEngine(
            client, org, records, WebhookControl(store, secrets), deliveries, feed, audit, parts
        )


@asynccontextmanager
async def delivering(engine: WebhookEngine) -> AsyncIterator[None]:
    """Workers for the engine's webhooks."""
    workflows = Worker(
        engine.client,
        task_queue=names.WORKFLOW_QUEUE,
        workflows=[WebhookWorkflow],
        workflow_runner=sandboxed_runner(),
    )
    activities = Worker(
        engine.client,
        task_queue=names.WEBHOOK_QUEUE,
        activities=webhook.activities(engine.parts),
        interceptors=[ErrorTranslationInterceptor()],
        max_heartbeat_throttle_interval=timedelta(milliseconds=500),
    )
    async with bounded(workflows), bounded(activities):
        yield
