"""The governor workflow as a process's lease client sees it: one update a time; the first process
that needs it starts it.
"""

import asyncio
from datetime import timedelta

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal.runs import signal
from clients.temporal.updates import send_update
from schemas import names
from schemas.errors import UnavailableError
from schemas.governor import Budget, Exchange, GovernorConfig, LeaseAnswer
from schemas.governor.recheck import RecheckAnswer, RecheckInput
from schemas.ids import governor_workflow_id, planner_workflow_id
from schemas.ingest.messages import PauseInput
from transforms.governor.ledger import BudgetLedger

_ANSWER_WITHIN = timedelta(seconds=10)
_BOOKS_WITHIN = timedelta(seconds=3)
_RECHECKED_WITHIN = timedelta(seconds=40)
"""The governor waits 30 s for the org."""


async def read_books(client: Client, org: str) -> BudgetLedger | None:
    """The books of the org's governor; None when none runs. Starts none.

    Raises:
        UnavailableError: One runs, but no worker answers for it within three seconds.
    """
    handle = client.get_workflow_handle(governor_workflow_id(org))
    try:
        described = await handle.describe()
        if described.status is not WorkflowExecutionStatus.RUNNING:
            return None
        books: BudgetLedger = await handle.query(
            names.BOOKS, result_type=BudgetLedger, rpc_timeout=_BOOKS_WITHIN
        )
        return books
    except (RPCError, WorkflowQueryFailedError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            return None
        detail = f"no answer from {governor_workflow_id(org)}: {type(error).__name__}"
        raise UnavailableError(system="The governor", detail=detail) from error


async def recheck_budgets(client: Client, org: str, request: RecheckInput) -> RecheckAnswer | None:
    """Have the org's governor read the limits at once, and forget refusals that hold no more. Where
    events are delivered again, the planner hears of it.

    Returns:
        What it found; None = no governor runs.

    Raises:
        UnavailableError: No worker answers in time, or the limits could not be read.
    """
    found = await send_update(
        client, governor_workflow_id(org), names.RECHECK, request, RecheckAnswer, within=_RECHECKED_WITHIN
    )
    if found is not None and found.trouble:
        raise UnavailableError(system="Salesforce", detail=f"its limits cannot be read: {found.trouble}")
    if found is not None and _delivers(found):
        told = PauseInput(by=request.by, reason=request.reason)
        await signal(client, planner_workflow_id(org), names.ALLOW_STREAMS, told)
    return found


def _delivers(found: RecheckAnswer) -> bool:
    """True when delivered events were read, and there is room."""
    return any(
        each.budget is Budget.DELIVERED_EVENTS
        and each.paused_until is None
        and (each.maximum is None or each.used < each.maximum)
        for each in found.budgets
    )


class TemporalGovernor:
    """`governor/{org}` through Temporal.

    Args:
        client: Must convert with `pydantic_data_converter`.
        org: 18-character id.
        terms: For a governor that has to be started; one that runs keeps its own.
    """

    def __init__(self, client: Client, org: str, terms: GovernorConfig | None = None) -> None:
        self._client = client
        self._id = governor_workflow_id(org)
        self._first = BudgetLedger(org=org, terms=terms or GovernorConfig())
        self._summary = f"owns the budgets of {org}"

    async def start(self) -> None:
        """Start the workflow unless it runs; it reads the org's limits at once."""
        await self._client.start_workflow(
            names.GOVERNOR_WORKFLOW,
            self._first,
            id=self._id,
            task_queue=names.GOVERNOR_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=self._summary,
        )

    async def exchange(self, exchange: Exchange) -> LeaseAnswer:
        """The governor's answer; raises `UnavailableError` when there is none within ten
        seconds.
        """
        start: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
            names.GOVERNOR_WORKFLOW,
            self._first,
            id=self._id,
            task_queue=names.GOVERNOR_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=self._summary,
        )
        try:
            async with asyncio.timeout(_ANSWER_WITHIN.total_seconds()):
                answer: LeaseAnswer = await self._client.execute_update_with_start_workflow(
                    names.EXCHANGE, exchange, start_workflow_operation=start, result_type=LeaseAnswer
                )
                return answer
        except (RPCError, FailureError, TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # The SDK turns a cancelled call into an error of its own, and the caller would go
                # on forever.
                raise asyncio.CancelledError from error
            detail = f"no answer from {self._id}: {type(error).__name__}"
            raise UnavailableError(system="The governor", detail=detail) from error
