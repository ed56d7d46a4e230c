"""The batch workflow on a real server, with scripted activities."""

import uuid

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

from schemas import names
from schemas.errors import StatementError, UnavailableError
from schemas.ingest.messages import BatchResult
from schemas.ingest.raw import Manifest
from tests.support.scripted.scripted import MOMENT, ScriptedBatches, manifest, serving
from workflows import ChangeBatchWorkflow

pytestmark = pytest.mark.service

RESTARTS = UnavailableError(system="PostgreSQL", detail="it restarts")

Handle = WorkflowHandle[ChangeBatchWorkflow, BatchResult]


async def start(client: Client, batch: Manifest) -> Handle:
    return await client.start_workflow(
        ChangeBatchWorkflow.run, batch, id=f"batch/o/{uuid.uuid4().hex}", task_queue=names.WORKFLOW_QUEUE
    )


async def test_every_object_is_applied_once_after_staging(client: Client):
    batches = ScriptedBatches()
    async with serving(client, batches=batches):
        await (await start(client, manifest())).result()
    assert batches.calls[0] == "stage"
    assert sorted(batches.calls[1:]) == ["apply Case", "apply Contact"]


async def test_the_result_sums_the_objects(client: Client):
    async with serving(client):
        result = await (await start(client, manifest())).result()
    assert result == BatchResult(landed=17, applied=13, duplicate=2, quarantined=2)


async def test_a_batch_of_nothing_is_done_at_once(client: Client):
    batches = ScriptedBatches()
    async with serving(client, batches=batches):
        result = await (await start(client, manifest().model_copy(update={"landed": {}}))).result()
    assert batches.calls == ["stage"]
    assert result.landed == 0


async def test_a_done_batch_is_found_by_stage_quarantine_and_watermark(client: Client):
    async with serving(client):
        handle = await start(client, manifest())
        await handle.result()
    found = (await handle.describe()).typed_search_attributes
    assert found[SearchAttributeKey.for_keyword("Stage")] == "done"
    assert found[SearchAttributeKey.for_int("Quarantined")] == 2
    assert found[SearchAttributeKey.for_datetime("Watermark")] == MOMENT.replace(second=12)


async def test_what_may_pass_is_tried_again(client: Client):
    # Both objects fail together, and one of them once more by itself.
    batches = ScriptedBatches(failures=[RESTARTS] * 3)
    async with serving(client, batches=batches):
        result = await (await start(client, manifest())).result()
    assert result.landed == 17
    assert batches.calls.count("alone") == 3


async def test_objects_are_applied_in_one_step(client: Client):
    batches = ScriptedBatches()
    async with serving(client, batches=batches):
        await (await start(client, manifest())).result()
    assert "alone" not in batches.calls


async def test_an_object_that_cannot_be_applied_with_the_others_is_applied_alone(client: Client):
    batches = ScriptedBatches(failures=[RESTARTS])
    async with serving(client, batches=batches):
        result = await (await start(client, manifest())).result()
    assert batches.calls == ["stage", "apply Case", "apply Contact", "alone", "apply Case"]
    assert result == BatchResult(landed=17, applied=13, duplicate=2, quarantined=2)


async def test_what_cannot_pass_fails_the_batch_with_the_reason(client: Client):
    refused = StatementError(statement="MERGE …", detail="UndefinedColumn 42703")
    batches = ScriptedBatches(failures=[refused] * 4)
    async with serving(client, batches=batches):
        with pytest.raises(WorkflowFailureError) as failed:
            await (await start(client, manifest())).result()
    assert isinstance(failed.value.cause, ActivityError)
    cause = failed.value.cause.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.message) == ("StatementError", str(refused))
