"""Retention runs whose activities do what a test says, under the names of the real ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.errors import TerminalError
from schemas.ingest.messages import Act
from schemas.security.retention import RetentionInput, RetentionPlan, RetentionTask, TaskDone, TaskInput, Work
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS

NOW = datetime(2028, 2, 4, 3, 0, tzinfo=UTC)


def task(work: Work, target: str, month: str = "") -> RetentionTask:
    return RetentionTask(work=work, target=target, month=month, rule="a rule", due_since=NOW)


TASKS = (
    task(Work.REMOVE, "raw"),
    task(Work.ARCHIVE, "audit.case_change", "2028-01"),
    task(Work.VERIFY, "audit.case_change", "2028-01"),
    task(Work.DROP, "audit.account_change", "2026-01"),
    task(Work.EXPIRE, "audit.account_change", "2021-01"),
)


@dataclass
class ScriptedRetention:
    """Does every task but those on a table that `fails` names."""

    fails: frozenset[str] = frozenset()
    done: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    @activity.defn(name=names.PLAN_RETENTION)
    async def plan_retention(self, request: RetentionInput) -> RetentionPlan:
        assert request.now is not None
        return RetentionPlan(now=request.now, tasks=TASKS)

    @activity.defn(name=names.DO_RETENTION)
    async def do_retention(self, request: TaskInput) -> TaskDone:
        given = request.task
        if given.target in self.fails:
            raise TerminalError("the archive's bucket has no Object Lock")
        self.done.append(f"{given.work} {given.target} {given.month}".strip())
        return TaskDone(task=given, objects=3, rows=20, bytes=1_000)

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        self.acts.append(act)
        return len(self.acts)


@asynccontextmanager
async def retention_workers(client: Client, script: ScriptedRetention) -> AsyncIterator[None]:
    """Workers for retention runs."""
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(
            client,
            task_queue=names.BACKFILL_QUEUE,
            activities=[script.plan_retention, script.do_retention],
            interceptors=[ErrorTranslationInterceptor()],
        ),
        Worker(client, task_queue=names.BATCH_QUEUE, activities=[script.record_act]),
    ):
        yield
