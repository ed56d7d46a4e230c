"""A check of the schema and a refresh on a real server, with scripted activities; and the schedule that starts them."""

import uuid
from datetime import timedelta

import pytest
from temporalio.client import Client

from clients.schedules import ensure_schedule
from schemas import names
from schemas.drift import DriftInput, DriftResult
from schemas.ids import drift_workflow_id
from tests.scripted_drift import ScriptedSchema, schema_workers
from tests.waiting import until

pytestmark = pytest.mark.service


async def test_what_is_found_is_recorded_and_filled_once_however_often_it_is_looked_at(
    client: Client,
) -> None:
    script, org = ScriptedSchema(), uuid.uuid4().hex
    async with schema_workers(client, script):
        for _ in range(2):
            await client.execute_workflow(
                names.DRIFT_WORKFLOW,
                DriftInput(org=org, by="ada", settle=timedelta(0)),
                id=drift_workflow_id(org),
                task_queue=names.WORKFLOW_QUEUE,
                result_type=DriftResult,
            )

            async def is_filled() -> bool:
                return "end 6" in script.calls

            await until(is_filled)
    assert script.calls.count("check") == 2
    assert [call for call in script.calls if call != "check"] == [
        "plan",
        "read Grade__c from origin",
        "read Grade__c from 1795000000000",
        "end 6",
    ]
    assert [act.act for act in script.acts].count("drift.decide") == 1


async def test_a_schedule_is_made_once_begins_at_once_and_keeps_its_pause(client: Client) -> None:
    script, org = ScriptedSchema(), uuid.uuid4().hex
    request, hour = DriftInput(org=org, settle=timedelta(0)), timedelta(hours=1)
    schedule = drift_workflow_id(org)
    async with schema_workers(client, script):
        await ensure_schedule(client, schedule, names.DRIFT_WORKFLOW, request, hour)

        async def is_checked() -> bool:
            return "check" in script.calls

        await until(is_checked)
        handle = client.get_schedule_handle(schedule)
        await handle.pause(note="a release")
        await ensure_schedule(client, schedule, names.DRIFT_WORKFLOW, request, 2 * hour)
        described = (await handle.describe()).schedule
        await handle.delete()
    assert [each.every for each in described.spec.intervals] == [2 * hour]
    assert (described.state.paused, described.state.note) == (True, "a release")
