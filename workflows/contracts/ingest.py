"""Following a lane."""

from datetime import timedelta

from temporalio.workflow import ActivityCancellationType

from schemas import names
from schemas.ingest.messages import FollowInput, FollowResult, PollInput
from workflows.contracts.contract import Contract

FOLLOW_LANE = Contract(
    names.FOLLOW_LANE,
    FollowInput,
    FollowResult,
    queue=names.LANE_QUEUE,
    start_to_close=timedelta(hours=3),
    heartbeat=timedelta(seconds=12),
    cancellation=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    why="A killed worker is noticed after the heartbeat's timeout, and a successor takes over. It must not start while "
    "the old follower still reads, so a cancelled one is waited for.",
)
POLL_LANE = Contract(
    names.POLL_LANE,
    PollInput,
    FollowResult,
    queue=names.LANE_QUEUE,
    start_to_close=timedelta(hours=3),
    heartbeat=timedelta(seconds=12),
    cancellation=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    why="As `FOLLOW_LANE`: one poller of a lane at a time.",
)
