"""Planning how objects are followed, and handing them over from lane to lane."""

from datetime import timedelta

from schemas import names
from schemas.ingest.messages import LaneInput
from schemas.planner import (
    DrawPlanInput,
    LaneEnd,
    LaneEndInput,
    PlanResult,
    WatchLanesInput,
    WatchLanesResult,
)
from workflows.contracts.contract import Contract

DRAW_PLAN = Contract(
    names.DRAW_PLAN,
    DrawPlanInput,
    PlanResult,
    queue=names.BATCH_QUEUE,
    start_to_close=timedelta(seconds=60),
    schedule_to_close=timedelta(minutes=3),
    why="A plan that cannot be made is shown as a problem; objects are followed as before.",
)
WATCH_LANES = Contract(
    names.WATCH_LANES,
    WatchLanesInput,
    WatchLanesResult,
    queue=names.BATCH_QUEUE,
    start_to_close=timedelta(minutes=5),
    schedule_to_close=timedelta(minutes=10),
    heartbeat=timedelta(seconds=20),
    why="It waits until the next plan unless a lane has news, so an attempt takes minutes.",
)
OPEN_LANE = Contract(
    names.OPEN_LANE,
    LaneInput,
    bool,
    queue=names.BATCH_QUEUE,
    start_to_close=timedelta(seconds=60),
    schedule_to_close=timedelta(minutes=3),
    why="A step of a handover that fails is done again at the next look; other objects must not wait for it.",
)
FIND_LANE_END = Contract(
    names.FIND_LANE_END,
    LaneEndInput,
    LaneEnd,
    queue=names.BATCH_QUEUE,
    start_to_close=timedelta(seconds=60),
    schedule_to_close=timedelta(minutes=3),
    why="As `OPEN_LANE`.",
)
