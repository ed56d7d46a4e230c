"""A small engine that follows a stream and repairs, with nobody at the controls; it reconciles when
it is asked.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.ingest.follow_lane import FollowLane
from activities.ingest.landing_buffer import BatchLimits
from activities.repair.retention_gap import RetentionGapReporter
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from cli.local.compare_records import compare_all
from clients.salesforce.streaming import cometd
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.ids import lane_workflow_id, repair_workflow_id
from schemas.ingest.messages import LaneInput
from schemas.repair import RepairInput
from schemas.salesforce.limits import API_VERSION
from tests.support.engines.reconciling import BEHIND, ReconcilingEngine
from tests.support.engines.served_org import served_org
from tests.support.engines.small_engine import SmallEngine, serving_engine
from workflows import LaneWorkflow

LANE, CHANNEL = "account", "/data/AccountChangeEvent"


@asynccontextmanager
async def repairing_engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, folder: Path
) -> AsyncIterator[ReconcilingEngine]:
    """An engine with a repair workflow and a lane's worker; the lane is not started."""
    async with served_org(folder, None, BEHIND) as served:
        made = ReconcilingEngine(client, served, store, warehouse, database, org=f"g{uuid.uuid4().hex[:10]}")
        lanes = Worker(
            client,
            task_queue=names.LANE_QUEUE,
            activities=[follower(made).follow_lane],
            interceptors=[ErrorTranslationInterceptor()],
            max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        )
        async with serving_engine(made), lanes:
            await client.start_workflow(
                names.REPAIR_WORKFLOW,
                RepairInput(
                    org=made.org, look_every=timedelta(seconds=1), gather=timedelta(milliseconds=100)
                ),
                id=repair_workflow_id(made.org),
                task_queue=names.WORKFLOW_QUEUE,
            )
            yield made


def follower(engine: SmallEngine) -> FollowLane:
    sessions, within = engine.served.sessions, timedelta(seconds=1)
    return FollowLane(
        engine.client,
        engine.store,
        engine.protector,
        lambda request, replay_id: cometd.open_cometd_stream(
            sessions,
            lane=request.lane,
            channel=request.channel,
            replay_id=replay_id,
            api_version=API_VERSION,
        ),
        rule=BatchLimits(max_age=timedelta(seconds=0.1)),
        holes=RetentionGapReporter(
            engine.client,
            engine.warehouse,
            engine.audit,
            engine.catalogue,
            engine.served.http,
            subscribed_within=within,
        ),
    )


async def follow(engine: SmallEngine, first_replay: int = -2) -> WorkflowHandle[LaneWorkflow, None]:
    lane = LaneInput(org=engine.org, lane=LANE, channel=CHANNEL, first_replay=first_replay)
    return await engine.client.start_workflow(
        LaneWorkflow.run, lane, id=lane_workflow_id(engine.org, LANE), task_queue=names.WORKFLOW_QUEUE
    )


async def equals(engine: SmallEngine, *purged: str) -> bool:
    """The warehouse is equal to the org, but for deleted rows of purged records; and nothing is
    left on the list.
    """
    session = await engine.served.sessions.session()
    control = f"{session.instance_url}/sandbox"
    found = await asyncio.to_thread(compare_all, control, engine.database, engine.catalogue, engine.protector)
    gone = [f"Account {record_id} is not in the org" for record_id in purged]
    deleted = engine.rows("SELECT record_id FROM curated.account_current WHERE is_deleted")
    if not {(record_id,) for record_id in purged} <= set(deleted):
        return False
    return found.shown == sorted(gone) and not engine.rows("SELECT 1 FROM ops.reread WHERE closed_at IS NULL")


def assert_accounted_for(engine: SmallEngine) -> None:
    wrong = "SELECT batch FROM ops.ledger WHERE landed <> applied + duplicate + quarantined"
    assert engine.rows(wrong) == []
    assert engine.rows("SELECT 1 FROM ops.quarantine WHERE resolved_at IS NULL") == []


async def holes(engine: SmallEngine) -> int:
    """How many holes were put on the list, by their ends."""
    rows = engine.rows("SELECT COUNT(DISTINCT change_order) FROM ops.reread WHERE cause = 'hole'")
    return int(rows[0][0])
