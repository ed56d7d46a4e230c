"""Workflows whose runs end with the release that began them. Workers of a version serve these types
in place of the plain ones of the same name.

Temporal refuses a behaviour from a worker without a version, so the plain types have none. Types
that are not listed in `PINNED` upgrade: that is the default of every version
(`workers/deployment/version.py`). A type is pinned when its runs last seconds: old workers are
needed for no longer than that.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ingest.messages import BatchResult
    from schemas.ingest.raw import Manifest
    from schemas.writeback.messages import WritebackBatchInput
    from schemas.writeback.preview import Previewed, PreviewInput
    from workflows.change_batch import ChangeBatchWorkflow
    from workflows.writeback_batch import WritebackBatchWorkflow
    from workflows.writeback_preview import WritebackPreviewWorkflow


@workflow.defn(name=names.CHANGE_BATCH_WORKFLOW, versioning_behavior=VersioningBehavior.PINNED)
class PinnedChangeBatchWorkflow(ChangeBatchWorkflow):
    """A batch is staged and applied by one release."""

    @workflow.run
    async def run(self, manifest: Manifest) -> BatchResult:
        return await super().run(manifest)


@workflow.defn(name=names.WRITEBACK_BATCH_WORKFLOW, versioning_behavior=VersioningBehavior.PINNED)
class PinnedWritebackBatchWorkflow(WritebackBatchWorkflow):
    """A batch of writebacks is sent and looked up by one release."""

    @workflow.run
    async def run(self, request: WritebackBatchInput) -> None:
        await super().run(request)


@workflow.defn(name=names.WRITEBACK_PREVIEW_WORKFLOW, versioning_behavior=VersioningBehavior.PINNED)
class PinnedWritebackPreviewWorkflow(WritebackPreviewWorkflow):
    """A dry run is one step of one release."""

    @workflow.run
    async def run(self, request: PreviewInput) -> Previewed:
        return await super().run(request)


PINNED: Final[Mapping[type, type]] = {
    ChangeBatchWorkflow: PinnedChangeBatchWorkflow,
    WritebackBatchWorkflow: PinnedWritebackBatchWorkflow,
    WritebackPreviewWorkflow: PinnedWritebackPreviewWorkflow,
}
"""Plain type -> the one that workers of a version serve."""


def of_a_version(workflows: Iterable[type]) -> list[type]:
    """The types as workers of a version serve them: some pinned, the others as they are."""
    return [PINNED.get(each, each) for each in workflows]
