"""Dependencies of the API's routes: clients of the engine's own remote systems. It never calls
Salesforce.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from temporalio.client import Client

from clients.database.api_tokens import ApiTokens
from clients.database.audit_log import AuditLog
from clients.database.console_sessions import EndedSessions
from clients.database.idempotency_keys import RequestKeys
from clients.storage.objects import ObjectStore
from clients.telemetry.spans import SpanRef
from clients.temporal.connection import connect, following_credentials
from clients.temporal.run_views import web_ui_url
from clients.temporal.writeback_queues import WritebackQueues
from clients.warehouse import Warehouse
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.records.feed import ChangeFeed
from clients.warehouse.records.reader import RecordReader
from clients.warehouse.records.sessions import ReadSessions
from clients.webhook.control import WebhookControl
from clients.writeback.intake import WritebackIntake
from clients.writeback.queries import WritebackQueries
from clients.writeback.refusal_words import RefusalWords
from clients.writeback.store import WritebackStore
from schemas.catalogue import Catalogue
from schemas.security.access import Caller
from workers.addresses import operational_address, s3_address, temporal_address
from workers.clients import catalogue_file, following, open_warehouse, read_sessions, spoken_with
from workers.fleet import FleetLook
from workers.intake import opened_values, refusal_words, writeback_intake, writeback_queues
from workers.metrics.serve import sdk_runtime
from workers.security.anchoring import keeping_anchors
from workers.security.opened_values import OpenedValues
from workers.security.origins import proving_acts
from workers.settings import Settings
from workers.status import StatusLook
from workers.webhook.control import webhook_control

_EXCHANGES_AT_ONCE = 4
"""Of guests, from one process: more than ten in all stall a stock Temporal server."""


@dataclass(frozen=True)
class Dependencies:
    """The clients of one API process."""

    settings: Settings
    catalogue: Catalogue
    client: Client
    store: ObjectStore
    warehouse: Warehouse
    audit: AuditLog
    keys: RequestKeys
    ended: EndedSessions
    tokens: ApiTokens
    intake: WritebackIntake
    looks: WritebackQueries
    words: RefusalWords
    writebacks: WritebackStore
    queues: WritebackQueues
    look: StatusLook
    fleet: FleetLook | None
    """None: the settings name no other orgs."""
    opened: OpenedValues
    records: RecordReader | None
    """None: the warehouse is Redshift without a read copy, which cannot answer reads of single
    records.
    """
    feed: ChangeFeed | None
    """None: likewise."""
    webhooks: WebhookControl
    files: asyncio.Semaphore
    """Files of writebacks that may be read at once."""
    exchanges: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_EXCHANGES_AT_ONCE))

    @property
    def org(self) -> str:
        """The org's id, 18 characters."""
        return self.settings.salesforce.org_id

    def web_ui(self, workflow_id: str, run_id: str = "") -> str | None:
        """Where Temporal's Web UI shows a workflow, or one run of it; None when no Web UI is
        configured.
        """
        where = self.settings.temporal
        return web_ui_url(where.ui_url, where.namespace, workflow_id, run_id)


@asynccontextmanager
async def open_api_parts(settings: Settings) -> AsyncIterator[Dependencies]:
    """Open every client. None of them connects before it is needed, so the API starts before its
    remote parts do.
    """
    dsn = operational_address(settings.operational)
    spoken = spoken_with(settings, sdk_runtime(settings.metrics))
    where = temporal_address(settings.temporal)
    client = await connect(where, spoken, lazy=True)
    store = await asyncio.to_thread(ObjectStore, s3_address(settings.s3))
    async with AsyncExitStack() as stack:
        stack.enter_context(proving_acts(settings))
        warehouse = stack.enter_context(closing(open_warehouse(settings)))
        catalogue = LiveCatalogue.unread(catalogue_file(settings), warehouse)
        await stack.enter_async_context(following(catalogue))
        await stack.enter_async_context(following_credentials(client, where, spoken, lambda: None))
        audit = stack.enter_context(closing(AuditLog(dsn)))
        await stack.enter_async_context(keeping_anchors(settings, audit))
        sessions = await stack.enter_async_context(_read_sessions(settings))
        yield Dependencies(
            settings=settings,
            catalogue=catalogue,
            client=client,
            store=store,
            warehouse=warehouse,
            audit=audit,
            keys=stack.enter_context(closing(RequestKeys(dsn))),
            tokens=stack.enter_context(closing(ApiTokens(dsn))),
            ended=stack.enter_context(closing(EndedSessions(dsn))),
            intake=stack.enter_context(writeback_intake(settings, catalogue, store, warehouse)),
            looks=stack.enter_context(closing(WritebackQueries(dsn))),
            words=refusal_words(settings, catalogue, store, warehouse),
            writebacks=stack.enter_context(closing(WritebackStore(dsn))),
            opened=opened_values(settings, catalogue, store, warehouse, audit),
            records=None if sessions is None else RecordReader(sessions),
            feed=None if sessions is None else ChangeFeed(sessions),
            webhooks=stack.enter_context(webhook_control(settings)),
            files=asyncio.Semaphore(settings.api.limits.files),
            look=stack.enter_context(closing(StatusLook(settings, client))),
            fleet=await stack.enter_async_context(_opened_fleet(settings)),
            queues=await stack.enter_async_context(writeback_queues(client, settings)),
        )


@asynccontextmanager
async def _read_sessions(settings: Settings) -> AsyncIterator[ReadSessions | None]:
    sessions = read_sessions(settings)
    try:
        yield sessions
    finally:
        if sessions is not None:
            await sessions.close()


@asynccontextmanager
async def _opened_fleet(settings: Settings) -> AsyncIterator[FleetLook | None]:
    if not settings.fleet.is_configured:
        yield None
        return
    look = FleetLook(settings.fleet)
    try:
        yield look
    finally:
        await look.close()


async def _parts(request: Request) -> Dependencies:
    parts: Dependencies = request.app.state.parts
    return parts


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


async def _parent_span(request: Request) -> SpanRef | None:
    found: SpanRef | None = request.state.parent_span
    return found


Parts = Annotated[Dependencies, Depends(_parts)]
CalledBy = Annotated[Caller, Depends(_caller)]
ParentSpan = Annotated[SpanRef | None, Depends(_parent_span)]
"""The caller's span; None when the request names none."""
