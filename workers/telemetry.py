"""Logs and traces of a process, from settings."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from temporalio.client import Plugin

from clients.telemetry.log_lines import no_span
from clients.telemetry.log_setup import set_up_logs
from clients.telemetry.spans import current_span, install, is_on
from workers.settings import Settings


@contextmanager
def telemetry(settings: Settings, process: str) -> Iterator[None]:
    """Set up the process's logs, and its traces when an endpoint is configured. Left, spans are
    sent for a few seconds more.

    It must be entered before a client of Temporal connects. `process` is its name in both, such
    as `worker-lanes`.
    """
    org = settings.salesforce.org_id
    span_ids: Callable[[], tuple[str, str] | None] = no_span
    close: Callable[[], None] = lambda: None  # noqa: E731
    if settings.telemetry.endpoint is not None:
        # Only here: a process without traces does not pay for the import, 0.3 s.
        from clients.telemetry.otel import OtelSpans

        spans = OtelSpans(settings.telemetry, org=org, process=process)
        install(spans)
        span_ids, close = _span_ids, spans.close
    set_up_logs(settings.log, org=org, process=process, span_ids=span_ids)
    try:
        yield
    finally:
        install(None)
        close()


def temporal_plugins() -> Sequence[Plugin]:
    """The plugin that carries the span at hand into workflows and on to their steps; none where no
    spans are made.
    """
    if not is_on():
        return ()
    from temporalio.contrib.opentelemetry import OpenTelemetryPlugin

    return (OpenTelemetryPlugin(add_temporal_spans=False),)


def _span_ids() -> tuple[str, str] | None:
    here = current_span()
    return None if here is None else (here.trace_id, here.span_id)
