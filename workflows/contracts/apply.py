"""Bringing a landed batch into the warehouse."""

from datetime import timedelta

from schemas import names
from schemas.ingest.messages import (
    ApplyInput,
    ApplyObjectsInput,
    ApplyObjectsResult,
    ApplyResult,
    StageInput,
    StageResult,
)
from workflows.contracts.contract import Contract

STAGE_BATCH = Contract(
    names.STAGE_BATCH,
    StageInput,
    StageResult,
    queue=names.BATCH_QUEUE,
    start_to_close=timedelta(seconds=120),
    heartbeat=timedelta(seconds=10),
    why="Decoding takes seconds. The short heartbeat gives a dead worker's batch to another one soon.",
)
APPLY_BATCH = Contract(
    names.APPLY_BATCH,
    ApplyInput,
    ApplyResult,
    queue=names.BATCH_QUEUE,
    start_to_close=timedelta(minutes=15),
    heartbeat=timedelta(seconds=10),
    why="A batch may wait for the object's other batches, and its statement for the warehouse.",
)
APPLY_OBJECTS = Contract(
    names.APPLY_OBJECTS,
    ApplyObjectsInput,
    ApplyObjectsResult,
    queue=names.BATCH_QUEUE,
    start_to_close=APPLY_BATCH.start_to_close,
    heartbeat=APPLY_BATCH.heartbeat,
    why="One step for all objects of a batch, where one each costs an action of Temporal Cloud each. An object that "
    "cannot be applied is left out; it gets a step by itself, as `APPLY_BATCH`, and the others do not wait for it.",
)
