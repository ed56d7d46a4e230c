"""What happens, in which order, for as long as it takes."""

from workflows.change_batch import ChangeBatchWorkflow
from workflows.governor import GovernorWorkflow
from workflows.lane import LaneWorkflow
from workflows.planner import PlannerWorkflow

WORKFLOWS = [LaneWorkflow, ChangeBatchWorkflow, GovernorWorkflow, PlannerWorkflow]
"""Every workflow type that a worker serves."""

__all__ = ["WORKFLOWS", "ChangeBatchWorkflow", "GovernorWorkflow", "LaneWorkflow", "PlannerWorkflow"]
