"""Commands and failures in words: a replay is compared by them, and a schedule's end told."""

from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.workflow_commands import WorkflowCommand


def words(command: WorkflowCommand) -> str:
    """The part of a command to which a history holds a replay."""
    kind = command.WhichOneof("variant") or ""
    body = getattr(command, kind)
    named = [
        str(getattr(body, name))
        for name in ("seq", "activity_type", "workflow_type", "workflow_id", "patch_id", "signal_name")
        if name in body.DESCRIPTOR.fields_by_name
    ]
    return " ".join([kind, *named])


def innermost(failure: Failure) -> str:
    """The message of a failure's first cause, and where it came from."""
    found = failure
    while found.HasField("cause"):
        found = found.cause
    return f"{found.message}\n{failure.stack_trace}"
