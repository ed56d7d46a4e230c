"""Two workflows as a next release could have them, each with one step more than the present one.

The pinned one is changed without a guard, because no run of it meets another release. The one that
upgrades is guarded.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior

from schemas import names
from schemas.ingest.messages import BatchResult, LaneInput
from schemas.ingest.raw import Manifest
from workflows import ChangeBatchWorkflow, LaneWorkflow

MARK = "next-release"
_STEP = timedelta(milliseconds=1)


@workflow.defn(name=names.CHANGE_BATCH_WORKFLOW, versioning_behavior=VersioningBehavior.PINNED)
class NextChangeBatchWorkflow(ChangeBatchWorkflow):
    """Waits before it stages."""

    @workflow.run
    async def run(self, manifest: Manifest) -> BatchResult:
        await workflow.sleep(_STEP)
        return await super().run(manifest)


@workflow.defn(name=names.LANE_WORKFLOW)
class NextLaneWorkflow(LaneWorkflow):
    """Waits before it follows, where its history began with this release."""

    @workflow.init
    def __init__(self, lane: LaneInput) -> None:
        super().__init__(lane)

    @workflow.run
    async def run(self, lane: LaneInput) -> None:
        if workflow.patched(MARK):
            await workflow.sleep(_STEP)
        await super().run(lane)


NEXT = {ChangeBatchWorkflow: NextChangeBatchWorkflow, LaneWorkflow: NextLaneWorkflow}
"""Workflow of the present release -> of the next one."""
