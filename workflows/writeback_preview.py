"""A dry run of writebacks for those who may not call the org themselves: one look, and its
answer.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.writeback.preview import Previewed, PreviewInput
    from workflows.contracts.writeback import PREVIEW_WRITEBACKS
    from workflows.runtime import run


@workflow.defn(name=names.WRITEBACK_PREVIEW_WORKFLOW)
class WritebackPreviewWorkflow:
    """`preview/{org}/{name}`."""

    @workflow.run
    async def run(self, request: PreviewInput) -> Previewed:
        return await run(PREVIEW_WRITEBACKS, request, summary="what writebacks would do")
