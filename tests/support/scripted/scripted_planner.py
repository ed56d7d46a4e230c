"""Activities of the planner that do what a test says, beside real lane workflows whose followers
are scripted, too.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorBoundary
from clients.temporal.lanes import start_lane
from schemas import names
from schemas.ingest.messages import Act, FollowInput, FollowResult, LaneInput, PollInput
from schemas.planner import (
    DrawnPlan,
    DrawPlanInput,
    FollowedObject,
    LaneEnd,
    LaneEndInput,
    LaneLook,
    ObjectPlan,
    Plan,
    WatchLanesInput,
    WatchLanesResult,
    Way,
)
from workers.roles import sandboxed_runner
from workflows import LaneWorkflow, PlannerWorkflow

CASE = FollowedObject(object="Case", lane="case", poll_lane="poll-case", channel="/data/CaseChangeEvent")
NEWEST = datetime(2026, 9, 21, 14, tzinfo=UTC)
"""Commit time of the newest change that the stream has landed."""
EVERY = timedelta(seconds=70)


@dataclass
class ScriptedPlanner:
    """The planner's inputs, and the actions on its behalf. The test changes it while the planner
    runs.
    """

    way: Way = Way.STREAM
    every: timedelta = EVERY
    trouble: str = ""
    refused: str = ""
    read_through: datetime | None = None
    known_lag: timedelta = timedelta(0)
    joined_at: datetime | None = None
    end: str = "40"
    existing: frozenset[str] = frozenset()
    """Lanes that ran before."""
    drawn: list[DrawPlanInput] = field(default_factory=list)
    watched: list[WatchLanesInput] = field(default_factory=list)
    opened: list[LaneInput] = field(default_factory=list)
    streamed: list[FollowInput] = field(default_factory=list)
    polled: list[PollInput] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    at_work: set[str] = field(default_factory=set)
    """Lanes with a follower."""
    failures: list[Exception] = field(default_factory=list)
    """Raised by open_lane, one a call, before it succeeds."""

    @activity.defn(name=names.DRAW_PLAN)
    async def draw_plan(self, request: DrawPlanInput) -> DrawnPlan:
        self.drawn.append(request)
        if self.trouble:
            return DrawnPlan(at=NEWEST, followed=(CASE,), trouble=self.trouble)
        way = request.pins.get("Case", Way.POLL if request.no_streams else self.way)
        plan = ObjectPlan(
            object="Case",
            way=way,
            every=self.every if way is Way.POLL else None,
            freshness=timedelta(seconds=10),
            spends={},
            reason=f"because it is {way}",
        )
        return DrawnPlan(at=NEWEST, followed=(CASE,), plan=Plan(objects=(plan,), fits=True))

    @activity.defn(name=names.WATCH_LANES)
    async def watch_lanes(self, request: WatchLanesInput) -> WatchLanesResult:
        self.watched.append(request)
        ends = asyncio.get_running_loop().time() + request.wait.total_seconds()
        while asyncio.get_running_loop().time() < ends:
            activity.heartbeat()
            if self.refused and not request.known:
                break
            await asyncio.sleep(0.02)
        read = self.read_through if "poll-case" in self.at_work else None
        looks = [
            LaneLook(
                object=point.followed.object,
                refused=self.refused if point.followed.lane in self.at_work else "",
                read_through=read,
                known_through=None if read is None or not self._reads_unsettled() else read - self.known_lag,
                joined_at=self.joined_at if point.mark is not None else None,
            )
            for point in request.points
        ]
        return WatchLanesResult(looks=tuple(looks))

    @activity.defn(name=names.OPEN_LANE)
    async def open_lane(self, lane: LaneInput) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        is_new = await start_lane(_client(), lane)
        self.opened += [lane] if is_new else []
        return is_new

    @activity.defn(name=names.FIND_LANE_END)
    async def find_lane_end(self, request: LaneEndInput) -> LaneEnd:
        newest = NEWEST if request.lane == "case" else None
        return LaneEnd(exists=request.lane in self.existing, position=self.end, last_changed_at=newest)

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        self.acts.append(act)
        return len(self.acts)

    @activity.defn(name=names.FOLLOW_LANE)
    async def follow_lane(self, request: FollowInput) -> FollowResult:
        self.streamed.append(request)
        return await self._work(request.lane, request.position)

    @activity.defn(name=names.POLL_LANE)
    async def poll_lane(self, request: PollInput) -> FollowResult:
        self.polled.append(request)
        return await self._work(request.lane, request.position)

    async def _work(self, lane: str, position: str) -> FollowResult:
        self.at_work.add(lane)
        try:
            while True:
                activity.heartbeat(position)
                await asyncio.sleep(0.02)
        finally:
            self.at_work.discard(lane)

    def _reads_unsettled(self) -> bool:
        return bool(self.polled) and self.polled[-1].reads_unsettled

    async def follows(self, *lanes: str) -> bool:
        """True while just these lanes have a follower."""
        return self.at_work == set(lanes)


def _client() -> Client:
    return activity.client()


@asynccontextmanager
async def planner_workers(client: Client, script: ScriptedPlanner) -> AsyncIterator[None]:
    """Workers for the planner, its lanes and the scripted activities."""
    steps: list[Callable[..., Any]] = [
        script.draw_plan,
        script.watch_lanes,
        script.open_lane,
        script.find_lane_end,
        script.record_act,
    ]
    quick = timedelta(milliseconds=50)
    async with (
        Worker(
            client,
            task_queue=names.GOVERNOR_QUEUE,
            workflows=[PlannerWorkflow],
            workflow_runner=sandboxed_runner(),
        ),
        Worker(
            client,
            task_queue=names.WORKFLOW_QUEUE,
            workflows=[LaneWorkflow],
            workflow_runner=sandboxed_runner(),
        ),
        Worker(
            client,
            task_queue=names.BATCH_QUEUE,
            activities=steps,
            interceptors=[ErrorBoundary()],
            max_heartbeat_throttle_interval=quick,
        ),
        Worker(
            client,
            task_queue=names.LANE_QUEUE,
            activities=[script.follow_lane, script.poll_lane],
            max_heartbeat_throttle_interval=quick,
        ),
    ):
        yield
