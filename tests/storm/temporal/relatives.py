"""The commands by which runs reach others: children, signals and cancellations. A function is
called as the command that it carries out.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.child_workflow import ChildWorkflowResult, ParentClosePolicy
from temporalio.bridge.proto.workflow_activation import (
    ResolveChildWorkflowExecution,
    ResolveChildWorkflowExecutionStart,
    ResolveRequestCancelExternalWorkflow,
    ResolveSignalExternalWorkflow,
    WorkflowActivationJob as Job,
)
from temporalio.common import WorkflowIDReusePolicy

from tests.storm.temporal.policies import AlreadyStartedError, NotFoundError
from tests.storm.temporal.run import Run, Started

if TYPE_CHECKING:
    from tests.storm.temporal.server import Server

_ALREADY_EXISTS = 1


def start_child_workflow_execution(server: "Server", run: Run, body: Any) -> None:
    """Start a child, and tell its parent whether there is one."""
    told = ResolveChildWorkflowExecutionStart(seq=body.seq)
    started = Started(
        workflow_id=body.workflow_id,
        kind=body.workflow_type,
        queue=body.task_queue,
        arguments=tuple(body.input),
        memo=dict(body.memo),
        headers=dict(body.headers),
        parent=run,
        parent_seq=body.seq,
        parent_close_policy=body.parent_close_policy,
    )
    try:
        reuse = WorkflowIDReusePolicy(body.workflow_id_reuse_policy or 1)
        told.succeeded.run_id = server.start(started, reuse).run_id
    except AlreadyStartedError:
        told.failed.workflow_id, told.failed.workflow_type = body.workflow_id, body.workflow_type
        told.failed.cause = _ALREADY_EXISTS  # type: ignore[assignment]
    run.give(Job(resolve_child_workflow_execution_start=told))


def cancel_child_workflow_execution(server: "Server", run: Run, body: Any) -> None:
    """Ask a child to end."""
    for child in _children(server, run):
        if child.started.parent_seq == body.child_workflow_seq:
            server.cancel(child)


def signal_external_workflow_execution(server: "Server", run: Run, body: Any) -> None:
    """Signal another run, which may not be there."""
    target = body.child_workflow_id or body.workflow_execution.workflow_id
    told = ResolveSignalExternalWorkflow(seq=body.seq)
    _reach(
        server,
        target,
        told,
        lambda found: server.signal(found, body.signal_name, list(body.args), body.headers),
    )
    run.give(Job(resolve_signal_external_workflow=told))


def request_cancel_external_workflow_execution(server: "Server", run: Run, body: Any) -> None:
    """Ask another run to end."""
    told = ResolveRequestCancelExternalWorkflow(seq=body.seq)
    _reach(server, body.workflow_execution.workflow_id, told, server.cancel)
    run.give(Job(resolve_request_cancel_external_workflow=told))


def tell_parent(run: Run) -> None:
    """A run has ended: its parent hears how."""
    parent = run.started.parent
    if parent is None or run.status == "CONTINUED":
        return
    result = ChildWorkflowResult()
    if run.status == "COMPLETED":
        result.completed.SetInParent()
        if run.result is not None:
            result.completed.result.CopyFrom(run.result)
    else:
        failure = Failure(message="child workflow failed", cause=run.failure)
        info = failure.child_workflow_execution_failure_info
        info.workflow_execution.workflow_id = run.started.workflow_id
        info.workflow_type.name = run.started.kind
        if run.status == "CANCELED":
            result.cancelled.failure.CopyFrom(failure)
            result.cancelled.failure.cause.canceled_failure_info.SetInParent()
        else:
            result.failed.failure.CopyFrom(failure)
    seq = run.started.parent_seq
    parent.give(Job(resolve_child_workflow_execution=ResolveChildWorkflowExecution(seq=seq, result=result)))


def end_children(server: "Server", run: Run) -> None:
    """A run has ended: its children end as they were started to."""
    for child in _children(server, run):
        if child.started.parent_close_policy == ParentClosePolicy.PARENT_CLOSE_POLICY_TERMINATE:
            server.terminate(child)
        elif child.started.parent_close_policy == ParentClosePolicy.PARENT_CLOSE_POLICY_REQUEST_CANCEL:
            server.cancel(child)


def _children(server: "Server", run: Run) -> list[Run]:
    newest = [runs[-1] for runs in server.runs.values()]
    return [each for each in newest if each.started.parent is run and each.is_open]


def _reach(server: "Server", workflow_id: str, told: Any, act: Callable[[Run], None]) -> None:
    try:
        act(server.open_run(workflow_id))
    except NotFoundError:
        told.failure.message = f"there is no {workflow_id}"
        told.failure.application_failure_info.type = "NotFound"
