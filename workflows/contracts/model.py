"""Building the reporting model."""

from datetime import timedelta

from schemas import names
from schemas.model import ModelBuildInput, ModelRun
from workflows.contracts.contract import Contract

BUILD_MODEL = Contract(
    names.BUILD_MODEL,
    ModelBuildInput,
    ModelRun,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(hours=4),
    schedule_to_close=timedelta(hours=6),
    heartbeat=timedelta(seconds=12),
    why="The first build, or one from nothing, reads whole tables. The next build takes what this one did not.",
)
