"""An export of curated tables as Parquet, for engines that do not ask the warehouse."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.model.export import ExportInput, ExportRun
    from workflows.contracts.export import EXPORT_TABLES
    from workflows.runtime import run

_NAMED = 20
"""Objects that the failure names."""
_LONGEST = 150
"""Characters that it gives to each: the server keeps 4 KiB of a failure."""


@workflow.defn(name=names.EXPORT_WORKFLOW)
class ExportWorkflow:
    """`export/{org}`. Returns what was exported; fails when an object was not."""

    @workflow.run
    async def run(self, request: ExportInput) -> ExportRun:
        done = await run(EXPORT_TABLES, request, summary="export curated tables")
        told = f"{done.objects} objects, {done.written} of them written, {done.seconds:.0f} s"
        workflow.set_current_details(told)
        if done.problems:
            named = [f"{each.object}: {each.detail}"[:_LONGEST] for each in done.problems[:_NAMED]]
            others = len(done.problems) - len(named)
            named += [f"and {others} more"] if others else []
            raise ApplicationError("; ".join(named), type="ExportFailed", non_retryable=True)
        return done
