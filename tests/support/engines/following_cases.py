"""An engine that writes back while a lane follows the same org, so that the change log has what
others do.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.org.state.dml import Dml, Write
from schemas import names
from schemas.ids import lane_workflow_id
from schemas.ingest.messages import LaneInput
from schemas.settings.writeback import WritebackSettings
from tests.support.engines.repairing import follower
from tests.support.engines.served_org import served_org
from tests.support.engines.small_engine import SmallEngine, serving_engine
from tests.support.engines.writing_back import WritingEngine, writing
from workflows import LaneWorkflow

LANE = "case"
ANOTHER = "005000000000099AAA"
"""A user who is not the engine's."""


@asynccontextmanager
async def writing_and_following(
    client: Client,
    store: ObjectStore,
    warehouse: PostgresWarehouse,
    database: str,
    folder: Path,
    settings: WritebackSettings,
    *,
    org: str,
) -> AsyncIterator[WritingEngine]:
    """Run it until left; the lane is not started."""
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(served_org(folder))
        engine = SmallEngine(client, served, store, warehouse, database, org=org)
        await served.sessions.session()  # so that a fault meets the call and not the login
        await stack.enter_async_context(serving_engine(engine))
        lanes = Worker(
            client,
            task_queue=names.LANE_QUEUE,
            activities=[follower(engine).follow_lane],
            interceptors=[ErrorTranslationInterceptor()],
            max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        )
        await stack.enter_async_context(lanes)
        yield await stack.enter_async_context(writing(engine, settings))


async def follow_cases(engine: SmallEngine) -> WorkflowHandle[LaneWorkflow, None]:
    """Start the lane of cases, from the org's first event."""
    return await engine.client.start_workflow(
        LaneWorkflow.run,
        LaneInput(org=engine.org, lane=LANE, channel="/data/CaseChangeEvent", first_replay=-2),
        id=lane_workflow_id(engine.org, LANE),
        task_queue=names.WORKFLOW_QUEUE,
    )


def case_id(writer: WritingEngine, external_id: str) -> str | None:
    """The live case with that external id; None when there is none."""
    rows = writer.engine.served.org.store.connection.execute(
        'SELECT Id FROM "Case" WHERE ExternalId__c = ? AND IsDeleted = 0', (external_id,)
    )
    found = rows.fetchone()
    return None if found is None else str(found[0])


def another_writes(
    writer: WritingEngine, object_name: str, fields: dict[str, Any], record_id: str = ""
) -> None:
    """Another user makes a record, or changes the one that is named."""
    write = Write("update" if record_id else "insert", object_name, fields, record_id or None)
    Dml(writer.engine.served.org).write([write], user=ANOTHER, origin="")
