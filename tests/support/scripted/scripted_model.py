"""Builds of the reporting model whose activity gives what a test says, under the name of the real
one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.errors import TidegateError
from schemas.model import ModelBuildInput, ModelProblem, ModelRun
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS

FAILED = ModelProblem(name="test.tidegate.unique_dim_account", status="fail", detail="Got 2 results")


@dataclass
class ScriptedModel:
    """Fails as often as `failures` says, then gives `answer`."""

    answer: ModelRun = field(default_factory=lambda: ModelRun(models=46, tests=130, seconds=9.5))
    failures: list[TidegateError] = field(default_factory=list)
    asked: list[ModelBuildInput] = field(default_factory=list)

    @activity.defn(name=names.BUILD_MODEL)
    async def build_model(self, request: ModelBuildInput) -> ModelRun:
        self.asked.append(request)
        if self.failures:
            raise self.failures.pop(0)
        return self.answer


@asynccontextmanager
async def model_workers(client: Client, script: ScriptedModel) -> AsyncIterator[None]:
    """Workers for builds."""
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(
            client,
            task_queue=names.BACKFILL_QUEUE,
            activities=[script.build_model],
            interceptors=[ErrorTranslationInterceptor()],
        ),
    ):
        yield
