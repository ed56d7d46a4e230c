"""follow_lane: from a lane's position on, land what comes and start a batch workflow for each
landed batch.

The order is law 1: raw file, manifest, workflow, heartbeat. Killed anywhere, the next attempt
walks the chain from the last heartbeat to its end, starts what was not started, and subscribes
from there.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from temporalio import activity
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, WorkflowAlreadyStartedError

from activities.ingest.landing_buffer import BatchLimits, LandingBuffer
from activities.repair.retention_gap import RetentionGapReporter
from activities.runtime.heartbeat import heartbeating
from clients.metrics.changes import count_landed, timed
from clients.metrics.work import BATCH_SECONDS, BUFFER_BYTES, BUFFER_EVENTS, EVENTS_RECEIVED
from clients.salesforce.streaming.stream import StreamMessage
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from schemas import names
from schemas.errors import ReplayExpiredError, StreamBrokenError
from schemas.ids import ORIGIN
from schemas.ingest.messages import FollowInput, FollowResult
from schemas.ingest.raw import Manifest
from schemas.salesforce.limits import REPLAY_NEW_EVENTS
from transforms.pii import Protector

STRETCH = timedelta(hours=1)
"""Duration of one activity's following before its workflow may continue as new."""
_TICK_SECONDS = 0.25


class Stream(Protocol):
    """An open source of events, in the order of the lane."""

    async def read(self, *, wait_seconds: float) -> list[StreamMessage]:
        """The events that have arrived; empty after `wait_seconds` without any."""


OpenStream = Callable[[FollowInput, int], AbstractAsyncContextManager[Stream]]
"""Opens a lane's source after a replay id."""


@dataclass
class FollowLane:
    """The activity and what it needs; one for a process."""

    client: Client
    store: ObjectStore
    protector: Protector
    open_stream: OpenStream
    rule: BatchLimits = field(default_factory=BatchLimits)
    stretch: timedelta = STRETCH
    holes: RetentionGapReporter | None = None
    """Called when the bus no longer holds the position; None = the lane stops with
    `ReplayExpiredError`.
    """

    @activity.defn(name=names.FOLLOW_LANE)
    async def follow_lane(self, request: FollowInput) -> FollowResult:
        """Follow the lane for one stretch; returns where it came."""
        chain = Chain(self.store, org=request.org, lane=request.lane)
        follower = _Follower(self, chain, _hint(request))
        await follower.adopt_chain()
        try:
            await self._follow(follower, request)
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            if details is None or not details.cancel_requested:
                raise
            # The lane was paused: it wants to know how far we came, not that we stopped.
        return follower.result()

    async def _follow(self, follower: "_Follower", request: FollowInput) -> None:
        try:
            async with self.open_stream(request, follower.replay_id(request)) as stream:
                await follower.follow(stream)
        except ReplayExpiredError as error:
            if self.holes is None:
                raise
            if follower.is_open_at_new:
                raise StreamBrokenError(lane=request.lane, detail=str(error)) from error
            await self._follow_after_hole(follower, self.holes, request)

    async def _follow_after_hole(
        self, follower: "_Follower", holes: RetentionGapReporter, request: FollowInput
    ) -> None:
        """Go on with new events. They are subscribed to first: what comes between is then either
        received or read.
        """
        async with self.open_stream(request, follower.after_hole()) as stream:
            async with heartbeating(lambda: (follower.position,)):
                await holes.report(request, follower.position)
            await follower.follow(stream)


def _hint(request: FollowInput) -> str:
    details = activity.info().heartbeat_details
    return str(details[0]) if details else request.position


class _Follower:
    def __init__(self, parent: FollowLane, chain: Chain, position: str) -> None:
        self._parent = parent
        self._chain = chain
        self._buffer = LandingBuffer(parent.protector, parent.rule)
        if position != ORIGIN:
            self._buffer.drop_through(int(position))
        self._batches = 0
        self._changes = 0
        self._is_after_hole = False
        self.is_open_at_new = False
        self.position = position

    def replay_id(self, request: FollowInput) -> int:
        """The subscription's starting position. New events only until a batch is landed: an attempt
        that dies before has received none.
        """
        first = request.first_replay if self.position == ORIGIN else int(self.position)
        replay_id = REPLAY_NEW_EVENTS if self.position == request.skip_from else first
        self.is_open_at_new = replay_id == REPLAY_NEW_EVENTS
        return replay_id

    def after_hole(self) -> int:
        """The starting position when the requested one is no longer retained. What was received and
        not landed is read with the rest.
        """
        self._buffer = LandingBuffer(self._parent.protector, self._parent.rule)
        self._is_after_hole = self.is_open_at_new = True
        return REPLAY_NEW_EVENTS

    def result(self) -> FollowResult:
        return FollowResult(position=self.position, batches=self._batches, changes=self._changes)

    async def adopt_chain(self) -> None:
        """Go to the chain's end, whichever process made it, and start batches that may not have
        been started.
        """
        while (manifest := await asyncio.to_thread(self._chain.find, self.position)) is not None:
            await self._advance(manifest)

    async def follow(self, stream: Stream) -> None:
        ends = time.monotonic() + self._parent.stretch.total_seconds()
        while time.monotonic() < ends:
            messages = await stream.read(wait_seconds=_TICK_SECONDS)
            self._buffer.add(messages)
            self._count(len(messages))
            activity.heartbeat(self.position)
            if self._buffer.is_due():
                await self._land()
            if activity.is_worker_shutdown():
                raise draining()

    def _count(self, received: int) -> None:
        lane = self._chain.lane
        EVENTS_RECEIVED.labels(lane).inc(received)
        BUFFER_EVENTS.labels(lane).set(len(self._buffer))
        BUFFER_BYTES.labels(lane).set(self._buffer.size)

    async def _land(self) -> None:
        with timed(BATCH_SECONDS, "land"):
            manifest, is_ours = await asyncio.to_thread(
                self._chain.land, self._buffer.peek(), start=self.position, after_hole=self._is_after_hole
            )
        if is_ours:
            count_landed(manifest)
        await self._advance(manifest)
        if self.is_open_at_new and not is_ours:
            # The other one subscribed earlier, and what came between its last event and our first
            # is not here.
            raise StreamBrokenError(lane=manifest.lane, detail="another follower has landed first")
        self.is_open_at_new = self._is_after_hole = False

    async def _advance(self, manifest: Manifest) -> None:
        """The batch is durable: start its workflow, then let go of its events and of the old
        position.
        """
        await start_batch(self._parent.client, manifest)
        self._buffer.drop_through(int(manifest.end))
        self.position = manifest.end
        self._batches += 1
        self._changes += manifest.changes
        activity.heartbeat(self.position)


def draining() -> ApplicationError:
    """Ends an attempt whose worker stops, so that another one goes on at once."""
    return ApplicationError(
        "the worker is stopping; another one goes on",
        type="WorkerDraining",
        category=ApplicationErrorCategory.BENIGN,
        next_retry_delay=timedelta(milliseconds=100),
    )


async def start_batch(client: Client, manifest: Manifest) -> None:
    """Start the batch's workflow, unless it runs already or has succeeded."""
    attributes = TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword("SfOrg"), manifest.org),
            SearchAttributePair(SearchAttributeKey.for_keyword("SfLane"), manifest.lane),
            SearchAttributePair(
                SearchAttributeKey.for_keyword_list("SfObjects"), sorted(filter(None, manifest.landed))
            ),
            SearchAttributePair(SearchAttributeKey.for_keyword("Position"), manifest.end),
            SearchAttributePair(SearchAttributeKey.for_int("Changes"), manifest.changes),
        ]
    )
    summary = f"{manifest.changes} changes of {manifest.lane}, {manifest.start} to {manifest.end}"
    try:
        with timed(BATCH_SECONDS, "start"):
            await client.start_workflow(
                names.CHANGE_BATCH_WORKFLOW,
                manifest,
                id=manifest.workflow_id,
                task_queue=names.WORKFLOW_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                search_attributes=attributes,
                static_summary=summary[:200],
            )
    except WorkflowAlreadyStartedError:
        return  # it has succeeded before
