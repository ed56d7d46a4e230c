"""A build of the reporting model: what was applied since the last one, and the model's tests."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.model import ModelBuildInput, ModelRun
    from workflows.contracts.model import BUILD_MODEL
    from workflows.runtime import run

_NAMED = 20
"""Problems that the failure names."""


@workflow.defn(name=names.MODEL_WORKFLOW)
class ModelWorkflow:
    """`model/{org}`. Returns what was built; fails when a model or a test failed."""

    @workflow.run
    async def run(self, request: ModelBuildInput) -> ModelRun:
        done = await run(BUILD_MODEL, request, summary="build the reporting model")
        workflow.set_current_details(f"{done.models} models, {done.tests} tests, {done.seconds:.0f} s")
        if not done.is_well:
            told = "; ".join(f"{each.name} {each.status}" for each in done.problems[:_NAMED])
            raise ApplicationError(told, type="ModelBuildFailed", non_retryable=True)
        return done
