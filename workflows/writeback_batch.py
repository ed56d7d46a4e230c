"""A batch of writebacks on its way into the org: it is sent once; what became of it is looked up
for as long as nobody knows.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.writeback.messages import LookUpInput, WritebackBatchInput
    from workflows.contracts.contract import Contract, In, Out
    from workflows.contracts.writeback import LOOK_UP_WRITEBACKS, SEND_WRITEBACKS
    from workflows.runtime import failure_message, run

_STAGE = SearchAttributeKey.for_keyword("Stage")
_WAITS = (1, 3, 6, 10, 20, 30, 60)
"""Seconds between two look-ups; the last one forever."""
_AFTER_REFUSAL = timedelta(seconds=60)
"""Until a step is tried again that cannot succeed as things are: somebody may have fixed them."""


@workflow.defn(name=names.WRITEBACK_BATCH_WORKFLOW)
class WritebackBatchWorkflow:
    """`writeback/{org}/{object}/{batch}`. Signal: wake."""

    @workflow.init
    def __init__(self, request: WritebackBatchInput) -> None:
        self._request = request
        self._is_woken = False

    @workflow.run
    async def run(self, request: WritebackBatchInput) -> None:
        summary = f"{request.size} records by {request.carrier}"
        self._show("sending")
        sent = await self._step(SEND_WRITEBACKS, request, summary)
        looks, is_over = 0, sent.is_over
        while not sent.is_known:
            self._show("looking up")
            await asyncio.sleep(_WAITS[min(looks, len(_WAITS) - 1)])
            looks += 1
            question = LookUpInput(batch=request, is_over=is_over)
            sent = await self._step(LOOK_UP_WRITEBACKS, question, f"look {looks}")
        self._show("closed")

    @workflow.signal(name=names.WAKE)
    def wake(self) -> None:
        """Try again what was refused: it has been fixed."""
        self._is_woken = True

    async def _step(self, contract: Contract[In, Out], request: In, summary: str) -> Out:
        """A step's result, however often it has to be begun: what was perhaps sent cannot be given
        up.
        """
        while True:
            try:
                return await run(contract, request, summary=summary)
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                self._show("refused", failure_message(error))
            self._is_woken = False
            try:
                await workflow.wait_condition(lambda: self._is_woken, timeout=_AFTER_REFUSAL)
            except TimeoutError:
                continue

    def _show(self, stage: str, trouble: str = "") -> None:
        request = self._request
        workflow.upsert_search_attributes([_STAGE.value_set(stage)])
        lines = [f"**{stage}** · {request.size:,} records of {request.object} by {request.carrier}"]
        workflow.set_current_details("\n".join([*lines, "", f"> {trouble}"] if trouble else lines))
