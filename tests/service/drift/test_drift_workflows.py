"""A check of the schema and a refresh on a real server, with scripted activities; and the schedules
that start them.
"""

import uuid
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from schemas import names
from schemas.drift import DriftInput, DriftResult
from schemas.ids import drift_workflow_id, schedule_id
from schemas.settings.drift import DriftSettings
from tests.support.builders.unreachable_settings import unreachable_settings
from tests.support.builders.waiting import until
from tests.support.scripted.scripted_drift import ScriptedSchema, schema_workers
from workers.schedules import ensure_watches

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


async def test_the_schema_is_watched_by_the_clock_until_the_settings_say_otherwise(client: Client) -> None:
    script, org = ScriptedSchema(), f"o{uuid.uuid4().hex[:10]}"
    handle = client.get_schedule_handle(schedule_id(org, "drift"))
    async with schema_workers(client, script):
        await ensure_watches(
            client, unreachable_settings(org, drift=DriftSettings(interval=timedelta(hours=1)))
        )
        await handle.trigger()

        async def is_checked() -> bool:
            return "check" in script.calls

        await until(is_checked)
    await ensure_watches(client, unreachable_settings(org, drift=DriftSettings(on=False)))
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()
