"""Run control: start, find, join, steer, list and describe the runs of every kind
(`clients.temporal.run_kinds`).

A run's id is derived from what is asked, so asking again finds it. A run that failed or was
cancelled is started again. A run under way is joined when it was asked the same, and refused
when it was not.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from clients.temporal.run_kinds import RunKind
from clients.temporal.run_views import RunDescription, seen, translated_temporal
from schemas import names
from schemas.errors import TerminalError
from schemas.ingest.messages import PauseInput
from schemas.message import Message

M = TypeVar("M", bound=Message)

_CANCELLED = "cancelled"
"""The stage of a run that an operator has ended."""
_NOT_CONTENT = {"by", "reason"}
"""Fields of an input that say who asks and why, not what is to be done."""


class RunExistsError(TerminalError):
    """A run of that name exists and was asked to do something else."""

    code = "RunExistsError"

    def __init__(self, *, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        super().__init__(
            f"{workflow_id} exists and was asked to do something else. Look at what it does and wait for its end, "
            "or give yours another name."
        )


@dataclass(frozen=True)
class Started:
    """A run that was asked for."""

    workflow_id: str
    run_id: str
    is_new: bool
    """False when it was there before."""
    ended_at: datetime | None = None
    """When a run that was there before had ended; None = it runs."""


def content(request: Message) -> dict[str, Any]:
    """The question of a run as plain values: its input without who asks and why."""
    return request.model_dump(mode="json", exclude=_NOT_CONTENT)


async def start_run(client: Client, kind: RunKind, request: Message, *, again: bool | None = None) -> Started:
    """Start a run, or join the one under way that was asked the same.

    Args:
        client: Must convert with `pydantic_data_converter`.
        kind: The row of `run_kinds`.
        request: The workflow's input.
        again: True = also start a run again that has ended well. None = as the kind does
            (`RunKind.repeats`).

    Raises:
        RunExistsError: A run with this id was asked something else.
        UnavailableError: Temporal does not answer.
    """
    again = kind.repeats if again is None else again
    workflow_id = kind.workflow_id(request)
    reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    with translated_temporal():
        while True:
            try:
                handle = await client.start_workflow(
                    kind.workflow_type,
                    request,
                    id=workflow_id,
                    task_queue=names.WORKFLOW_QUEUE,
                    id_reuse_policy=reuse,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    **kind.options(request),
                )
            except WorkflowAlreadyStartedError:
                found = await _newest(client, workflow_id)
                if found.is_restartable(again=again):
                    reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE
                    continue
                await _refuse_another(client, found, request)
                return Started(workflow_id, found.look.run_id, is_new=False, ended_at=found.look.ended_at)
            return Started(workflow_id, handle.first_execution_run_id or "", is_new=True)


@dataclass(frozen=True)
class _Newest:
    look: RunDescription
    first_run: str
    """The run of its chain whose history begins with the question."""

    def is_restartable(self, *, again: bool) -> bool:
        if self.look.status == "running":
            return False
        return again or self.look.status != "completed" or self.look.stage == _CANCELLED


async def _newest(client: Client, workflow_id: str) -> _Newest:
    described = await client.get_workflow_handle(workflow_id).describe()
    first_run = described.raw_description.workflow_execution_info.first_run_id or described.run_id
    return _Newest(seen(described), first_run)


async def _refuse_another(client: Client, found: _Newest, request: Message) -> None:
    """Raise `RunExistsError` when the run was asked something else."""
    asked = await _input(client, found.look.workflow_id, found.first_run, type(request))
    if asked is None or content(asked) != content(request):
        raise RunExistsError(workflow_id=found.look.workflow_id)


def run_handle(client: Client, kind: RunKind, found: Started | RunDescription) -> WorkflowHandle[Any, Any]:
    """Temporal's handle of a run from `start_run` or `look`; its result is the kind's state."""
    return client.get_workflow_handle(found.workflow_id, run_id=found.run_id, result_type=kind.state)


async def _input(client: Client, workflow_id: str, run_id: str, kind: type[M]) -> M | None:
    """The input that a workflow was started with; None when it has another type."""
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    async for event in handle.fetch_history_events(page_size=1):
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        try:
            [found] = await client.data_converter.decode(payloads, [kind])
        except (ValidationError, ValueError):
            return None
        return found if isinstance(found, kind) else None
    return None


async def signal(client: Client, workflow_id: str, name: str, request: PauseInput) -> bool:
    """Send `pause`, `resume` or `cancel`; False when the workflow does not run."""
    with translated_temporal():
        try:
            await client.get_workflow_handle(workflow_id).signal(name, request)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
    return True
