"""A lane that has landed nothing has no position that the bus could refuse."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.client import Client

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.ids import lane_workflow_id
from schemas.ingest.messages import LaneInput
from schemas.salesforce.limits import EVENT_RETENTION
from tests.support.builders.waiting import until
from tests.support.engines.following import groups_settle_at_once  # noqa: F401
from tests.support.engines.reconciling import ReconcilingEngine
from tests.support.engines.repairing import CHANNEL, LANE, assert_accounted_for, equals, repairing_engine
from workflows import LaneWorkflow

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("groups_settle_at_once")]


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[ReconcilingEngine]:
    async with repairing_engine(client, store, warehouse, database, tmp_path) as made:
        yield made


async def test_what_the_bus_forgot_before_a_lane_landed_anything_is_read(engine: ReconcilingEngine) -> None:
    org = engine.served.org
    with org.transaction() as tx:
        tx.create("Account", {"Name": "told by an event that nobody received"})
    org.clock.advance(130)
    org.bus.forget_all()
    lane = LaneInput(org=engine.org, lane=LANE, channel=CHANNEL, began_at=datetime.now(UTC) - EVENT_RETENTION)
    lane_id = lane_workflow_id(engine.org, LANE)
    handle = await engine.client.start_workflow(
        names.LANE_WORKFLOW, lane, id=lane_id, task_queue=names.WORKFLOW_QUEUE
    )
    await until(lambda: equals(engine), seconds=30)
    assert_accounted_for(engine)
    assert not (await handle.query(LaneWorkflow.state)).paused
