"""What happens, in which order, for as long as it takes."""

from workflows.change_batch import ChangeBatchWorkflow
from workflows.lane import LaneWorkflow

WORKFLOWS = [LaneWorkflow, ChangeBatchWorkflow]
"""Every workflow type that a worker serves."""

__all__ = ["WORKFLOWS", "ChangeBatchWorkflow", "LaneWorkflow"]
