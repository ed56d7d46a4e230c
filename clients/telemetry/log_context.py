"""The work at hand, for every line that is logged while it is done: a step, or a request.

It lives in a context variable, so that a thread or a task that the work starts has it, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from schemas.ids import batch_of_workflow, trace_id_of

LogFields = dict[str, str | int]

_FIELDS: ContextVar[LogFields] = ContextVar("tidegate_log_fields", default={})  # noqa: B039 -- it is never changed, only replaced


@contextmanager
def log_fields(**fields: str | int) -> Iterator[None]:
    """Add fields to each line that is logged inside the context.

    A field that is set outside keeps its value unless it is given again.
    """
    token = _FIELDS.set({**_FIELDS.get(), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def current_fields() -> LogFields:
    """The fields of the work at hand; empty outside of any. Do not change them."""
    return _FIELDS.get()


def fields_of_workflow(workflow_id: str, run_id: str) -> LogFields:
    """The fields that a workflow id implies: the trace, and the batch when it is a batch's."""
    fields: LogFields = {
        "workflow_id": workflow_id,
        "run_id": run_id,
        "trace_id": trace_id_of(workflow_id),
    }
    if (batch := batch_of_workflow(workflow_id)) is not None:
        fields["batch"] = batch
    return fields
