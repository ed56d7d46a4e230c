"""Reading an object's rows from the org."""

from datetime import timedelta

from temporalio.workflow import ActivityCancellationType

from schemas import names
from schemas.backfill import BackfillInput, BackfillPlan, BackfillRate, PartInput, ReadSlice, RecordsInput
from workflows.contracts.contract import Contract

PLAN_BACKFILL = Contract(
    names.PLAN_BACKFILL,
    BackfillInput,
    BackfillPlan,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(minutes=10),
    heartbeat=timedelta(seconds=12),
    why="It counts the object's rows in the org: at once, by day, and by hour where a day has many.",
)
READ_PART = Contract(
    names.READ_PART,
    PartInput,
    ReadSlice,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(hours=3),
    heartbeat=timedelta(seconds=12),
    cancellation=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    why="A stretch is short once there are rows; before, it waits for the org's query job. A successor must not start "
    "while the old reader still lands, so a cancelled one is waited for.",
)
READ_RECORDS = Contract(
    names.READ_RECORDS,
    RecordsInput,
    ReadSlice,
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(hours=3),
    heartbeat=timedelta(seconds=12),
    cancellation=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    why="As `READ_PART`: one reader of a lane at a time.",
)
DROP_JOB = Contract(
    names.DROP_JOB,
    PartInput,
    type(None),
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(minutes=1),
    schedule_to_close=timedelta(minutes=2),
    why="A backfill that is cancelled ends soon, also when there is no token for the call.",
)
KEEP_RATE = Contract(
    names.KEEP_RATE,
    BackfillRate,
    type(None),
    queue=names.BACKFILL_QUEUE,
    start_to_close=timedelta(seconds=30),
    schedule_to_close=timedelta(minutes=2),
    why="The rate helps the next estimate only: a backfill that is done does not wait for it.",
)
