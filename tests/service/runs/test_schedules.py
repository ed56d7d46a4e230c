"""Temporal schedules: made by the process that starts, removed when they are not wanted."""

import uuid
from datetime import timedelta

import pytest
from temporalio.client import Client

from clients.temporal.schedules import Scheduled, ensure_schedule, remove_schedule
from schemas import names
from schemas.ids import reconcile_workflow_id, schedule_id
from schemas.reconcile import ReconcileInput
from tests.support.builders.waiting import until
from tests.support.scripted.scripted_reconcile import ScriptedReconciliation, reconcile_workers

pytestmark = pytest.mark.service


def scheduled(org: str, every: timedelta) -> Scheduled:
    return Scheduled(
        schedule=schedule_id(org, "reconcile/Case/buckets"),
        workflow=names.RECONCILE_WORKFLOW,
        workflow_id=reconcile_workflow_id(org, "Case", "buckets"),
        task_queue=names.WORKFLOW_QUEUE,
        request=ReconcileInput(org=org, object="Case", window="buckets", settle=timedelta(0), by="schedule"),
        every=every,
        note="holds Case against the org",
    )


async def test_a_schedule_is_made_once_brought_up_to_date_and_removed(client: Client) -> None:
    org = uuid.uuid4().hex[:8]
    hourly, daily = scheduled(org, timedelta(hours=1)), scheduled(org, timedelta(days=1))
    handle = client.get_schedule_handle(hourly.schedule)
    assert await ensure_schedule(client, hourly)
    assert not await ensure_schedule(client, hourly)
    await handle.pause(note="a release")
    assert not await ensure_schedule(client, daily)
    described = await handle.describe()
    assert [each.every for each in described.schedule.spec.intervals] == [timedelta(days=1)]
    assert described.schedule.state.paused, "what an operator has paused stays paused"
    assert await remove_schedule(client, hourly.schedule)
    assert not await remove_schedule(client, hourly.schedule)


async def test_a_schedule_starts_reconciliations(client: Client) -> None:
    org = uuid.uuid4().hex[:8]
    script = ScriptedReconciliation(rows=0)
    wanted = scheduled(org, timedelta(hours=1))
    async with reconcile_workers(client, script):
        await ensure_schedule(client, wanted)
        await client.get_schedule_handle(wanted.schedule).trigger()
        await until(lambda: _has_reported(script))
        await remove_schedule(client, wanted.schedule)
    [state] = script.reports
    assert (state.org, state.object, state.calls) == (org, "Case", 1)


async def _has_reported(script: ScriptedReconciliation) -> bool:
    return bool(script.reports)
