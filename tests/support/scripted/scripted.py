"""Activities that do what a test says, under the names of the real ones, on workers like
`workers.process`'s.

For tests of what workflows decide; what the activities do has tests of its own, on real parts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.errors import TidegateError
from schemas.ingest.messages import (
    Act,
    ApplyInput,
    ApplyObjectsInput,
    ApplyObjectsResult,
    ApplyResult,
    FollowInput,
    FollowResult,
    PollInput,
    StagedObject,
    StageInput,
    StageResult,
)
from schemas.ingest.raw import Manifest
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS

MOMENT = datetime(2026, 9, 21, 14, tzinfo=UTC)


@dataclass
class ScriptedFollower:
    """follow_lane, poll_lane and record_act. A stretch comes to a position or fails; without a step
    left it goes on forever.
    """

    steps: list[str | Exception] = field(default_factory=list)
    requests: list[FollowInput | PollInput] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    following: int = 0
    last_words: Exception | None = None
    """The end of a follower that receives a stop request; None = it stops."""

    @activity.defn(name=names.FOLLOW_LANE)
    async def follow_lane(self, request: FollowInput) -> FollowResult:
        return await self._stretch(request)

    @activity.defn(name=names.POLL_LANE)
    async def poll_lane(self, request: PollInput) -> FollowResult:
        return await self._stretch(request)

    async def _stretch(self, request: FollowInput | PollInput) -> FollowResult:
        self.requests.append(request)
        step = self.steps.pop(0) if self.steps else None
        if isinstance(step, Exception):
            raise step
        if step is not None:
            return FollowResult(position=step, batches=1, changes=1)
        self.following += 1
        try:
            while True:
                activity.heartbeat(request.position)
                await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            if self.last_words is not None:
                raise self.last_words from None
            raise
        finally:
            self.following -= 1

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        self.acts.append(act)
        return len(self.acts)

    async def follows_from(self, position: str) -> bool:
        """True while one follower is at work, from `position`."""
        return self.following == 1 and self.requests[-1].position == position

    async def polls_every(self, seconds: int) -> bool:
        """True while one poller is at work, at that interval."""
        last = self.requests[-1]
        is_so = isinstance(last, PollInput) and last.every == timedelta(seconds=seconds)
        return self.following == 1 and is_so

    async def has_stopped(self) -> bool:
        """True while no follower is at work."""
        return self.following == 0

    async def has_recorded(self, act: str, count: int = 1) -> bool:
        """True when `count` acts of a kind are on record."""
        return sum(each.act == act for each in self.acts) >= count


@dataclass
class ScriptedBatches:
    """The steps of a batch: every object loses one change to quarantine, and finds one doubled."""

    failures: list[Exception] = field(default_factory=list)
    """One a try of an object, before it succeeds."""
    calls: list[str] = field(default_factory=list)

    @activity.defn(name=names.STAGE_BATCH)
    async def stage_batch(self, request: StageInput) -> StageResult:
        self.calls.append("stage")
        return StageResult(objects=tuple(_share(name, n) for name, n in request.manifest.landed.items()))

    @property
    def steps(self) -> list[Callable[..., Any]]:
        """For a worker."""
        return [self.stage_batch, self.apply_objects, self.apply_batch]

    @activity.defn(name=names.APPLY_OBJECTS)
    async def apply_objects(self, request: ApplyObjectsInput) -> ApplyObjectsResult:
        """Leaves out the objects whose try fails."""
        applied = []
        for share in request.staged:
            with suppress(TidegateError):
                applied.append(self._apply(share))
        return ApplyObjectsResult(applied=tuple(applied))

    @activity.defn(name=names.APPLY_BATCH)
    async def apply_batch(self, request: ApplyInput) -> ApplyResult:
        self.calls.append("alone")
        return self._apply(request.staged)

    def _apply(self, share: StagedObject) -> ApplyResult:
        self.calls.append(f"apply {share.object}")
        if self.failures:
            raise self.failures.pop(0)
        landed = share.landed
        return ApplyResult(
            object=share.object,
            landed=landed,
            applied=landed - 2,
            duplicate=1,
            quarantined=1,
            rebuilt=0,
            last_changed_at=MOMENT + timedelta(seconds=landed),
        )


def _share(name: str, landed: int) -> StagedObject:
    key = f"staged/o/changes/origin/{name}.parquet"
    return StagedObject(
        object=name, staged_key=key, refused_key=None, landed=landed, staged=landed - 1, refused=1
    )


def manifest(start: str = "origin") -> Manifest:
    """A batch of two objects."""
    return Manifest(
        org="o",
        lane="changes",
        start=start,
        end="40",
        raw_key="raw/o/changes/dt=2026-09-21/origin-0123456789abcdef.parquet",
        raw_sha256="0" * 64,
        raw_bytes=4_000,
        events=17,
        landed={"Case": 12, "Contact": 5},
        first_received_at=MOMENT,
        last_received_at=MOMENT,
    )


@asynccontextmanager
async def serving(
    client: Client, follower: ScriptedFollower | None = None, batches: ScriptedBatches | None = None
) -> AsyncIterator[None]:
    """Workers that serve all workflows, with the scripted activities."""
    lanes, steps = follower or ScriptedFollower(), batches or ScriptedBatches()
    batch_activities: list[Callable[..., Any]] = [lanes.record_act, *steps.steps]
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(
            client,
            task_queue=names.BATCH_QUEUE,
            activities=batch_activities,
            interceptors=[ErrorTranslationInterceptor()],
        ),
        Worker(
            client,
            task_queue=names.LANE_QUEUE,
            activities=[lanes.follow_lane, lanes.poll_lane],
            interceptors=[ErrorTranslationInterceptor()],
            # A cancelled activity hears of it with its next heartbeat.
            max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        ),
    ):
        yield
