"""The queue of one object's writebacks, forever: has batches formed of what waits, and each brought
into the org by a workflow of its own.

The store knows what waits, what is open and what is paused; here is only the rhythm. So this
workflow may be lost at any time: the next one asks the store, and starts again whatever batch is
open.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ids import writeback_batch_id
    from schemas.writeback.messages import (
        EchoInput,
        Formed,
        FormInput,
        PauseChange,
        QueueInput,
        QueueState,
        SetPauseInput,
        WritebackBatchInput,
        WritebackControl,
    )
    from workflows.contracts.writeback import FIND_ECHOES, FORM_WRITEBACKS, SET_WRITEBACK_PAUSE
    from workflows.origins import asked_by
    from workflows.runtime import failure_message, is_history_long, run
    from workflows.writeback_batch import WritebackBatchWorkflow

_ORG = SearchAttributeKey.for_keyword("SfOrg")
_OBJECTS = SearchAttributeKey.for_keyword_list("SfObjects")
_STAGE = SearchAttributeKey.for_keyword("Stage")
_BUSY = timedelta(seconds=2)
"""Between two formings while something waits: for company, for a parent, or for its next try."""
_PAUSED = timedelta(seconds=5)
"""While something waits and is paused: the end of a pause of the whole org is signalled to one
queue only.
"""
_IDLE = timedelta(minutes=1)
"""Without anything that waits: a wake-up can be lost."""
_ECHOES_EVERY = timedelta(seconds=15)
"""Between two questions to the warehouse while own changes have not come back."""
_LONGEST_HISTORY = 4_000
"""Events of a run: more than elsewhere, since a busy queue writes hundreds a minute."""


@workflow.defn(name=names.WRITEBACK_QUEUE_WORKFLOW)
class WritebackQueueWorkflow:
    """`writebacks/{org}/{object}`. Signals: wake, pause, resume, drain. Query: state."""

    @workflow.init
    def __init__(self, request: QueueInput) -> None:
        self._request = request
        self._formed = Formed(batches=(), waiting=0, next_at=None, paused_because="")
        self._open: dict[str, asyncio.Task[None]] = {}
        self._changes: list[SetPauseInput] = []
        self._is_woken = False
        self._trouble = ""
        self._echoes: asyncio.Task[None] | None = None
        self._echoes_at = workflow.now()

    @workflow.run
    async def run(self, request: QueueInput) -> None:
        while not is_history_long(_LONGEST_HISTORY):
            await self._change_pauses()
            self._is_woken = False
            await self._form()
            for batch in self._formed.batches:
                self._follow(batch)
            self._look_for_echoes()
            self._show()
            try:
                await workflow.wait_condition(
                    lambda: self._is_woken or bool(self._changes) or self._has_ended(), timeout=self._wait()
                )
            except TimeoutError:
                continue
        await workflow.wait_condition(workflow.all_handlers_finished)
        await self._change_pauses()
        workflow.continue_as_new(request)

    @workflow.signal(name=names.WAKE)
    def wake(self) -> None:
        """Something waits."""
        self._is_woken = True

    @workflow.signal(name=names.PAUSE)
    def pause(self, control: WritebackControl) -> None:
        """Send nothing more. `paused_because` of the state says when it holds."""
        self._changes.append(self._change(PauseChange.PAUSE, control))

    @workflow.signal(name=names.RESUME)
    def resume(self, control: WritebackControl) -> None:
        """Go on."""
        self._changes.append(self._change(PauseChange.RESUME, control))

    @workflow.signal(name=names.DRAIN)
    def drain(self, control: WritebackControl) -> None:
        """Send what was accepted until now, and nothing that comes later."""
        self._changes.append(self._change(PauseChange.DRAIN, control))

    @workflow.query(name=names.LANE_STATE)
    def state(self) -> QueueState:
        """Waiting and open writebacks, and the pauses."""
        formed = self._formed
        return QueueState(
            waiting=formed.waiting,
            open=tuple(batch.batch for batch in formed.batches),
            paused_because=formed.paused_because,
            trouble=self._trouble,
        )

    def _change(self, what: PauseChange, control: WritebackControl) -> SetPauseInput:
        return SetPauseInput(
            object=self._request.object,
            change=what,
            control=control,
            at=workflow.now(),
            origin=asked_by(),
            queue=workflow.info().workflow_id,
        )

    async def _change_pauses(self) -> None:
        while self._changes:
            change = self._changes[0]
            summary = f"{change.change} by {change.control.by}"
            await run(SET_WRITEBACK_PAUSE, change, summary=summary)
            self._changes.pop(0)

    async def _form(self) -> None:
        request = FormInput(
            org=self._request.org, object=self._request.object, most_open=self._request.most_open
        )
        try:
            self._formed = await run(FORM_WRITEBACKS, request, summary="form batches")
            self._trouble = ""
        except ActivityError as error:
            self._trouble = failure_message(error)

    def _follow(self, batch: WritebackBatchInput) -> None:
        if batch.batch not in self._open:
            self._open[batch.batch] = asyncio.create_task(self._bring(batch))

    async def _bring(self, batch: WritebackBatchInput) -> None:
        """Start the batch's workflow, or find it running; returns when it has ended, as far as this
        workflow can see.
        """
        try:
            handle = await workflow.start_child_workflow(
                WritebackBatchWorkflow.run,
                batch,
                id=writeback_batch_id(batch.org, batch.object, batch.batch),
                task_queue=names.WORKFLOW_QUEUE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(_ORG, batch.org),
                        SearchAttributePair(_OBJECTS, [batch.object]),
                    ]
                ),
            )
        except WorkflowAlreadyStartedError:
            # An earlier run of this queue started it. The store says when it is closed.
            await asyncio.sleep(_BUSY.total_seconds())
            return
        try:
            await handle
        except (
            Exception
        ) as error:  # terminated by hand, say: the store knows the batch, and it is begun again
            workflow.logger.warning("batch %s ended with %s", batch.batch, type(error).__name__)

    def _look_for_echoes(self) -> None:
        """Beside everything else: what the warehouse takes to answer keeps nothing from being
        sent.
        """
        is_asking = self._echoes is not None and not self._echoes.done()
        if self._formed.lacks_echo and not is_asking and workflow.now() >= self._echoes_at:
            self._echoes_at = workflow.now() + _ECHOES_EVERY
            self._echoes = asyncio.create_task(self._find_echoes())

    async def _find_echoes(self) -> None:
        request = EchoInput(org=self._request.org, object=self._request.object)
        try:
            await run(FIND_ECHOES, request, summary="own changes that came back")
        except ActivityError as error:
            workflow.logger.warning("could not look up echoes; retrying: %s", type(error.cause).__name__)

    def _has_ended(self) -> bool:
        """True when a batch has ended, so that there is room for another one; forgets those."""
        ended = [name for name, task in self._open.items() if task.done()]
        for name in ended:
            del self._open[name]
        return bool(ended)

    def _wait(self) -> timedelta:
        if self._open or (self._formed.waiting and not self._formed.paused_because):
            return _BUSY
        if self._formed.waiting:
            return _PAUSED
        return _ECHOES_EVERY if self._formed.lacks_echo else _IDLE

    def _show(self) -> None:
        formed = self._formed
        stage = "paused" if formed.paused_because else "sending" if formed.batches else "waiting"
        workflow.upsert_search_attributes([_STAGE.value_set(stage)])
        lines = [f"**{stage}** · {formed.waiting:,} wait · {len(formed.batches)} batches open"]
        lines += [f"- {batch.batch}: {batch.size:,} by {batch.carrier}" for batch in formed.batches]
        lines += [f"> {text}" for text in (formed.paused_because, self._trouble) if text]
        workflow.set_current_details("\n\n".join(lines))
