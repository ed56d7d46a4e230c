"""Updates of workflows that run for good: an act that is answered, or refused with a reason."""

from datetime import timedelta
from typing import TypeVar

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal.run_views import translated_temporal
from schemas.errors import ActRefusedError, UnavailableError
from schemas.message import Message

M = TypeVar("M", bound=Message)
ANSWER_WITHIN = timedelta(seconds=10)


async def send_update(
    client: Client,
    workflow_id: str,
    name: str,
    request: Message,
    state: type[M],
    within: timedelta = ANSWER_WITHIN,
) -> M | None:
    """Have a workflow do something, and wait for its answer; None = it does not run.

    Args:
        client: Of the server that has it.
        workflow_id: Its id.
        name: The update, as in `schemas.names`.
        request: The update's argument.
        state: What it answers.
        within: The longest wait for the answer.

    Raises:
        ActRefusedError: The workflow refuses it.
        UnavailableError: No worker answers in time.
    """
    handle = client.get_workflow_handle(workflow_id)
    try:
        with translated_temporal():
            answer: M = await handle.execute_update(name, request, result_type=state, rpc_timeout=within)
            return answer
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        raise ActRefusedError(
            detail=cause.message if isinstance(cause, ApplicationError) else str(cause)
        ) from error
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise UnavailableError(system="Temporal", detail=f"no worker answers for {workflow_id}") from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
