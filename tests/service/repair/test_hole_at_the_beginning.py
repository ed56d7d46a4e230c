"""A lane that has landed nothing has no position that the bus could refuse."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.repair.retention_gap import LANE_HOLE, RetentionGapReporter
from clients.database.audit_log import AuditLog
from schemas.ids import ORIGIN, lane_workflow_id
from schemas.ingest.messages import Act, FollowInput
from schemas.salesforce.limits import EVENT_RETENTION
from tests.support.engines.repairing import CHANNEL, LANE

pytestmark = pytest.mark.service


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
