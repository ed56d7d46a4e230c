"""A run of retention on a real server, with scripted activities; and the schedule that starts
it.
"""

import uuid
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from clients.temporal.failed_runs import failed_runs
from schemas import names
from schemas.ids import schedule_id
from schemas.security.ids import retention_workflow_id
from schemas.security.retention import RetentionInput, RetentionState
from schemas.settings.retention import RetentionSettings
from tests.support.builders.unreachable_settings import unreachable_settings
from tests.support.builders.waiting import until
from tests.support.scripted.scripted_retention import NOW, TASKS, ScriptedRetention, retention_workers
from workers.security.retention import ensure_retention

pytestmark = pytest.mark.service


async def run(client: Client, org: str, **given: str) -> RetentionState:
    return await client.execute_workflow(
        names.RETENTION_WORKFLOW,
        RetentionInput(org=org, now=NOW, **given),
        id=retention_workflow_id(org, "due"),
        task_queue=names.WORKFLOW_QUEUE,
        result_type=RetentionState,
    )


async def test_every_deletion_is_on_record_with_its_rule(client: Client) -> None:
    script = ScriptedRetention()
    async with retention_workers(client, script):
        state = await run(client, uuid.uuid4().hex, by="ada", reason="before the audit")
    assert (state.stage, len(state.done)) == ("done", len(TASKS))
    assert [act.act for act in script.acts] == [f"retention.{task.work}" for task in TASKS]
    assert {act.by for act in script.acts} == {"ada"}
    assert all("rule: a rule" in act.detail and "before the audit" in act.detail for act in script.acts)
    assert script.acts[-1].target == "audit.account_change/2021-01"


async def test_a_task_that_fails_holds_up_its_own_table_alone_and_fails_the_run(client: Client) -> None:
    script, org = ScriptedRetention(fails=frozenset({"audit.case_change"})), uuid.uuid4().hex
    async with retention_workers(client, script):
        with pytest.raises(WorkflowFailureError) as failed:
            await run(client, org)
    assert "Object Lock" in str(failed.value.cause)
    assert script.done == [
        "remove raw",
        "drop audit.account_change 2026-01",
        "expire audit.account_change 2021-01",
    ]
    assert [act.act for act in script.acts if "failed" in act.detail] == ["retention.archive"]

    async def is_listed() -> bool:
        return [each.name for each in await failed_runs(client, org)] == ["due"]

    await until(is_listed)


async def test_retention_runs_by_the_clock_until_the_settings_say_otherwise(client: Client) -> None:
    script, org = ScriptedRetention(), f"o{uuid.uuid4().hex[:10]}"
    handle = client.get_schedule_handle(schedule_id(org, "retention"))
    async with retention_workers(client, script):
        await ensure_retention(
            client, unreachable_settings(org, retention=RetentionSettings(interval=timedelta(hours=1)))
        )
        await handle.trigger()

        async def is_done() -> bool:
            return len(script.acts) == len(TASKS)

        await until(is_done)
    await ensure_retention(client, unreachable_settings(org, retention=RetentionSettings(on=False)))
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()
