"""Workflows: the order of the steps, for as long as they take."""

from workflows.backfill import BackfillWorkflow
from workflows.change_batch import ChangeBatchWorkflow
from workflows.drift import DriftWorkflow
from workflows.erasure import ErasureWorkflow
from workflows.export import ExportWorkflow
from workflows.governor import GovernorWorkflow
from workflows.lane import LaneWorkflow
from workflows.model import ModelWorkflow
from workflows.planner import PlannerWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.refresh import RefreshWorkflow
from workflows.repair import RepairWorkflow
from workflows.replay import ReplayWorkflow
from workflows.retention import RetentionWorkflow
from workflows.rotate_keys import RotateKeysWorkflow
from workflows.webhook import WebhookWorkflow
from workflows.writeback_batch import WritebackBatchWorkflow
from workflows.writeback_preview import WritebackPreviewWorkflow
from workflows.writeback_queue import WritebackQueueWorkflow

WORKFLOWS = [
    LaneWorkflow,
    ChangeBatchWorkflow,
    GovernorWorkflow,
    PlannerWorkflow,
    BackfillWorkflow,
    ReplayWorkflow,
    ReconcileWorkflow,
    WritebackQueueWorkflow,
    WritebackBatchWorkflow,
    WritebackPreviewWorkflow,
    RepairWorkflow,
    DriftWorkflow,
    RefreshWorkflow,
    RetentionWorkflow,
    ErasureWorkflow,
    RotateKeysWorkflow,
    ModelWorkflow,
    ExportWorkflow,
    WebhookWorkflow,
]
"""Every workflow type that a worker serves."""

__all__ = [
    "WORKFLOWS",
    "BackfillWorkflow",
    "ChangeBatchWorkflow",
    "DriftWorkflow",
    "ErasureWorkflow",
    "ExportWorkflow",
    "GovernorWorkflow",
    "LaneWorkflow",
    "ModelWorkflow",
    "PlannerWorkflow",
    "ReconcileWorkflow",
    "RefreshWorkflow",
    "RepairWorkflow",
    "ReplayWorkflow",
    "RetentionWorkflow",
    "RotateKeysWorkflow",
    "WebhookWorkflow",
    "WritebackBatchWorkflow",
    "WritebackPreviewWorkflow",
    "WritebackQueueWorkflow",
]
