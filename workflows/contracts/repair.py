"""Reading records again that events could not tell."""

from datetime import timedelta

from schemas import names
from schemas.repair import CloseInput, FindDeletedInput, FindDeletedResult, FindInput, FindResult
from workflows.contracts.contract import Contract

FIND_REREADS = Contract(
    names.FIND_REREADS,
    FindInput,
    FindResult,
    queue=names.BATCH_QUEUE,
    start_to_close=timedelta(minutes=5),
    heartbeat=timedelta(seconds=12),
    why="Some queries to the warehouse, which may be busy.",
)
CLOSE_REREADS = Contract(
    names.CLOSE_REREADS,
    CloseInput,
    type(None),
    queue=names.BATCH_QUEUE,
    start_to_close=timedelta(minutes=5),
    heartbeat=timedelta(seconds=12),
    why="As `FIND_REREADS`.",
)
FIND_DELETED = Contract(
    names.FIND_DELETED,
    FindDeletedInput,
    FindDeletedResult,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(minutes=30),
    heartbeat=timedelta(seconds=12),
    why="It waits a minute until the org can tell the deletions, then asks by ranges of time, each for a token.",
)
