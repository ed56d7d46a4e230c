"""The activities and workflows of each worker role.

Four roles, because their work waits for different things: `lanes` reads streams and must never
be late for a long poll; `batches` decodes and loads, and is busy; `backfill` reads millions of
rows, or replays what was landed, and may be late; `writebacks` writes into the org and posts to
webhooks, and has deadlines. One process may have all.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from importlib import import_module

from temporalio.client import Client
from temporalio.worker import Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from activities.runtime.log_interceptor import LogFieldsInterceptor
from activities.runtime.org_interceptor import OrgGuardInterceptor
from activities.runtime.span_interceptor import SpanInterceptor
from schemas import names
from schemas.webhook.limits import MOST_WEBHOOKS
from workers.deployment.version import build_of, deployment_config
from workers.queues import Activities, Process
from workflows import WORKFLOWS, GovernorWorkflow, PlannerWorkflow
from workflows.pinned import of_a_version

PASSED_THROUGH = ("schemas", "transforms", "workflows", "pydantic", "pyarrow", "numpy", "yaml", "orjson")
"""Modules that the workflow sandbox does not import again for every run: 8 ms instead of 212."""
DRAIN = timedelta(seconds=8)
"""For steps at work when a worker begins to end; they are cancelled then."""
_EVERYWHERE: list[type] = [GovernorWorkflow, PlannerWorkflow]
"""Workflows that every process serves."""


class Role(StrEnum):
    """The tasks of a worker process."""

    ALL = "all"
    LANES = "lanes"
    BATCHES = "batches"
    BACKFILL = "backfill"
    WRITEBACKS = "writebacks"

    def includes(self, other: "Role") -> bool:
        """True when a process of this role does what `other` does."""
        return self in (Role.ALL, other)


@dataclass(frozen=True)
class ServedQueue:
    """One task queue of activities."""

    role: Role
    queue: str
    at_once: int
    """Activities that one process runs at the same time."""
    place: str
    """The module of `workers.queues`, and the function there that makes the activities."""

    def activities(self, process: Process) -> Activities:
        """The activities of the queue. Only a process that serves it imports them."""
        module, _, function = self.place.partition(":")
        made: Activities = getattr(import_module(f"workers.queues.{module}"), function)(process)
        return made


SERVED = (
    # A batch that waits for its turn takes a place, and costs nothing else.
    ServedQueue(Role.BATCHES, names.BATCH_QUEUE, 600, "batches:batch_activities"),
    # Beside the backfills, so that decoding a day again does not take the interpreter from the
    # lanes' batches. Two at once: one group is decoded while the other is in the warehouse.
    ServedQueue(Role.BACKFILL, names.REPLAY_QUEUE, 2, "backfill:replay_activities"),
    ServedQueue(Role.BACKFILL, names.ERASURE_QUEUE, 1, "backfill:erasure_activities"),
    ServedQueue(Role.LANES, names.LANE_QUEUE, 20, "lanes:lane_activities"),
    ServedQueue(Role.LANES, names.ORG_QUEUE, 20, "lanes:limit_activities"),
    ServedQueue(Role.BACKFILL, names.BACKFILL_QUEUE, 8, "backfill:backfill_activities"),
    ServedQueue(Role.BACKFILL, names.RECONCILE_QUEUE, 4, "backfill:reconcile_activities"),
    ServedQueue(Role.WRITEBACKS, names.WRITEBACK_QUEUE, 20, "writebacks:writeback_activities"),
    # One for each webhook, so that a receiver that hangs takes nobody's place. They wait, mostly.
    ServedQueue(Role.WRITEBACKS, names.WEBHOOK_QUEUE, MOST_WEBHOOKS, "writebacks:webhook_activities"),
)
"""In the order in which workers start. They stop together: a process drains once, whatever the
number of its queues.
"""


def activity_workers(process: Process, role: Role) -> list[Worker]:
    """One worker for each task queue of the role."""
    return [_activity_worker(process, row) for row in SERVED if role.includes(row.role)]


def _activity_worker(process: Process, row: ServedQueue) -> Worker:
    deployment = deployment_config(process.parts.settings)
    return Worker(
        process.clients.temporal,
        task_queue=row.queue,
        activities=row.activities(process),
        interceptors=[
            SpanInterceptor(),
            LogFieldsInterceptor(),
            ErrorTranslationInterceptor(),
            OrgGuardInterceptor(process.parts.settings.salesforce.org_id),
        ],
        max_concurrent_activities=row.at_once,
        max_heartbeat_throttle_interval=timedelta(seconds=2),
        graceful_shutdown_timeout=DRAIN,
        build_id=build_of(deployment),
        deployment_config=deployment,
    )


def workflow_worker(client: Client, deployment: WorkerDeploymentConfig | None = None) -> Worker:
    """Of the role `batches`: all workflows but those that every process serves.

    Args:
        client: Of the server.
        deployment: How workers of a version poll. None = a worker without a version.
    """
    served = [each for each in WORKFLOWS if each not in _EVERYWHERE]
    return Worker(
        client,
        task_queue=names.WORKFLOW_QUEUE,
        workflows=served if deployment is None else of_a_version(served),
        workflow_runner=sandboxed_runner(),
        max_cached_workflows=200,
        max_concurrent_workflow_tasks=20,
        graceful_shutdown_timeout=DRAIN,
        build_id=build_of(deployment),
        deployment_config=deployment,
    )


def governor_worker(client: Client, deployment: WorkerDeploymentConfig | None = None) -> Worker:
    """In every process: the budgets, and the plan, must have an owner as long as anything runs."""
    return Worker(
        client,
        task_queue=names.GOVERNOR_QUEUE,
        workflows=_EVERYWHERE,
        workflow_runner=sandboxed_runner(),
        graceful_shutdown_timeout=DRAIN,
        build_id=build_of(deployment),
        deployment_config=deployment,
    )


def sandboxed_runner() -> SandboxedWorkflowRunner:
    """The workflow sandbox with our own packages passed through; workers and replay tests use the
    same.
    """
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    )
