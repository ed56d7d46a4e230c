"""Comparing the org's schema with the catalogue, and reading single fields."""

from datetime import timedelta

from temporalio.workflow import ActivityCancellationType

from schemas import names
from schemas.drift import (
    DriftInput,
    DriftResult,
    FieldsInput,
    FieldsResult,
    RefreshInput,
    RefreshPlan,
    RefreshState,
)
from workflows.contracts.contract import Contract

CHECK_DRIFT = Contract(
    names.CHECK_DRIFT,
    DriftInput,
    DriftResult,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(minutes=10),
    schedule_to_close=timedelta(minutes=20),
    heartbeat=timedelta(seconds=12),
    why="The next check is minutes away, and finds what this one did not.",
)
PLAN_REFRESH = Contract(
    names.PLAN_REFRESH,
    RefreshInput,
    RefreshPlan,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(minutes=10),
    why="It asks the warehouse for the records that may differ.",
)
READ_FIELDS = Contract(
    names.READ_FIELDS,
    FieldsInput,
    FieldsResult,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(hours=3),
    heartbeat=timedelta(seconds=12),
    cancellation=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    why="As `READ_PART` of a backfill: it may wait for a query job, and one reader lands at a time.",
)
END_REFRESH = Contract(
    names.END_REFRESH,
    RefreshState,
    type(None),
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(minutes=10),
    why="The next refresh starts from what it keeps, so it is tried until it succeeds.",
)
