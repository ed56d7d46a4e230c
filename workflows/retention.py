"""A run of retention: what is due is planned, done one after the other, and each deletion is on
record.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ingest.messages import Act
    from schemas.security.retention import (
        RetentionInput,
        RetentionState,
        RetentionTask,
        TaskDone,
        TaskInput,
    )
    from workflows.contracts.audit import RECORD_ACT
    from workflows.contracts.retention import DO_RETENTION, PLAN_RETENTION
    from workflows.runtime import run

MOST_TASKS = 300
"""Tasks of one run: bounds its history. What is left is due at the next run, too."""


@workflow.defn(name=names.RETENTION_WORKFLOW)
class RetentionWorkflow:
    """`retention/{org}/{name}`. Query: progress. Returns its last state; fails when a task could
    not be done.
    """

    @workflow.init
    def __init__(self, request: RetentionInput) -> None:
        self._state = RetentionState(org=request.org)

    @workflow.run
    async def run(self, request: RetentionInput) -> RetentionState:
        now = request.now or workflow.now()
        given = request.model_copy(update={"now": now})
        plan = await run(PLAN_RETENTION, given, summary="find what is due")
        tasks = plan.tasks[:MOST_TASKS]
        self._show(stage="running", planned=len(plan.tasks))
        blocked: set[str] = set()
        for task in tasks:
            # The steps of a month follow from each other, and months from those before them.
            if task.target not in blocked and not await self._do(
                request, task, TaskInput(org=request.org, now=now, task=task)
            ):
                blocked.add(task.target)
        self._show(stage="failed" if self._state.failed else "done")
        if self._state.failed:
            raise ApplicationError(
                "; ".join(self._state.failed)[:4_000], type="RetentionFailed", non_retryable=True
            )
        return self._state

    async def _do(self, request: RetentionInput, task: RetentionTask, given: TaskInput) -> bool:
        """Do a task and put it on record; False when it failed."""
        try:
            done = await run(DO_RETENTION, given, summary=_title(task))
        except ActivityError as error:
            cause = error.cause
            told = cause.message if isinstance(cause, ApplicationError) else str(cause)
            self._show(failed=(*self._state.failed, f"{_title(task)}: {told}"[:500]))
            await self._record(request, task, f"failed: {told}")
            return False
        self._show(done=(*self._state.done, done))
        if done.objects or done.rows or done.kept:
            await self._record(request, task, _told(done))
        return True

    async def _record(self, request: RetentionInput, task: RetentionTask, detail: str) -> None:
        """Law 9: what was deleted, when and by which rule."""
        why = f"; {request.reason}" if request.reason else ""
        target = f"{task.target}/{task.month}" if task.month else task.target
        act = Act(
            act=f"retention.{task.work}",
            by=request.by,
            target=target,
            detail=f"rule: {task.rule}; {detail}{why}"[:4_000],
            at=workflow.now(),
        )
        await run(RECORD_ACT, act, summary=f"record {_title(task)}")

    def _show(self, **changed: object) -> None:
        self._state = self._state.model_copy(update=changed)
        workflow.set_current_details(_details(self._state))

    @workflow.query(name=names.PROGRESS)
    def progress(self) -> RetentionState:
        """Its progress."""
        return self._state


def _title(task: RetentionTask) -> str:
    return " ".join(filter(None, (task.work, task.target, task.month)))


def _told(done: TaskDone) -> str:
    counts = f"{done.objects} objects, {done.rows} rows, {done.bytes} bytes"
    kept = f", {done.kept} kept" if done.kept else ""
    return f"{counts}{kept}" + (f"; {done.note}" if done.note else "")


def _details(state: RetentionState) -> str:
    rows = [f"**{state.stage}** · {len(state.done)} of {state.planned} tasks"]
    rows += [f"- {_title(done.task)}: {_told(done)}" for done in state.done[-20:]]
    return "\n".join([*rows, *(f"- **failed** {each}" for each in state.failed)])
