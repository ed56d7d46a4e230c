"""The trace that a batch's observations point at."""

from collections.abc import Callable

TraceOf = Callable[[str], str | None]
"""Workflow id of a batch -> its trace id in hex; None: it is not traced."""
_trace_of: TraceOf | None = None


def trace_by(trace_of: TraceOf | None) -> None:
    """Give histograms of changes an exemplar by this function; None: none."""
    global _trace_of
    _trace_of = trace_of


def trace_id_of(workflow_id: str) -> str | None:
    """The trace of a batch; None without tracing."""
    return None if _trace_of is None else _trace_of(workflow_id)
