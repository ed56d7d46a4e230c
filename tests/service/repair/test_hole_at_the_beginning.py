"""A lane that has landed nothing has no position that the bus could refuse."""

from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from activities.repair.retention_gap import LANE_HOLE, RetentionGapReporter
from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.ids import ORIGIN, lane_workflow_id
from schemas.ingest.messages import Act, FollowInput, LaneInput
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


async def test_a_lane_without_changes_reports_its_hole_once(database: str) -> None:
    nothing: Any = None
    now = datetime.now(UTC)
    request = FollowInput(
        org="o",
        lane=LANE,
        channel=CHANNEL,
        position=ORIGIN,
        first_replay=-2,
        began_at=now - 2 * EVENT_RETENTION,
    )
    with closing(AuditLog(database)) as log:
        log.ensure_tables()
        reporter = RetentionGapReporter(nothing, nothing, log, nothing, nothing)
        assert await reporter.is_at_beginning(request, now)
        target = lane_workflow_id("o", LANE)
        log.append(Act(act=LANE_HOLE, by="tidegate", target=target, detail="a hole", at=now))
        assert not await reporter.is_at_beginning(request, now)
        assert await reporter.is_at_beginning(request, now + EVENT_RETENTION)
