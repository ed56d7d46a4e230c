"""The HTTP API on a real socket, over a real Temporal, PostgreSQL and S3, with the engine's
workflows behind it.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import uvicorn
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.audit import AuditActivities
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from api.app import build_api
from api.server.options import server_options
from cli.api import new_token
from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.catalogue import FieldSpec, FieldType, default_catalogue
from schemas.security.access import CallerRole
from tests.support.builders.decided import decide
from tests.support.builders.s3_settings import s3_settings
from tests.support.builders.waiting import SLOWNESS
from tests.support.engines.bounded import bounded
from tests.support.engines.served_org import QuietServer
from tests.support.scripted.scripted import ScriptedFollower
from tests.support.scripted.scripted_backfill import ScriptedReader
from tests.support.scripted.scripted_governor import governor_worker
from tests.support.scripted.scripted_preview import ScriptedPreview
from tests.support.scripted.scripted_queue import ScriptedQueue
from workers.roles import sandboxed_runner
from workers.security.keys import open_key_ring
from workers.settings import Settings
from workflows import (
    BackfillWorkflow,
    LaneWorkflow,
    ReconcileWorkflow,
    ReplayWorkflow,
    WebhookWorkflow,
    WritebackPreviewWorkflow,
)

ORG = "00D0000000000APIAA"
MOST_BYTES = 2 * 1024 * 1024
DECIDED = ("Case", "Grade__c", FieldSpec(type=FieldType.STRING, length=5))
"""A field that no file names, and that the schema watch has found before the API is served."""
RECORD_SCOPES = {
    "records": {"objects": ["*"]},
    "cases": {"objects": ["Case"]},
    "contacts": {"objects": ["Contact"], "decrypt": ["Contact.Email", "Contact.Phone"]},
}
"""Readers by name, with the records that they may read."""
DESK_SCOPE = {"objects": ["Case", "Contact"], "decrypt": ["Contact.Email"]}
"""Of `desk`, an operator who may read records."""
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@dataclass
class ServedApi:
    """The API as its callers see it, and what lies behind it."""

    settings: Settings
    client: Client
    http: httpx.AsyncClient
    tokens: dict[str, str]
    """Name -> token. A role's name is that of a token with it; `second` is another operator; those
    of `RECORD_SCOPES` are readers of records, and `desk` is an operator who may read some."""
    store: ObjectStore
    warehouse: PostgresWarehouse
    audit: AuditLog
    reader: ScriptedReader
    follower: ScriptedFollower

    async def ask(
        self, method: str, path: str, caller: str = "operator", key: str | None = None, **more: Any
    ) -> httpx.Response:
        """A request with a caller's token; "" sends none."""
        headers = {"Authorization": f"Bearer {self.tokens[caller]}"} if caller else {}
        headers |= {} if key is None else {"Idempotency-Key": key}
        headers |= more.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **more)

    async def get(self, path: str, caller: str = "reader") -> Any:
        """The answer, which must be 200."""
        response = await self.ask("GET", path, caller)
        assert response.status_code == 200, response.text
        return response.json()

    async def backfill(self, *, key: str | None = None, **body: Any) -> dict[str, Any]:
        """The answer to the request for a backfill, which must be accepted."""
        response = await self.ask("POST", "/v1/backfills", key=key, json=body)
        assert response.status_code == 202, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def has_ended(self, run: dict[str, Any]) -> bool:
        """True when a run is not under way any more."""
        return bool((await self.get(run["state_url"]))["status"] != "running")


def settings_for(
    *, dsn: str = NOWHERE, temporal: str = "127.0.0.1:1", s3: S3Address | None = None, **api: Any
) -> Settings:
    """The API's settings; what is not given cannot be reached."""
    bucket = s3 or S3Address("b", "us-east-1", "alias/k", "http://127.0.0.1:1", "a", "b")
    return Settings.model_validate(
        {
            "salesforce": {"org_id": ORG, "login_url": "http://127.0.0.1:1", "client_id": "tests"},
            "s3": s3_settings(bucket),
            "warehouse": {"dsn": dsn},
            "operational": {"dsn": dsn},
            "temporal": {"address": temporal, "ui_url": "http://ui.test"},
            "api": api,
            # Receivers of webhooks are on this machine.
            "webhook": {"allow_http": True, "networks": ["127.0.0.1/32"]},
        }
    )


def tokens_and_entries() -> tuple[dict[str, str], list[dict[str, Any]]]:
    """A token for each role and a second operator's, by name, and what the settings hold of
    them.
    """
    made = {str(role): new_token(str(role), role) for role in CallerRole}
    made["second"] = new_token("second", CallerRole.OPERATOR)
    for name, scope in RECORD_SCOPES.items():
        token, entry = new_token(name, CallerRole.READER)
        made[name] = (token, entry | {"records": scope})
    token, entry = new_token("desk", CallerRole.OPERATOR)
    made["desk"] = (token, entry | {"records": DESK_SCOPE})
    return {role: token for role, (token, _) in made.items()}, [entry for _, entry in made.values()]


@asynccontextmanager
async def served_api(client: Client, temporal: str, dsn: str, s3: S3Address) -> AsyncIterator[ServedApi]:
    """Serve it; workers run the workflows, their steps read nothing."""
    tokens, entries = tokens_and_entries()
    limits = {"refusals": 10_000}
    """Tests of refusals come from one address."""
    settings = settings_for(
        dsn=dsn, temporal=temporal, s3=s3, tokens=entries, most_bytes=MOST_BYTES, limits=limits
    )
    warehouse, audit = PostgresWarehouse(dsn), AuditLog(dsn)
    warehouse.ensure_tables(default_catalogue())
    audit.ensure_tables()
    # As the first worker does, before there is a row.
    open_key_ring(settings, ObjectStore(s3), warehouse, default_catalogue())
    decide(warehouse, *DECIDED)
    warehouse.ensure_tables(LiveCatalogue.over(default_catalogue(), warehouse))
    reader, follower = ScriptedReader(parts=1), ScriptedFollower()
    async with AsyncExitStack() as stack:
        stack.callback(warehouse.close)
        stack.callback(audit.close)
        stack.push_async_callback(_end_all, client)
        for worker in _workers(client, audit, reader, follower, ScriptedPreview(ObjectStore(s3))):
            await stack.enter_async_context(bounded(worker))
        await stack.enter_async_context(governor_worker(client, maximum=10_000))
        url = await stack.enter_async_context(serving_api(settings))
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=url, timeout=20 * SLOWNESS, trust_env=False)
        )
        yield ServedApi(settings, client, http, tokens, ObjectStore(s3), warehouse, audit, reader, follower)


def _workers(
    client: Client,
    audit: AuditLog,
    reader: ScriptedReader,
    follower: ScriptedFollower,
    preview: ScriptedPreview,
) -> list[Worker]:
    reading = [reader.plan_backfill, reader.read_part, reader.drop_job, reader.keep_rate, reader.read_records]
    queues: dict[str, list[Any]] = {
        names.BATCH_QUEUE: [AuditActivities(audit).record_act],
        names.LANE_QUEUE: [follower.follow_lane, follower.poll_lane],
        names.BACKFILL_QUEUE: reading,
        names.WRITEBACK_QUEUE: [preview.preview_writebacks],
    }
    workflows = Worker(
        client,
        task_queue=names.WORKFLOW_QUEUE,
        workflows=[
            BackfillWorkflow,
            LaneWorkflow,
            ReconcileWorkflow,
            ReplayWorkflow,
            ScriptedQueue,
            WebhookWorkflow,
            WritebackPreviewWorkflow,
        ],
        workflow_runner=sandboxed_runner(),
    )
    return [workflows] + [
        Worker(
            client,
            task_queue=queue,
            activities=activities,
            interceptors=[ErrorTranslationInterceptor()],
            max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        )
        for queue, activities in queues.items()
    ]


@asynccontextmanager
async def serving_api(settings: Settings, *, port: int = 0) -> AsyncIterator[str]:
    """Serve an API with these settings; yields its URL. `port` 0: any that is free."""
    config = uvicorn.Config(
        build_api(settings).served, **{**server_options(settings.api), "port": port, "loop": "none"}
    )
    server = QuietServer(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn sets no event
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


async def _end_all(client: Client) -> None:
    """Workflows that still run would be served by the next test's workers."""
    async for each in client.list_workflows('ExecutionStatus = "Running"'):
        try:
            await client.get_workflow_handle(each.id).terminate("end of the tests")
        except RPCError:
            continue  # it has ended meanwhile


def fresh(word: str = "w") -> str:
    """A name that nothing has had."""
    return f"{word}-{uuid.uuid4().hex[:12]}"
