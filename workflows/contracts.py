"""Timeouts and retries of every activity, named. A step is retried until it succeeds or somebody has to act."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from schemas import names


class ActivityOptions(TypedDict, total=False):
    """The options that `execute_activity` takes from here."""

    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType


_PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=1.6,
    maximum_interval=timedelta(seconds=15),
)
"""For ever: an outage of a day is waited out. What cannot pass is marked non-retryable where it is raised."""

FOLLOW: ActivityOptions = {
    "task_queue": names.LANE_QUEUE,
    "start_to_close_timeout": timedelta(hours=3),
    # A killed worker is noticed after this long; its successor takes over.
    "heartbeat_timeout": timedelta(seconds=12),
    "retry_policy": _PATIENT,
    # A successor must not start while the old follower still reads.
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

STAGE: ActivityOptions = {
    "task_queue": names.BATCH_QUEUE,
    "start_to_close_timeout": timedelta(seconds=120),
    "heartbeat_timeout": timedelta(seconds=10),
    "retry_policy": _PATIENT,
}

APPLY: ActivityOptions = {
    "task_queue": names.BATCH_QUEUE,
    "start_to_close_timeout": timedelta(minutes=15),
    "heartbeat_timeout": timedelta(seconds=10),
    "retry_policy": _PATIENT,
}

SIZE_REPLAY: ActivityOptions = {
    "task_queue": names.REPLAY_QUEUE,
    # Thirteen months of manifests are read in an hour or two; another attempt goes on where this one was.
    "start_to_close_timeout": timedelta(hours=6),
    "heartbeat_timeout": timedelta(seconds=12),
    "retry_policy": _PATIENT,
}

FIND_BATCHES: ActivityOptions = {
    "task_queue": names.REPLAY_QUEUE,
    "start_to_close_timeout": timedelta(minutes=5),
    "heartbeat_timeout": timedelta(seconds=12),
    "retry_policy": _PATIENT,
}

REDRIVE: ActivityOptions = {
    "task_queue": names.REPLAY_QUEUE,
    "start_to_close_timeout": timedelta(minutes=15),
    "heartbeat_timeout": timedelta(seconds=12),
    "retry_policy": _PATIENT,
}

RECORD: ActivityOptions = {
    "task_queue": names.BATCH_QUEUE,
    "start_to_close_timeout": timedelta(seconds=30),
    "retry_policy": _PATIENT,
}

READ_LIMITS: ActivityOptions = {
    "task_queue": names.ORG_QUEUE,
    "start_to_close_timeout": timedelta(seconds=30),
    # Without a worker that reaches the org the governor goes on, and shows that it cannot read.
    "schedule_to_close_timeout": timedelta(minutes=2),
    # Its calls are counted for one attempt; the next reading is a minute away.
    "retry_policy": RetryPolicy(maximum_attempts=1),
}

DRAW_PLAN: ActivityOptions = {
    "task_queue": names.BATCH_QUEUE,
    "start_to_close_timeout": timedelta(seconds=60),
    # A plan that cannot be drawn is shown as trouble; the present ways go on.
    "schedule_to_close_timeout": timedelta(minutes=3),
    "retry_policy": _PATIENT,
}

WATCH_LANES: ActivityOptions = {
    "task_queue": names.BATCH_QUEUE,
    "start_to_close_timeout": timedelta(minutes=5),
    "schedule_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": timedelta(seconds=20),
    "retry_policy": _PATIENT,
}

MOVE_LANE: ActivityOptions = {
    "task_queue": names.BATCH_QUEUE,
    "start_to_close_timeout": timedelta(seconds=60),
    # A step of a hand-over that fails is done again at the next look; other objects must not wait for it.
    "schedule_to_close_timeout": timedelta(minutes=3),
    "retry_policy": _PATIENT,
}

FIND_REREADS: ActivityOptions = {
    "task_queue": names.BATCH_QUEUE,
    "start_to_close_timeout": timedelta(minutes=5),
    "heartbeat_timeout": timedelta(seconds=12),
    "retry_policy": _PATIENT,
}

FIND_DELETED: ActivityOptions = {
    "task_queue": names.BACKFILL_QUEUE,
    "start_to_close_timeout": timedelta(minutes=30),
    "heartbeat_timeout": timedelta(seconds=12),
    "retry_policy": _PATIENT,
}

PLAN_BACKFILL: ActivityOptions = {
    "task_queue": names.BACKFILL_QUEUE,
    "start_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": timedelta(seconds=12),
    "retry_policy": _PATIENT,
}

READ_ROWS: ActivityOptions = {
    "task_queue": names.BACKFILL_QUEUE,
    # A stretch is short once there are rows; before, it waits for the org's query job.
    "start_to_close_timeout": timedelta(hours=3),
    "heartbeat_timeout": timedelta(seconds=12),
    "retry_policy": _PATIENT,
    # A successor must not start while the old reader still lands.
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

DROP_JOB: ActivityOptions = {
    "task_queue": names.BACKFILL_QUEUE,
    "start_to_close_timeout": timedelta(minutes=1),
    # A backfill that is cancelled ends soon, also when there is no token for the call.
    "schedule_to_close_timeout": timedelta(minutes=2),
    "retry_policy": _PATIENT,
}

KEEP_RATE: ActivityOptions = {
    "task_queue": names.BACKFILL_QUEUE,
    "start_to_close_timeout": timedelta(seconds=30),
    "schedule_to_close_timeout": timedelta(minutes=2),
    "retry_policy": _PATIENT,
}

LOOK: ActivityOptions = {
    "task_queue": names.RECONCILE_QUEUE,
    # A query job of tens of millions of rows may take an hour.
    "start_to_close_timeout": timedelta(hours=6),
    "heartbeat_timeout": timedelta(seconds=20),
    "retry_policy": _PATIENT,
}

FORM_WRITEBACKS: ActivityOptions = {
    "task_queue": names.WRITEBACK_QUEUE,
    "start_to_close_timeout": timedelta(minutes=2),
    # A worker that dies while it forms would else hold the queue up for two minutes.
    "heartbeat_timeout": timedelta(seconds=10),
    # A store that is away is shown as trouble; the queue asks again.
    "schedule_to_close_timeout": timedelta(minutes=2),
    "retry_policy": _PATIENT,
}

SET_WRITEBACK_PAUSE: ActivityOptions = {
    "task_queue": names.WRITEBACK_QUEUE,
    "start_to_close_timeout": timedelta(seconds=30),
    "retry_policy": _PATIENT,
}

FIND_ECHOES: ActivityOptions = {
    "task_queue": names.WRITEBACK_QUEUE,
    "start_to_close_timeout": timedelta(seconds=20),
    # One that fails is not missed: the next one finds the same.
    "schedule_to_close_timeout": timedelta(seconds=30),
    "retry_policy": RetryPolicy(maximum_attempts=1),
}

PREVIEW_WRITEBACKS: ActivityOptions = {
    "task_queue": names.WRITEBACK_QUEUE,
    "start_to_close_timeout": timedelta(minutes=2),
    "heartbeat_timeout": timedelta(seconds=20),
    # Somebody waits for it, and can ask again.
    "schedule_to_close_timeout": timedelta(minutes=2),
    "retry_policy": _PATIENT,
}

SEND_WRITEBACKS: ActivityOptions = {
    "task_queue": names.WRITEBACK_QUEUE,
    "start_to_close_timeout": timedelta(minutes=15),
    # Of a killed worker nothing is known: the sooner it is noticed, the sooner it is looked up.
    "heartbeat_timeout": timedelta(seconds=10),
    "retry_policy": _PATIENT,
}

LOOK_UP_WRITEBACKS: ActivityOptions = {
    "task_queue": names.WRITEBACK_QUEUE,
    "start_to_close_timeout": timedelta(minutes=15),
    "heartbeat_timeout": timedelta(seconds=10),
    "retry_policy": _PATIENT,
}

CHECK_DRIFT: ActivityOptions = {
    "task_queue": names.BACKFILL_QUEUE,
    "start_to_close_timeout": timedelta(minutes=10),
    # The next check is minutes away, and finds what this one did not.
    "schedule_to_close_timeout": timedelta(minutes=20),
    "heartbeat_timeout": timedelta(seconds=12),
    "retry_policy": _PATIENT,
}

PLAN_REFRESH: ActivityOptions = {
    "task_queue": names.BACKFILL_QUEUE,
    "start_to_close_timeout": timedelta(minutes=10),
    "retry_policy": _PATIENT,
}
