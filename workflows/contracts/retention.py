"""Keeping data as long as promised, and ending it."""

from datetime import timedelta

from temporalio.workflow import ActivityCancellationType

from schemas import names
from schemas.security.retention import RetentionInput, RetentionPlan, TaskDone, TaskInput
from workflows.contracts.contract import Contract

PLAN_RETENTION = Contract(
    names.PLAN_RETENTION,
    RetentionInput,
    RetentionPlan,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(minutes=30),
    schedule_to_close=timedelta(hours=2),
    heartbeat=timedelta(seconds=12),
    why="It lists what is old in each prefix. The next run plans from the start.",
)
DO_RETENTION = Contract(
    names.DO_RETENTION,
    TaskInput,
    TaskDone,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(days=2),
    schedule_to_close=timedelta(days=3),
    heartbeat=timedelta(seconds=12),
    cancellation=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    why="A month of the change log may be a billion rows. A task that is tried again finds what is done; one that "
    "fails for three days is left to the next run.",
)
