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
from functools import partial
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

from activities.ingest.landing_buffer import NO_TIMES, BatchLimits, CommitTimes, LandingBuffer
from activities.ingest.landing_span import LandingTime, land_measured, landing_span
from activities.ingest.pulse import LANDING, LISTENING, Pulse, moment_of
from activities.repair.retention_gap import RetentionGapReporter
from activities.runtime.heartbeat import heartbeating
from clients.metrics.changes import timed
from clients.metrics.work import BATCH_SECONDS, BUFFER_BYTES, BUFFER_EVENTS, EVENTS_RECEIVED
from clients.salesforce.login_backoff import RefusedLogin
from clients.salesforce.streaming.stream import StreamMessage
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from clients.telemetry.spans import SpanKind, SpanSpec, span
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
START = SpanSpec("start workflow", kind=SpanKind.PRODUCER)
_OPENS_WITHIN = timedelta(seconds=60)
"""Silence that counts until the stream says how long it may be silent."""


class Stream(Protocol):
    """An open source of events, in the order of the lane."""

    async def read(self, *, wait_seconds: float) -> list[StreamMessage]:
        """The events that have arrived; empty after `wait_seconds` without any."""

    @property
    def heard_at_ms(self) -> int | None:
        """The org's last sign of life, keep-alives included, in epoch milliseconds; None: none
        yet.
        """

    @property
    def silence(self) -> timedelta:
        """How long the org may say nothing before the stream counts as dead."""


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
    allow_login: Callable[[], None] = lambda: None
    """Called at a first attempt, which follows an operator's `resume`: no login waits for the last
    one's failures then.
    """
    refused_login: Callable[[], RefusedLogin | None] = lambda: None
    """Told with each heartbeat: an open stream goes on while the process can log in no more."""

    @activity.defn(name=names.FOLLOW_LANE)
    async def follow_lane(self, request: FollowInput) -> FollowResult:
        """Follow the lane for one stretch; returns where it came."""
        if activity.info().attempt == 1:
            self.allow_login()
        key_name = self.protector.key_name
        chain = Chain(self.store, org=request.org, lane=request.lane, key_name=key_name)
        follower = _Follower(self, chain, request)
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
        replay_id = follower.replay_id(request)
        has_position = follower.position != ORIGIN or follower.is_open_at_new
        now = activity.info().started_time
        if self.holes and not has_position and await self.holes.is_at_beginning(request, now):
            return await self._follow_after_hole(follower, self.holes, request)
        try:
            async with self.open_stream(request, replay_id) as stream:
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
            async with heartbeating(follower.told):
                await holes.report(request, follower.position)
            await follower.follow(stream)


class _Follower:
    def __init__(self, parent: FollowLane, chain: Chain, request: FollowInput) -> None:
        details = activity.info().heartbeat_details
        position = str(details[0]) if details else request.position
        self._parent = parent
        self._chain = chain
        self._pulse = Pulse.after(details, request.channel, _OPENS_WITHIN)
        self._pulse.refused_login = parent.refused_login
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
        self._pulse.landing_since = None
        self._is_after_hole = self.is_open_at_new = True
        return REPLAY_NEW_EVENTS

    def told(self) -> tuple[str, str]:
        """Position and pulse, for a heartbeat."""
        return self.position, self._pulse.text()

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
        self._pulse.silence = stream.silence
        while time.monotonic() < ends:
            messages = await stream.read(wait_seconds=_TICK_SECONDS)
            self._buffer.add(messages)
            self._note(stream, messages)
            activity.heartbeat(*self.told())
            if self._buffer.is_due():
                await self._land()
            if activity.is_worker_shutdown():
                raise draining()

    def _note(self, stream: Stream, messages: list[StreamMessage]) -> None:
        lane = self._chain.lane
        EVENTS_RECEIVED.labels(lane).inc(len(messages))
        BUFFER_EVENTS.labels(lane).set(len(self._buffer))
        BUFFER_BYTES.labels(lane).set(self._buffer.size)
        self._pulse.heard(stream.heard_at_ms)
        self._pulse.buffered = len(self._buffer)
        if messages:
            self._pulse.received_at = moment_of(messages[-1].received_at_ms)

    async def _land(self) -> None:
        self._pulse.begin(LANDING)
        activity.heartbeat(*self.told())
        times, raw = self._buffer.commit_times(), self._buffer.peek()
        manifest, landing = await land_measured(
            partial(self._chain.land, raw, start=self.position, after_hole=self._is_after_hole)
        )
        await self._advance(manifest, times if landing.is_ours else NO_TIMES, landing)
        self._pulse.begin(LISTENING)
        if self.is_open_at_new and not landing.is_ours:
            # The other one subscribed earlier, and what came between its last event and our first
            # is not here.
            raise StreamBrokenError(lane=manifest.lane, detail="another follower has landed first")
        self.is_open_at_new = self._is_after_hole = False

    async def _advance(
        self, manifest: Manifest, times: CommitTimes = NO_TIMES, landing: LandingTime | None = None
    ) -> None:
        """The batch is durable: start its workflow, then let go of its events and of the old
        position.
        """
        await start_batch(self._parent.client, manifest, times.oldest_ms, landing)
        self._pulse.landed(times.newest_ms)
        self._buffer.drop_through(int(manifest.end))
        self.position = manifest.end
        self._batches += 1
        self._changes += manifest.changes
        self._pulse.buffered = len(self._buffer)
        activity.heartbeat(*self.told())


def draining() -> ApplicationError:
    """Ends an attempt whose worker stops, so that another one goes on at once."""
    return ApplicationError(
        "the worker is stopping; another one goes on",
        type="WorkerDraining",
        category=ApplicationErrorCategory.BENIGN,
        next_retry_delay=timedelta(milliseconds=100),
    )


async def start_batch(
    client: Client, manifest: Manifest, oldest_ms: int | None = None, landing: LandingTime | None = None
) -> None:
    """Start the batch's workflow, unless it runs already or has succeeded.

    `oldest_ms`: commit time of its oldest change (epoch milliseconds), to see how long it waits;
    None: not known. `landing`: when this process landed it; None = it was found landed.
    """
    with landing_span(manifest, landing), span(START):
        await _start(client, manifest, oldest_ms)


async def _start(client: Client, manifest: Manifest, oldest_ms: int | None) -> None:
    oldest_at = manifest.first_received_at if oldest_ms is None else moment_of(oldest_ms)
    attributes = TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword("SfOrg"), manifest.org),
            SearchAttributePair(SearchAttributeKey.for_keyword("SfLane"), manifest.lane),
            SearchAttributePair(
                SearchAttributeKey.for_keyword_list("SfObjects"), sorted(filter(None, manifest.landed))
            ),
            SearchAttributePair(SearchAttributeKey.for_keyword("Position"), manifest.end),
            SearchAttributePair(SearchAttributeKey.for_int("Changes"), manifest.changes),
            SearchAttributePair(SearchAttributeKey.for_keyword("Stage"), "staging"),
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
                memo={names.OLDEST_CHANGE_MEMO: oldest_at.isoformat()},
                static_summary=summary[:200],
            )
    except WorkflowAlreadyStartedError:
        return  # it has succeeded before
