"""Shared by all workflows: run an activity, name a failure, see that the history is long, keep the
audit log.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from schemas.ingest.messages import Act
    from workflows.contracts.audit import RECORD_ACT
    from workflows.contracts.contract import Contract, In, Out

LONGEST_HISTORY = 1_500
"""Events of a run: to replay more costs a second of processor time."""


async def run(contract: Contract[In, Out], request: In, *, summary: str) -> Out:
    """Run an activity to its end. Raises `ActivityError` when it fails for good or the run is
    cancelled.

    Args:
        contract: The activity.
        request: Its input.
        summary: What the Web UI shows beside the activity's name.
    """
    return await start(contract, request, summary=summary)


def start(contract: Contract[In, Out], request: In, *, summary: str) -> workflow.ActivityHandle[Out]:
    """Schedule an activity and go on; as `run`, for callers that wait for something else, too, or
    cancel it.
    """
    return workflow.start_activity(
        contract.name,
        request,
        task_queue=contract.queue,
        result_type=contract.output,
        schedule_to_close_timeout=contract.schedule_to_close,
        start_to_close_timeout=contract.start_to_close,
        heartbeat_timeout=contract.heartbeat,
        retry_policy=contract.retry,
        cancellation_type=contract.cancellation,
        summary=summary,
    )


def failure_message(error: BaseException) -> str:
    """The message of the failed code itself, without Temporal's wrapping.

    The first `ApplicationError` of the chain has it. A timeout has none: then the innermost
    failure says which timeout.
    """
    chain = _chain(error)
    said = next((each for each in chain if isinstance(each, ApplicationError)), chain[-1])
    return said.message if isinstance(said, FailureError) else str(said)


def failure_kinds(error: BaseException) -> set[str]:
    """The types (`TidegateError.code`) of all application errors in the chain."""
    return {each.type for each in _chain(error) if isinstance(each, ApplicationError) and each.type}


def _chain(error: BaseException) -> list[BaseException]:
    """The error and the failures that it came from, the origin last."""
    found = [error]
    while isinstance(found[-1].__cause__, FailureError):
        found.append(found[-1].__cause__)
    return found


def is_history_long(longest: int | None = None) -> bool:
    """True when the run should continue as new: the server suggests it, or there are too many events.

    Args:
        longest: How many events are not too many. None = `LONGEST_HISTORY`.
    """
    info = workflow.info()
    most = LONGEST_HISTORY if longest is None else longest
    return info.is_continue_as_new_suggested() or info.get_current_history_length() > most


async def keep_record(acts: list[Act]) -> None:
    """Write each act into the audit log as it comes, and take it off the list then (law 9). Never
    ends: run it as a task.
    """
    while True:
        await workflow.wait_condition(lambda: bool(acts))
        act = acts[0]
        await run(RECORD_ACT, act, summary=f"record {act.act}")
        acts.pop(0)
