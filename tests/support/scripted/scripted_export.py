"""Exports whose activity gives what a test says, under the name of the real one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.export import ExportTables
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.errors import TidegateError
from schemas.model.export import ExportInput, ExportRun
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS


@dataclass
class ScriptedExport:
    """Fails as often as `failures` says, then gives `answer`."""

    answer: ExportRun = field(default_factory=lambda: ExportRun(objects=5, written=5, seconds=2.5))
    failures: list[TidegateError] = field(default_factory=list)

    @activity.defn(name=names.EXPORT_TABLES)
    async def export_tables(self, request: ExportInput) -> ExportRun:
        if self.failures:
            raise self.failures.pop(0)
        return self.answer


@asynccontextmanager
async def export_workers(client: Client, exports: ScriptedExport | ExportTables) -> AsyncIterator[None]:
    """Workers for exports."""
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(
            client,
            task_queue=names.BACKFILL_QUEUE,
            activities=[exports.export_tables],
            interceptors=[ErrorTranslationInterceptor()],
        ),
    ):
        yield
