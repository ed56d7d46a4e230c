"""An activity scheduled by `workflows.runtime` carries all that its row says, and a worker of some
role serves it.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.erased_records import ErasedRecords
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.postgres import PostgresWarehouse
from clients.writeback.store import WritebackStore
from schemas import names
from schemas.catalogue import default_catalogue
from tests.support.builders.bus import protector
from tests.support.builders.contracts import contracts, name_of
from tests.support.engines.estate import settings_values
from tests.support.engines.served_org import served_org
from workers.clients import ProcessClients
from workers.queues import Process
from workers.roles import SERVED, Role
from workers.salesforce import Org
from workers.settings import Settings
from workers.webhook.deliver import open_webhooks
from workflows.contracts.contract import Contract
from workflows.runtime import start

pytestmark = pytest.mark.service


@workflow.defn(name="schedules-every-activity", sandboxed=False)
class SchedulesEveryActivity:
    @workflow.run
    async def run(self) -> None:
        for row in contracts():
            start(row, None, summary=f"summary of {row.name}")


def carried(event: ActivityTaskScheduledEventAttributes) -> dict[str, Any]:
    retry = event.retry_policy
    return {
        "queue": event.task_queue.name,
        "start_to_close": event.start_to_close_timeout.ToTimedelta(),
        "schedule_to_close": event.schedule_to_close_timeout.ToTimedelta() or None,
        "heartbeat": event.heartbeat_timeout.ToTimedelta() or None,
        "attempts": retry.maximum_attempts,
        "backoff": (retry.initial_interval.ToTimedelta(), retry.backoff_coefficient),
    }


def wanted(row: Contract[Any, Any]) -> dict[str, Any]:
    return {
        "queue": row.queue,
        "start_to_close": row.start_to_close,
        "schedule_to_close": row.schedule_to_close,
        "heartbeat": row.heartbeat,
        "attempts": row.retry.maximum_attempts,
        "backoff": (row.retry.initial_interval, row.retry.backoff_coefficient),
    }


async def test_a_scheduled_activity_has_its_rows_queue_limits_and_the_summary(client: Client) -> None:
    queue = uuid.uuid4().hex
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[SchedulesEveryActivity],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        handle = await client.start_workflow(SchedulesEveryActivity.run, id=queue, task_queue=queue)
        await handle.result()
    events = [
        event
        for event in (await handle.fetch_history()).events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    found = {each.activity_type.name: carried(each) for each in map(_attributes, events)}
    assert found == {row.name: wanted(row) for row in contracts()}
    summaries = {event.user_metadata.summary.data.decode() for event in events}
    assert summaries == {f'"summary of {row.name}"' for row in contracts()}


def _attributes(event: Any) -> ActivityTaskScheduledEventAttributes:
    return event.activity_task_scheduled_event_attributes


@pytest.fixture
async def process(
    client: Client,
    store: ObjectStore,
    warehouse: PostgresWarehouse,
    database: str,
    s3_address: S3Address,
    tmp_path: Path,
) -> AsyncIterator[Process]:
    """A process that has opened everything."""
    warehouse.ensure_tables(default_catalogue())
    live = LiveCatalogue.over(default_catalogue(), warehouse)
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(served_org(tmp_path))
        values = settings_values(served, s3_address, "127.0.0.1:1", database, database)
        audit, writebacks = AuditLog(database), WritebackStore(database)
        stack.callback(audit.close)
        stack.callback(writebacks.close)
        kept = protector(live)
        erased = ErasedRecords(warehouse, kept.forget)
        parts = ProcessClients(Settings.model_validate(values), live, store, warehouse, audit, kept, erased)
        org = Org(org_id="o", sessions=served.sessions, http=served.http, leases=served.leases)
        hooks = await stack.enter_async_context(open_webhooks(parts))
        yield Process(parts, parts.clients(client), org, writebacks, hooks)


def test_the_table_of_roles_serves_every_activity_once_and_at_its_rows_queue(process: Process) -> None:
    served = [(name_of(each), row.queue) for row in SERVED for each in row.activities(process)]
    assert sorted(served) == sorted((row.name, row.queue) for row in contracts())


def test_a_process_of_the_role_batches_needs_no_org(process: Process) -> None:
    without = Process(process.parts, process.clients)
    assert {row.queue for row in SERVED if Role.BATCHES.includes(row.role)} == {names.BATCH_QUEUE}
    assert all(row.activities(without) for row in SERVED if Role.BATCHES.includes(row.role))
