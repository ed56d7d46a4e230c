"""A worker of one org carries out nothing that is meant for another one."""

from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from activities.runtime.org_interceptor import OrgGuardInterceptor
from schemas import names
from schemas.ids import writeback_batch_id
from schemas.writeback.messages import WritebackBatchInput
from tests.support.builders.waiting import until
from tests.support.scripted.scripted_writebacks import ScriptedWritebacks, batch
from workers.roles import sandboxed_runner
from workflows import WritebackBatchWorkflow

pytestmark = pytest.mark.service


def steps(client: Client, script: ScriptedWritebacks, org: str) -> Worker:
    """The steps' worker of an engine of `org`."""
    return Worker(
        client,
        task_queue=names.WRITEBACK_QUEUE,
        activities=[script.send_writebacks, script.look_up_writebacks],
        interceptors=[ErrorTranslationInterceptor(), OrgGuardInterceptor(org)],
        graceful_shutdown_timeout=timedelta(seconds=3),
    )


async def start(client: Client, request: WritebackBatchInput) -> str:
    """Start the batch's workflow; its id."""
    name = writeback_batch_id(request.org, request.object, request.batch)
    queue = names.WORKFLOW_QUEUE
    await client.start_workflow(WritebackBatchWorkflow.run, request, id=name, task_queue=queue)
    return name


async def test_a_step_of_another_org_says_what_to_give_the_engine_and_is_done_by_the_worker_of_its_own(
    client: Client,
) -> None:
    theirs, ours = ScriptedWritebacks(open=["b-1"]), ScriptedWritebacks(open=["b-1"], unknown={"b-1"})
    workflows = Worker(
        client,
        task_queue=names.WORKFLOW_QUEUE,
        workflows=[WritebackBatchWorkflow],
        workflow_runner=sandboxed_runner(),
    )
    async with workflows:
        async with steps(client, theirs, "another"):
            name = await start(client, batch("b-1"))
            handle = client.get_workflow_handle(name)

            async def is_refused() -> bool:
                pending = (await handle.describe()).raw_description.pending_activities
                return any("temporal.namespace" in each.last_failure.message for each in pending)

            await until(is_refused)
        async with steps(client, ours, "o"):
            await handle.result()
    assert (theirs.sent, theirs.looked, ours.sent) == ([], [], ["b-1"])
    assert ours.looked == ["b-1", "b-1"]
