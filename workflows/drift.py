"""A check of an org's schema: what was found goes on record, new fields are filled, changes that
waited for them are re-driven.
"""

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.drift import DriftInput, DriftResult, FieldDrift, Fill, RefreshInput
    from schemas.governor import LeaseClass
    from schemas.ids import refresh_workflow_id, replay_workflow_id
    from schemas.message import Message
    from schemas.replay import QuarantineChoice, ReplayInput, ReplaySelection
    from transforms.ingest.decode_events import UNKNOWN_FIELD
    from workflows.contracts.audit import RECORD_ACT
    from workflows.contracts.drift import CHECK_DRIFT
    from workflows.origins import act_of, started_by
    from workflows.runtime import run


@workflow.defn(name=names.DRIFT_WORKFLOW)
class DriftWorkflow:
    """`drift/{org}`. Returns what it found."""

    @workflow.run
    async def run(self, request: DriftInput) -> DriftResult:
        result = await self._check(request)
        for name in dict.fromkeys(each.object for each in result.found):
            await self._record(request, name, [each for each in result.found if each.object == name])
        workflow.set_current_details(_details(result))
        if result.fills or result.waiting:
            # By then every process goes by the decision: nobody reads records without the new
            # fields after they were filled, and what was staged before is applied.
            await workflow.sleep(request.settle)
        for fill in result.fills:
            await self._fill(request, fill)
        if request.redrive and (result.fills or result.waiting):
            looked = request.model_copy(update={"objects": ()})
            for name in (await self._check(looked)).waiting:
                await self._redrive(request, name)
        return result

    async def _check(self, request: DriftInput) -> DriftResult:
        return await run(CHECK_DRIFT, request, summary="compare the fields")

    async def _record(self, request: DriftInput, name: str, found: list[FieldDrift]) -> None:
        """Law 9: what the engine decides about the schema by itself is on record, too."""
        detail = "; ".join(
            f"{each.field} {each.kind}, {each.effect} ({each.was} -> {each.now})" for each in found
        )
        why = f": {request.reason}" if request.reason else ""
        said = f"{detail[:4_000]}{why}"
        act = act_of("drift.decide", request.by, said, started_by(request), target=name)
        await run(RECORD_ACT, act, summary=f"record drift of {name}")

    async def _fill(self, request: DriftInput, fill: Fill) -> None:
        name = f"fields-r{fill.revision}"
        await _start(
            names.REFRESH_WORKFLOW,
            RefreshInput(
                org=request.org,
                object=fill.object,
                fields=fill.fields,
                name=name,
                lease_class=LeaseClass.BACKFILL,
                by=request.by,
                reason="new in the org",
            ),
            refresh_workflow_id(request.org, fill.object, name),
        )

    async def _redrive(self, request: DriftInput, name: str) -> None:
        selection = ReplaySelection(
            org=request.org, object=name, quarantine=QuarantineChoice(reason=UNKNOWN_FIELD)
        )
        key = f"drift,{name}"
        replay = ReplayInput(selection=selection, key=key, by=request.by, reason="the field is known now")
        # One that is paused holds the others off: what it cannot do they could not either.
        again = WorkflowIDReusePolicy.ALLOW_DUPLICATE
        await _start(names.REPLAY_WORKFLOW, replay, replay_workflow_id(request.org, key), again)


async def _start(
    workflow_type: str,
    request: Message,
    workflow_id: str,
    reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
) -> None:
    """Start it, and let it go on by itself; one that runs, or that `reuse` does not let be started
    again, is enough.
    """
    try:
        await workflow.start_child_workflow(
            workflow_type,
            request,
            id=workflow_id,
            task_queue=names.WORKFLOW_QUEUE,
            parent_close_policy=ParentClosePolicy.ABANDON,
            id_reuse_policy=reuse,
        )
    except WorkflowAlreadyStartedError:
        return


def _details(result: DriftResult) -> str:
    if not result.found:
        return f"{result.checked} objects looked at, nothing new · {result.calls} API calls"
    rows = ["| object | field | what | was | now | done |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {each.object} | {each.field} | {each.kind} | {each.was} | {each.now} | {each.effect} |"
        for each in result.found
    ]
    return "\n".join(rows)
