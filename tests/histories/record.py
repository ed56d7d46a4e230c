"""Records the histories of this version: `make histories`; some seconds.

`tests/histories/VERSION/` holds the histories that the workflows of that version have made. A
folder of a released version is never written to: its files stand for runs that are still open
somewhere, and a change that cannot replay them needs `workflow.patched`. Run this when a workflow
or a scene is new, or when a workflow was changed on purpose, before its version is released.
"""

import asyncio
import json
import sys
import tempfile
import tomllib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import Worker

from clients.governor.leases import Leases
from clients.temporal.governor import TemporalGovernor
from clients.temporal.run_kinds import BACKFILL, ERASURE
from clients.temporal.runs import run_handle, start_run
from sandbox.ports import free_port
from sandbox.processes import ProcessGroup
from sandbox.temporal import start_temporal
from schemas import names
from schemas.backfill import BackfillInput, BackfillState
from schemas.drift import DriftInput, RefreshInput
from schemas.errors import ReplayExpiredError, StatementError, UnavailableError
from schemas.governor import Budget, GovernorConfig, LeaseClass
from schemas.ids import governor_workflow_id
from schemas.ingest.messages import LaneInput, MovePositionInput, PauseInput, SetEveryInput
from schemas.model import ModelBuildInput, ModelRun
from schemas.model.export import ExportInput, ExportProblem, ExportRun
from schemas.planner import PinInput, PlannerInput, Way
from schemas.reconcile import Depth, ReconcileInput
from schemas.replay import ReplayInput, ReplaySelection, ReplayState
from schemas.security.erasure import ErasureInput, ErasureState
from schemas.security.keys import RotateInput
from schemas.security.retention import RetentionInput
from schemas.webhook.messages import Delivered, WebhookInput
from schemas.writeback.messages import QueueInput, WritebackControl
from schemas.writeback.preview import PreviewInput
from tests.support.builders.waiting import until
from tests.support.scripted.scripted import ScriptedBatches, ScriptedFollower, manifest, serving
from tests.support.scripted.scripted_backfill import ScriptedReader, backfill_workers
from tests.support.scripted.scripted_drift import ScriptedSchema, schema_workers
from tests.support.scripted.scripted_erasure import ScriptedErasure, erasure_workers
from tests.support.scripted.scripted_export import ScriptedExport, export_workers
from tests.support.scripted.scripted_governor import governor_worker
from tests.support.scripted.scripted_model import FAILED, ScriptedModel, model_workers
from tests.support.scripted.scripted_planner import NEWEST, ScriptedPlanner, planner_workers
from tests.support.scripted.scripted_preview import ScriptedPreview
from tests.support.scripted.scripted_reconcile import ScriptedReconciliation, reconcile_workers
from tests.support.scripted.scripted_repairs import (
    BY_IDS,
    BY_WINDOW,
    ScriptedRepairs,
    serving_repairs,
    start_repairs,
)
from tests.support.scripted.scripted_replay import ScriptedReplay, replay_workers
from tests.support.scripted.scripted_retention import NOW, ScriptedRetention, retention_workers
from tests.support.scripted.scripted_rotation import ScriptedRotation, rotation_workers
from tests.support.scripted.scripted_webhooks import ScriptedDeliveries, delivery_workers
from tests.support.scripted.scripted_writebacks import ScriptedWritebacks, batch, writeback_workers
from workers.roles import sandboxed_runner
from workflows import (
    WORKFLOWS,
    ChangeBatchWorkflow,
    DriftWorkflow,
    ExportWorkflow,
    LaneWorkflow,
    ModelWorkflow,
    PlannerWorkflow,
    ReconcileWorkflow,
    RefreshWorkflow,
    ReplayWorkflow,
    RetentionWorkflow,
    RotateKeysWorkflow,
    WebhookWorkflow,
    WritebackBatchWorkflow,
    WritebackPreviewWorkflow,
    WritebackQueueWorkflow,
)

FOLDER = Path(__file__).parent
VERSION: str = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text())["project"]["version"]
"""The release that this code is, or becomes."""
ALTERED = "altered_stage_batch_renamed"
"""Made from a good history: its activity has another type than the workflow asks for."""

Handle = WorkflowHandle[Any, Any]


async def batch_applied(client: Client) -> Handle:
    async with serving(client):
        handle = await client.start_workflow(
            ChangeBatchWorkflow.run, manifest(), id="batch/o/changes/origin", task_queue=names.WORKFLOW_QUEUE
        )
        await handle.result()
    return handle


async def batch_applied_at_the_second_try(client: Client) -> Handle:
    batches = ScriptedBatches(failures=[UnavailableError(system="PostgreSQL", detail="it restarts")])
    async with serving(client, batches=batches):
        handle = await client.start_workflow(
            ChangeBatchWorkflow.run, manifest("40"), id="batch/o/changes/40", task_queue=names.WORKFLOW_QUEUE
        )
        await handle.result()
    return handle


async def batch_shown_at_its_end(client: Client) -> Handle:
    """As those above it, of a release that no longer sets `Stage` before each step."""
    async with serving(client):
        handle = await client.start_workflow(
            ChangeBatchWorkflow.run, manifest("80"), id="batch/o/changes/80", task_queue=names.WORKFLOW_QUEUE
        )
        await handle.result()
    return handle


async def batch_applied_together(client: Client) -> Handle:
    """Its objects in one step, but for one that fails there."""
    failures: list[Exception] = [UnavailableError(system="PostgreSQL", detail="it restarts")]
    async with serving(client, batches=ScriptedBatches(failures=failures)):
        handle = await client.start_workflow(
            ChangeBatchWorkflow.run, manifest("90"), id="batch/o/changes/90", task_queue=names.WORKFLOW_QUEUE
        )
        await handle.result()
    return handle


async def lane_followed(client: Client) -> Handle:
    follower = ScriptedFollower(["40", "80"])
    async with serving(client, follower):
        handle = await _start_lane(client, "followed")
        await until(lambda: follower.follows_from("80"))
    return handle


async def lane_paused_moved_resumed(client: Client) -> Handle:
    follower = ScriptedFollower(["40"])
    async with serving(client, follower):
        handle = await _start_lane(client, "moved")
        await until(lambda: follower.follows_from("40"))
        await handle.signal(LaneWorkflow.pause, PauseInput(by="ada", reason="maintenance"))
        await until(lambda: follower.has_recorded("lane.pause"))
        move = MovePositionInput(position="80", by="ada", reason="after the backfill")
        await handle.execute_update(LaneWorkflow.move_position, move)
        await until(lambda: follower.has_recorded("lane.move_position"))
        await handle.signal(LaneWorkflow.resume, PauseInput(by="ada"))
        await until(lambda: follower.follows_from("80"))
    return handle


async def lane_stopped_by_an_expired_position(client: Client) -> Handle:
    expired = ReplayExpiredError(lane="changes", position="40", detail="the id is too old")
    follower = ScriptedFollower(["40", expired])
    async with serving(client, follower):
        handle = await _start_lane(client, "expired")
        await until(lambda: _is_paused(handle))
    return handle


async def lane_polled_at_another_interval(client: Client) -> Handle:
    start, end = "1795000000000-500Tg000000zz01AAA", "1795000060000-500Tg000000zz02AAA"
    follower = ScriptedFollower([start, end])
    async with serving(client, follower):
        lane = LaneInput(org="o", lane="poll-case", way=Way.POLL, object="Case")
        handle = await client.start_workflow(
            LaneWorkflow.run, lane, id="lane/o/poll-case", task_queue=names.WORKFLOW_QUEUE
        )
        await until(lambda: follower.follows_from(end))
        await handle.signal(LaneWorkflow.set_every, SetEveryInput(every=timedelta(seconds=20)))
        await until(lambda: follower.polls_every(20))
    return handle


async def planner_moved_an_object_there_and_back(client: Client) -> Handle:
    script = ScriptedPlanner(read_through=NEWEST, joined_at=NEWEST)
    async with planner_workers(client, script):
        planner = PlannerInput(org="o", plan_every=timedelta(seconds=0.3), look_every=timedelta(seconds=0.1))
        handle = await client.start_workflow(
            PlannerWorkflow.run, planner, id="planner/o", task_queue=names.GOVERNOR_QUEUE
        )
        await until(lambda: script.follows("case"))
        pin = PinInput(object="Case", way=Way.POLL, by="ada", reason="a mass update tonight")
        await handle.execute_update(PlannerWorkflow.pin, pin)
        await until(lambda: script.follows("poll-case"))
        await handle.execute_update(
            PlannerWorkflow.unpin, PinInput(object="Case", by="ada", reason="the update is done")
        )
        await until(lambda: script.follows("case"))
    return handle


async def replay_failed_resumed_and_done(client: Client) -> Handle:
    refused = StatementError(statement="INSERT …", detail="UndefinedColumn 42703")
    steps = ScriptedReplay(failures=[refused])
    steps.gate.set()
    async with replay_workers(client, steps):
        request = ReplayInput(selection=ReplaySelection(org="o", lane="changes"), key="changes", by="ada")
        handle = await client.start_workflow(
            ReplayWorkflow.run, request, id="replay/o/changes", task_queue=names.WORKFLOW_QUEUE
        )
        await until(lambda: _waits(handle))
        await handle.signal(ReplayWorkflow.resume, PauseInput(by="ada", reason="mended"))
        await handle.result()
    return handle


async def _waits(handle: WorkflowHandle[ReplayWorkflow, ReplayState]) -> bool:
    return (await handle.query(ReplayWorkflow.progress)).stage == "paused"


async def repair_by_ids_and_by_window(client: Client) -> Handle:
    script = ScriptedRepairs(looks=[[BY_IDS, BY_WINDOW]])
    async with serving_repairs(client, script):
        handle = await start_repairs(client, "o")
        await until(lambda: script.has_closed(2))
        await handle.signal(names.LOOK)
    return handle


async def governor_granted_after_a_failed_reading(client: Client) -> Handle:
    async with governor_worker(
        client, failures=[UnavailableError(system="Salesforce", detail="it restarts")]
    ):
        terms = GovernorConfig(read_every=timedelta(seconds=1), lease_life=timedelta(seconds=3))
        leases = Leases(TemporalGovernor(client, "o", terms))
        for _ in range(8):
            await leases.take(Budget.API_CALLS, LeaseClass.POLLING)
        await leases.close()
    return client.get_workflow_handle(governor_workflow_id("o"))


async def backfill_paused_with_a_lost_job(client: Client) -> Handle:
    script = ScriptedReader(parts=3, is_held=True)
    async with backfill_workers(client, script):
        request = BackfillInput(org="o", object="Case", window="all", by="ada", reason="new field")
        handle = run_handle(client, BACKFILL, await start_run(client, BACKFILL, request))
        await until(script.is_reading)
        await handle.signal(names.PAUSE, PauseInput(by="ada", reason="maintenance"))
        await until(lambda: _is_at(handle, "paused"))
        script.is_held = False
        script.lost = 1
        await handle.signal(names.RESUME, PauseInput(by="ada"))
        await handle.result()
    return handle


async def backfill_cancelled(client: Client) -> Handle:
    script = ScriptedReader(is_held=True)
    async with backfill_workers(client, script):
        request = BackfillInput(org="o", object="Case", window="cancelled", by="ada")
        handle = run_handle(client, BACKFILL, await start_run(client, BACKFILL, request))
        await until(script.is_reading)
        await handle.signal(names.CANCEL, PauseInput(by="ada", reason="wrong object"))
        await handle.result()
    return handle


async def reconciliation_found_repaired_and_looked_again(client: Client) -> Handle:
    async with reconcile_workers(client, ScriptedReconciliation(most_equal=2)):
        request = ReconcileInput(
            org="o", object="Case", window="ids", depth=Depth.IDS, settle=timedelta(milliseconds=20), by="ada"
        )
        handle = await client.start_workflow(
            ReconcileWorkflow.run, request, id="reconcile/o/Case/ids", task_queue=names.WORKFLOW_QUEUE
        )
        await handle.result()
    return handle


async def reconciliation_set_aside_and_named_isolated(client: Client) -> Handle:
    async with reconcile_workers(client, ScriptedReconciliation(rows=0, most_equal=1, ahead=1, isolated=2)):
        request = ReconcileInput(org="o", object="Case", window="ahead", settle=timedelta(0), by="ada")
        handle = await client.start_workflow(
            ReconcileWorkflow.run, request, id="reconcile/o/Case/ahead", task_queue=names.WORKFLOW_QUEUE
        )
        await handle.result()
    return handle


async def drift_found_a_new_field(client: Client) -> Handle:
    script = ScriptedSchema()
    async with schema_workers(client, script):
        handle = await _check_schema(client)
        await until(lambda: _is_filled(script))
    return handle


async def refresh_of_two_stretches(client: Client) -> Handle:
    async with schema_workers(client, ScriptedSchema()):
        request = RefreshInput(org="o", object="Account", fields=("Grade__c",), by="ada", reason="new")
        handle = await client.start_workflow(
            RefreshWorkflow.run, request, id="refresh/o/Account", task_queue=names.WORKFLOW_QUEUE
        )
        await handle.result()
    return handle


async def retention_done_and_left(client: Client) -> Handle:
    script = ScriptedRetention(fails=frozenset({"audit.case_change"}))
    async with retention_workers(client, script):
        handle = await client.start_workflow(
            RetentionWorkflow.run,
            RetentionInput(org="o", by="ada", reason="due", now=NOW),
            id="retention/o/due",
            task_queue=names.WORKFLOW_QUEUE,
        )
        with suppress(WorkflowFailureError):
            await handle.result()
    return handle


async def model_built_at_the_second_try(client: Client) -> Handle:
    script = ScriptedModel(failures=[UnavailableError(system="PostgreSQL", detail="it restarts")])
    async with model_workers(client, script):
        handle = await client.start_workflow(
            ModelWorkflow.run, ModelBuildInput(org="o"), id="model/o", task_queue=names.WORKFLOW_QUEUE
        )
        await handle.result()
    return handle


async def model_with_a_failed_test(client: Client) -> Handle:
    script = ScriptedModel(answer=ModelRun(models=46, tests=129, seconds=9.5, problems=(FAILED,)))
    async with model_workers(client, script):
        handle = await client.start_workflow(
            ModelWorkflow.run, ModelBuildInput(org="o"), id="model/o", task_queue=names.WORKFLOW_QUEUE
        )
        with suppress(WorkflowFailureError):
            await handle.result()
    return handle


async def export_tried_again_with_a_failed_object(client: Client) -> Handle:
    problem = ExportProblem(object="Case", detail="StatementError: the table is another one")
    script = ScriptedExport(
        answer=ExportRun(objects=4, written=3, seconds=2.5, problems=(problem,)),
        failures=[UnavailableError(system="PostgreSQL", detail="it restarts")],
    )
    async with export_workers(client, script):
        handle = await client.start_workflow(
            ExportWorkflow.run, ExportInput(org="o"), id="export/o", task_queue=names.WORKFLOW_QUEUE
        )
        with suppress(WorkflowFailureError):
            await handle.result()
    return handle


async def webhook_failed_woken_and_over(client: Client) -> Handle:
    failing = Delivered(failure="it answered 500", wait=timedelta(minutes=5))
    away = UnavailableError(system="the operational store", detail="it restarts")
    script = ScriptedDeliveries([Delivered(taken=120), away, Delivered(taken=1, held=2), failing])
    async with delivery_workers(client, script):
        handle = await client.start_workflow(
            WebhookWorkflow.run,
            WebhookInput(org="o", name="billing"),
            id="webhook/o/billing",
            task_queue=names.WORKFLOW_QUEUE,
        )

        async def rests() -> bool:
            return not script.answers

        await until(rests)
        await handle.signal(WebhookWorkflow.wake)
        await handle.result()
    return handle


async def key_rotated_at_the_second_try(client: Client) -> Handle:
    script = ScriptedRotation(failures=[UnavailableError(system="PostgreSQL", detail="it restarts")])
    async with rotation_workers(client, script):
        request = RotateInput(org="o", by="ada", reason="the yearly rotation")
        handle = await client.start_workflow(
            RotateKeysWorkflow.run, request, id="rotate-keys/o/rotate", task_queue=names.WORKFLOW_QUEUE
        )
        await handle.result()
    return handle


async def writebacks_sent_paused_and_looked_up(client: Client) -> Handle:
    script = ScriptedWritebacks(open=["1.0", "11.0"], unknown={"11.0"})
    async with writeback_workers(client, script):
        handle = await _start_queue(client)
        await until(script.is_through, seconds=30)
        control = WritebackControl(by="ada", reason="maintenance")
        await handle.signal(WritebackQueueWorkflow.pause, control)
        await until(lambda: _has_changed(script, 1))
        await handle.signal(WritebackQueueWorkflow.drain, control)
        await handle.signal(WritebackQueueWorkflow.resume, control)
        await until(lambda: _has_changed(script, 3))
        script.open.append("21.0")
        await handle.signal(WritebackQueueWorkflow.wake)
        await until(script.is_through)
    return handle


async def writebacks_sent_and_echoed(client: Client) -> Handle:
    script = ScriptedWritebacks(open=["41.0"], lacks_echo=True)
    async with writeback_workers(client, script):
        handle = await _start_queue(client)
        await until(script.is_through, seconds=30)

        async def has_looked() -> bool:
            return script.echoes == 1

        await until(has_looked)
        await handle.signal(WritebackQueueWorkflow.wake)
        await asyncio.sleep(0.5)
    return handle


async def writebacks_looked_at(client: Client) -> Handle:
    steps = Worker(
        client, task_queue=names.WRITEBACK_QUEUE, activities=[ScriptedPreview().preview_writebacks]
    )
    workflows = Worker(
        client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
    )
    async with workflows, steps:
        handle = await client.start_workflow(
            WritebackPreviewWorkflow.run,
            PreviewInput(org="o", key="preview/o/1.json"),
            id="preview/o/1",
            task_queue=names.WORKFLOW_QUEUE,
        )
        await handle.result()
    return handle


async def batch_of_writebacks_refused_and_looked_up(client: Client) -> Handle:
    script = ScriptedWritebacks(
        open=["31.0"], unknown={"31.0"}, failures=[StatementError(statement="INSERT …", detail="42703")]
    )
    async with writeback_workers(client, script):
        handle = await client.start_workflow(
            WritebackBatchWorkflow.run,
            batch("31.0"),
            id="writeback/o/Case/31.0",
            task_queue=names.WORKFLOW_QUEUE,
        )
        await asyncio.sleep(0.5)
        await handle.signal(WritebackBatchWorkflow.wake)
        await handle.result()
    return handle


async def _start_queue(client: Client) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        WritebackQueueWorkflow.run,
        QueueInput(org="o", object="Case"),
        id="writebacks/o/Case",
        task_queue=names.WORKFLOW_QUEUE,
    )


async def _has_changed(script: ScriptedWritebacks, count: int) -> bool:
    return len(script.changes) == count


async def erasure_failed_resumed_and_certified(client: Client) -> Handle:
    failure = StatementError(statement="", detail="the table is another one")
    request = ErasureInput(
        org="o",
        key="ids-1f8ac10f23c5",
        records=("003000000000001AAA",),
        grace=timedelta(seconds=0.1),
        by="ada",
        reason="request 2026-117",
    )
    async with erasure_workers(client, ScriptedErasure(failures=[failure])):
        handle = run_handle(client, ERASURE, await start_run(client, ERASURE, request))

        async def is_paused() -> bool:
            state = await handle.query(names.PROGRESS, result_type=ErasureState)
            return bool(state.stage == "paused")

        await until(is_paused)
        await handle.signal(names.RESUME, PauseInput(by="grace", reason="it is the right one now"))
        await handle.result()
    return handle


SCENES: list[Callable[[Client], Awaitable[Handle]]] = [
    batch_applied,
    batch_applied_at_the_second_try,
    batch_applied_together,
    batch_shown_at_its_end,
    lane_followed,
    lane_paused_moved_resumed,
    lane_stopped_by_an_expired_position,
    lane_polled_at_another_interval,
    planner_moved_an_object_there_and_back,
    governor_granted_after_a_failed_reading,
    backfill_paused_with_a_lost_job,
    backfill_cancelled,
    replay_failed_resumed_and_done,
    reconciliation_found_repaired_and_looked_again,
    reconciliation_set_aside_and_named_isolated,
    repair_by_ids_and_by_window,
    drift_found_a_new_field,
    refresh_of_two_stretches,
    retention_done_and_left,
    model_built_at_the_second_try,
    model_with_a_failed_test,
    export_tried_again_with_a_failed_object,
    webhook_failed_woken_and_over,
    erasure_failed_resumed_and_certified,
    key_rotated_at_the_second_try,
    writebacks_sent_paused_and_looked_up,
    writebacks_sent_and_echoed,
    writebacks_looked_at,
    batch_of_writebacks_refused_and_looked_up,
]


async def _start_lane(client: Client, name: str) -> WorkflowHandle[LaneWorkflow, None]:
    lane = LaneInput(org="o", lane="changes", channel="/data/ChangeEvents")
    return await client.start_workflow(
        LaneWorkflow.run, lane, id=f"lane/o/{name}", task_queue=names.WORKFLOW_QUEUE
    )


async def _is_at(handle: WorkflowHandle[Any, BackfillState], stage: str) -> bool:
    return (await handle.query(names.PROGRESS, result_type=BackfillState)).stage == stage


async def _check_schema(client: Client) -> Handle:
    request = DriftInput(org="o", by="ada", settle=timedelta(seconds=0.1))
    handle = await client.start_workflow(
        DriftWorkflow.run, request, id="drift/o", task_queue=names.WORKFLOW_QUEUE
    )
    await handle.result()
    return handle


async def _is_filled(script: ScriptedSchema) -> bool:
    return "end 6" in script.calls


async def _is_paused(handle: WorkflowHandle[LaneWorkflow, None]) -> bool:
    return (await handle.query(LaneWorkflow.state)).paused


async def record(address: str) -> None:
    """Play every scene on the server at `address` and write its history."""
    # The identity is part of a history; the SDK's own would name this machine.
    client = await Client.connect(address, data_converter=pydantic_data_converter, identity="recorded")
    for scene in SCENES:
        handle = await scene(client)
        history = json.loads((await handle.fetch_history()).to_json(), object_hook=_without_stack)
        _write(scene.__name__, history, FOLDER / VERSION)
        with suppress(RPCError):  # it has ended by itself
            # The next scene's workers would serve it, out of that scene's script.
            await handle.terminate()
        if scene is batch_applied:
            _write(ALTERED, _altered(history), FOLDER)


def _without_stack(part: dict[str, Any]) -> dict[str, Any]:
    """A stack trace holds this machine's paths, and a replay does not look at it."""
    return {name: value for name, value in part.items() if name != "stackTrace"}


def _altered(history: dict[str, Any]) -> dict[str, Any]:
    for event in history["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes", {})
        if scheduled.get("activityType") == {"name": names.STAGE_BATCH}:
            scheduled["activityType"] = {"name": "decode_batch"}
    return history


def _write(name: str, history: dict[str, Any], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(history, indent=1) + "\n")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        group = ProcessGroup(Path(folder))
        port = free_port()
        try:
            start_temporal(group, Path(folder), port=port, ui_port=free_port())
            asyncio.run(record(f"127.0.0.1:{port}"))
        finally:
            group.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
