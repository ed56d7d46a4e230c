"""The deliveries of one webhook, for as long as it is active.

Cursors and held changes are in the store; here is the rhythm, and the patience with a receiver
that fails. So this workflow may be lost at any time: the next one goes on from the store.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.webhook.messages import Delivered, DeliverInput, WebhookInput
    from workflows.contracts.webhook import DELIVER_CHANGES
    from workflows.runtime import failure_message, is_history_long, run

_STAGE = SearchAttributeKey.for_keyword("Stage")
_AFTER_ERROR = timedelta(minutes=1)
"""Until the next try, after an error of ours that trying again at once does not repair."""


@workflow.defn(name=names.WEBHOOK_WORKFLOW)
class WebhookWorkflow:
    """`webhook/{org}/{name}`. Signal: wake. Ends when the webhook is not active."""

    @workflow.init
    def __init__(self, request: WebhookInput) -> None:
        self._request = request
        self._failures = request.failures
        self._taken = 0
        self._stage = ""
        self._is_woken = False

    @workflow.run
    async def run(self, request: WebhookInput) -> None:
        while not is_history_long():
            self._is_woken = False
            done = await self._deliver()
            # A resume may have come while the last delivery was ending.
            if done.is_over and not self._is_woken:
                self._show("over", "")
                return
            await self._rest(done.wait)
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(request.model_copy(update={"failures": self._failures}))

    @workflow.signal(name=names.WAKE)
    def wake(self) -> None:
        """An operator has changed something: go on at once."""
        self._is_woken = True

    async def _deliver(self) -> Delivered:
        request = DeliverInput(org=self._request.org, name=self._request.name, failures=self._failures)
        try:
            done = await run(DELIVER_CHANGES, request, summary="deliver changes")
        except ActivityError as error:
            self._show("failing", failure_message(error))
            return Delivered(wait=_AFTER_ERROR)
        self._taken += done.taken
        # One that takes something works, however busy it is.
        self._failures = self._failures + 1 if done.failure and not done.taken else 0
        self._show("failing" if done.failure else "delivering", done.failure)
        return done

    async def _rest(self, wait: timedelta) -> None:
        if wait <= timedelta(0):
            return
        try:
            await workflow.wait_condition(lambda: self._is_woken, timeout=wait, timeout_summary="rest")
        except TimeoutError:
            return

    def _show(self, stage: str, trouble: str) -> None:
        if stage != self._stage:
            self._stage = stage
            workflow.upsert_search_attributes([_STAGE.value_set(stage)])
        said = f"\n\n> {trouble}" if trouble else ""
        workflow.set_current_details(f"**{stage}** · {self._taken:,} taken in this run{said}")
