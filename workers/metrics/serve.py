"""From settings to the metrics that a process serves."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import lru_cache

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from clients.metrics.registry import name_process
from clients.metrics.server import serving, watching_loop
from schemas.settings.metrics import MetricsSettings

_TASK_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0]
_SHORT_BUCKETS = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]
_SDK_BUCKETS = {
    "temporal_activity_schedule_to_start_latency": _TASK_BUCKETS,
    "temporal_workflow_task_schedule_to_start_latency": _TASK_BUCKETS,
    "temporal_activity_execution_latency": _TASK_BUCKETS,
    "temporal_request_latency": _SHORT_BUCKETS,
}


_IN_OUR_LOG = LoggingConfig(
    filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
    # Fields hold the words of failures, which may quote a value (law 7).
    forwarding=LogForwardingConfig(
        logger=logging.getLogger("temporalio.core"), append_log_fields_to_message=False
    ),
)
"""The SDK's own lines would be text in colours, whatever the format of the log is."""


@asynccontextmanager
async def serving_metrics(settings: MetricsSettings, process: str) -> AsyncIterator[None]:
    """Serve this process's metrics, if the settings give a port. `process`: a role, `api` or
    `metrics`.
    """
    name_process(process)
    async with AsyncExitStack() as stack:
        if settings.port:
            stack.enter_context(serving(settings.host, settings.port))
            await stack.enter_async_context(watching_loop())
        yield


def sdk_runtime(settings: MetricsSettings) -> Runtime:
    """The Temporal SDK's runtime: it serves its own metrics on the next port, where metrics are
    served, and its lines are lines of this process's log.
    """
    return _runtime(f"{settings.host}:{settings.port + 1}" if settings.port else "")


@lru_cache(maxsize=1)
def _runtime(address: str) -> Runtime:
    # One for the life of the process: its port is never given back.
    served = (
        None
        if not address
        else PrometheusConfig(
            bind_address=address,
            counters_total_suffix=True,
            unit_suffix=True,
            durations_as_seconds=True,
            histogram_bucket_overrides=_SDK_BUCKETS,
        )
    )
    return Runtime(telemetry=TelemetryConfig(logging=_IN_OUR_LOG, metrics=served))
