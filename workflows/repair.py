"""Repairs of an org, forever: what events could not tell is looked up on a list and read again, one
repair an object at a time.

Nothing waits for it: the batches that could not tell are applied long before. What a dead worker
leaves is on the list still.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.backfill import BackfillInput, BackfillState
    from schemas.errors import CallRefusedError
    from schemas.governor import LeaseClass
    from schemas.ids import backfill_workflow_id
    from schemas.repair import (
        LOOK_AGAIN,
        CloseInput,
        FindDeletedInput,
        FindInput,
        FindResult,
        Repair,
        RepairInput,
        RepairState,
    )
    from workflows.contracts.repair import CLOSE_REREADS, FIND_DELETED, FIND_REREADS
    from workflows.runtime import failure_kinds, failure_message, run


@workflow.defn(name=names.REPAIR_WORKFLOW)
class RepairWorkflow:
    """`repair/{org}`. Signal: look. Query: state."""

    @workflow.init
    def __init__(self, request: RepairInput) -> None:
        self._request = request
        self._running: dict[str, str] = {}
        self._failed = dict(request.failed)
        self._done = 0
        self._is_asked = False
        self._tasks: set[asyncio.Task[None]] = set()

    @workflow.run
    async def run(self, request: RepairInput) -> None:
        info = workflow.info()
        while not info.is_continue_as_new_suggested():
            self._is_asked = False
            found = await self._look()
            self._show()
            if await self._told(LOOK_AGAIN if found.waiting else request.look_every):
                await workflow.sleep(request.gather)
        await workflow.wait_condition(lambda: not self._running)
        workflow.continue_as_new(request.model_copy(update={"failed": self._failed}))

    async def _told(self, within: timedelta) -> bool:
        """True when there is a reason to look; False when none has come for so long."""
        try:
            await workflow.wait_condition(lambda: self._is_asked, timeout=within)
        except TimeoutError:
            return False
        return True

    async def _look(self) -> FindResult:
        request = FindInput(org=self._request.org, busy=tuple(sorted(self._running)))
        found = await run(FIND_REREADS, request, summary="what is to be read again")
        for repair in found.repairs:
            self._running[repair.object] = repair.window
            task = asyncio.create_task(self._repair(repair))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return found

    async def _repair(self, repair: Repair) -> None:
        """A failed one stays on the list, and is tried again at a later look."""
        try:
            await self._read(repair)
        except (ActivityError, ChildWorkflowError, ApplicationError) as error:
            self._failed[repair.object] = failure_message(error)[:500]
            if repair.ids_key is not None and CallRefusedError.code in failure_kinds(error):
                await self._close(
                    repair
                )  # counts: an id that the org does not take must not be asked for forever
        else:
            self._failed.pop(repair.object, None)
            self._done += 1
            self._is_asked = True  # the next of this object
        finally:
            del self._running[repair.object]

    async def _read(self, repair: Repair) -> None:
        await self._backfill(repair, repair.window, repair.ids_key)
        if repair.ids_key is None:
            question = FindDeletedInput(org=self._request.org, repair=repair)
            gone = await run(FIND_DELETED, question, summary=f"{repair.object}: deleted meanwhile")
            if gone.ids_key is not None:
                await self._backfill(repair, f"{repair.window}-deleted", gone.ids_key)
        await self._close(repair)

    async def _close(self, repair: Repair) -> None:
        request = CloseInput(org=self._request.org, repair=repair)
        await run(CLOSE_REREADS, request, summary=f"{repair.object}: close what is answered")

    async def _backfill(self, repair: Repair, window: str, ids_key: str | None) -> None:
        is_named = ids_key is not None
        request = BackfillInput(
            org=self._request.org,
            object=repair.object,
            window=window,
            since=None if is_named else repair.since,
            ids_key=ids_key,
            lease_class=LeaseClass.REPAIR,
            is_repair=is_named,
            after=repair.after,
            stands_at=repair.stands_at,
            by="tidegate",
            reason=f"{repair.asked} asked for what events did not tell",
        )
        state: BackfillState = await workflow.execute_child_workflow(
            names.BACKFILL_WORKFLOW,
            request,
            id=backfill_workflow_id(self._request.org, repair.object, window),
            task_queue=names.WORKFLOW_QUEUE,
            result_type=BackfillState,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            static_summary=f"repair of {repair.object}",
        )
        if state.stage != "done":
            raise ApplicationError(f"the backfill {window} was {state.stage}")

    @workflow.signal(name=names.LOOK)
    def look(self) -> None:
        """There is something on the list."""
        self._is_asked = True

    @workflow.query(name=names.LANE_STATE)
    def state(self) -> RepairState:
        """Open re-reads, and those that failed."""
        return RepairState(reading=dict(self._running), done=self._done, failed=dict(self._failed))

    def _show(self) -> None:
        reading = ", ".join(f"`{name}` ({window})" for name, window in sorted(self._running.items()))
        failed = "".join(f"\n\n> {name}: {why}" for name, why in sorted(self._failed.items()))
        workflow.set_current_details(
            f"**reading** {reading or 'nothing'} · {self._done} repairs done{failed}"
        )
