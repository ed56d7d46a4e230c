"""Exporting curated tables."""

from datetime import timedelta

from schemas import names
from schemas.model.export import ExportInput, ExportRun
from workflows.contracts.contract import Contract

EXPORT_TABLES = Contract(
    names.EXPORT_TABLES,
    ExportInput,
    ExportRun,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(hours=4),
    schedule_to_close=timedelta(hours=6),
    heartbeat=timedelta(seconds=12),
    why="The first export reads whole tables. One that is tried again leaves out the objects that are done.",
)
