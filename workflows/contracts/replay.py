"""Taking landed batches through the present code."""

from datetime import timedelta

from schemas import names
from schemas.replay import (
    FindBatchesInput,
    FoundBatches,
    RedriveInput,
    ReplayCounts,
    ReplaySelection,
    ReplaySize,
)
from workflows.contracts.contract import Contract

SIZE_REPLAY = Contract(
    names.SIZE_REPLAY,
    ReplaySelection,
    ReplaySize,
    queue=names.REPLAY_QUEUE,
    start_to_close=timedelta(hours=6),
    heartbeat=timedelta(seconds=12),
    why="Thirteen months of manifests are read in an hour or two; another attempt goes on where this one was.",
)
FIND_BATCHES = Contract(
    names.FIND_BATCHES,
    FindBatchesInput,
    FoundBatches,
    queue=names.REPLAY_QUEUE,
    start_to_close=timedelta(minutes=5),
    heartbeat=timedelta(seconds=12),
    why="One page of manifests.",
)
REDRIVE_BATCHES = Contract(
    names.REDRIVE_BATCHES,
    RedriveInput,
    ReplayCounts,
    queue=names.REPLAY_QUEUE,
    start_to_close=timedelta(minutes=15),
    heartbeat=timedelta(seconds=12),
    why="As long as `APPLY_BATCH`: a group is staged and applied in one step.",
)
