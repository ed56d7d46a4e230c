"""poll_lane: from a polled lane's position on, read what has changed again and again, land it,
start batch workflows.

The order is follow_lane's (law 1): raw file, manifest, workflow, heartbeat; and the chain is the
same kind of chain (law 2). An empty poll lands nothing, so the position stays and the next poll
looks at a longer window.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from temporalio import activity
from temporalio.client import Client

from activities.ingest.follow_lane import STRETCH, draining, start_batch
from activities.ingest.landing_buffer import NO_TIMES, BatchLimits, CommitTimes
from activities.ingest.landing_span import LandingTime, land_measured
from activities.ingest.poll_buffer import PollBuffer
from activities.ingest.pulse import LANDING, LISTENING, READING, Pulse
from activities.runtime.heartbeat import heartbeating
from activities.runtime.schema_check import asking_for_a_check
from clients.salesforce.login_backoff import RefusedLogin
from clients.salesforce.polling import Deletions, PolledSource
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from schemas import names
from schemas.ids import ORIGIN
from schemas.ingest.messages import FollowResult, PollInput
from schemas.ingest.positions import PolledPosition, PolledRow
from schemas.ingest.raw import Manifest
from schemas.settings.ingest import DELETIONS_INTERVAL, FIRST_POLL_OVERLAP
from transforms.pii import Protector

_TICK_SECONDS = 0.25
_MOST_POLL = timedelta(seconds=60)
"""A poll that takes longer without an answer of the org is stalled."""


@dataclass
class PollLane:
    """The activity and what it needs; one for a process."""

    client: Client
    store: ObjectStore
    protector: Protector
    open_source: Callable[[str], PolledSource]
    """Opens an object by its name."""
    rule: BatchLimits = field(default_factory=BatchLimits)
    stretch: timedelta = STRETCH
    overlap: timedelta = FIRST_POLL_OVERLAP
    deletions_every: timedelta = DELETIONS_INTERVAL
    deletions_covered_ms: dict[str, int] = field(default_factory=dict)
    """Lane -> until when this process knows its deletions. Only a hint: without it some are landed
    twice.
    """
    allow_login: Callable[[], None] = lambda: None
    refused_login: Callable[[], RefusedLogin | None] = lambda: None
    """As of `FollowLane`, like `allow_login`."""

    @activity.defn(name=names.POLL_LANE)
    async def poll_lane(self, request: PollInput) -> FollowResult:
        """Poll the lane for one stretch; returns where it came."""
        if activity.info().attempt == 1:
            self.allow_login()
        details = activity.info().heartbeat_details
        hint = str(details[0]) if details else request.position
        poller = _Poller(self, request, hint)
        try:
            async with (
                asking_for_a_check(request.org, request.object),
                heartbeating(poller.told),
            ):
                await poller.poll()
        except asyncio.CancelledError:
            cancelled = activity.cancellation_details()
            if cancelled is None or not cancelled.cancel_requested:
                raise
            # The lane was paused or is to be polled at another interval: it wants to know how far
            # we came.
        return poller.result()


class _Poller:
    def __init__(self, parent: PollLane, request: PollInput, position: str) -> None:
        self._parent = parent
        self._request = request
        self._chain = Chain(parent.store, org=request.org, lane=request.lane)
        self._source = parent.open_source(request.object)
        self._buffer = PollBuffer(request.object, parent.protector, parent.rule)
        self._origin = PolledPosition.at(request.start_at or request.began_at - parent.overlap)
        details = activity.info().heartbeat_details
        self._pulse = Pulse.after(details, request.object, request.every + _MOST_POLL)
        self._pulse.refused_login = parent.refused_login
        self._batches = 0
        self._changes = 0
        self._read_through: PolledPosition | None = None
        self._unsettled_through: PolledPosition | None = None
        self.position = position
        """The chain's end, as far as it is known."""

    def result(self) -> FollowResult:
        return FollowResult(position=self.position, batches=self._batches, changes=self._changes)

    def told(self) -> tuple[str, ...]:
        """Position; once it has polled, through when it knows every row, deletion and unsettled
        row ("" for none); and the pulse, last.

        A quiet object's position says nothing of it.
        """
        covered_ms = self._parent.deletions_covered_ms.get(self._request.lane)
        if self._read_through is None or covered_ms is None:
            return self.position, self._pulse.text()
        covered, unsettled = PolledPosition(covered_ms), self._unsettled_through
        return (
            self.position,
            str(self._read_through),
            str(covered),
            "" if unsettled is None else str(unsettled),
            self._pulse.text(),
        )

    async def poll(self) -> None:
        await self._adopt_chain()
        ends = time.monotonic() + self._parent.stretch.total_seconds()
        while True:
            began = time.monotonic()
            await self._poll_once()
            due = began + self._request.every.total_seconds()
            if due >= ends:
                return
            await self._wait_until(due)

    async def _wait_until(self, due: float) -> None:
        while (left := due - time.monotonic()) > 0:
            if activity.is_worker_shutdown():
                raise draining()
            await asyncio.sleep(min(left, _TICK_SECONDS))

    async def _adopt_chain(self) -> None:
        """Go to the chain's end, whichever process made it, and start batches that may not have
        been started.
        """
        while (manifest := await asyncio.to_thread(self._chain.find, self.position)) is not None:
            await self._advance(manifest)

    async def _poll_once(self) -> None:
        self._pulse.begin(READING)
        until_ms = await self._source.horizon_ms()
        self._pulse.heard(_now_ms())
        deletions = await self._new_deletions(until_ms)
        if await self._read(until_ms):
            self._read_through = PolledPosition(until_ms)
            await self._land_rest(deletions, PolledPosition(until_ms))
            self._pulse.heard(_now_ms())
            self._pulse.landing_since = None  # what could not be landed may have gone meanwhile
            self._pulse.begin(LISTENING)
            activity.heartbeat(*self.told())

    async def _read(self, until_ms: int) -> bool:
        """Land a window's rows; False when another follower was met on the way, and the chain has
        to be read again.
        """
        async with aclosing(self._source.read(self._start(), until_ms)) as pages:
            async for rows in pages:
                self._pulse.heard(_now_ms())
                if rows:
                    self._pulse.received_at = self._pulse.heard_at
                if not await self._take(rows):
                    return False
                if activity.is_worker_shutdown():
                    raise draining()
        return not len(self._buffer) or await self._land()

    async def _take(self, rows: list[PolledRow]) -> bool:
        left = rows
        while True:
            left = await asyncio.to_thread(self._buffer.fill, left, _now_ms())
            if self._buffer.is_full() and not await self._land():
                return False
            if not left:
                return True

    async def _land(self) -> bool:
        """Make what is held a batch; False when another follower's batch stands in its place."""
        self._pulse.begin(LANDING)
        table, times = await asyncio.to_thread(self._buffer.table), self._buffer.commit_times()
        self._buffer.clear()
        manifest, landing = await land_measured(partial(self._chain.land, table, start=self.position))
        await self._advance(manifest, times if landing.is_ours else NO_TIMES, landing)
        self._pulse.begin(READING)
        if not landing.is_ours:
            await self._adopt_chain()
        return landing.is_ours

    async def _land_rest(self, deletions: Deletions | None, end: PolledPosition) -> None:
        """Land what has no position of its own, as a batch that ends where the window does."""
        # A batch cannot end where it begins: then it is done at the next poll.
        has_room = self.position == ORIGIN or self.position < str(end)
        if self._request.reads_unsettled and has_room:
            async with aclosing(self._source.unsettled(end.modstamp_ms)) as pages:
                async for rows in pages:
                    self._buffer.add_unsettled(rows, str(end), _now_ms())
        if deletions is not None and has_room:
            self._buffer.add_deletions(deletions.rows, str(end), _now_ms())
        if len(self._buffer) and not await self._land():
            return
        if self._request.reads_unsettled and has_room:
            self._unsettled_through = end
        if deletions is not None and (has_room or not deletions.rows):
            self._parent.deletions_covered_ms[self._request.lane] = deletions.covered_ms

    async def _new_deletions(self, until_ms: int) -> Deletions | None:
        """Records deleted since the last check; None = no check is due."""
        every_ms = self._parent.deletions_every // timedelta(milliseconds=1)
        known_ms = self._parent.deletions_covered_ms.get(self._request.lane)
        if known_ms is None:
            # A batch was landed at most one interval after the last question; the other one is for
            # late deletions.
            known_ms = self._start().modstamp_ms - 2 * every_ms
        elif until_ms - known_ms < every_ms:
            return None
        return await self._source.deleted(known_ms, until_ms)

    def _start(self) -> PolledPosition:
        """Where the next window begins: at the chain's end, or where another lane has left off if
        that is later.
        """
        if self.position == ORIGIN:
            return self._origin
        landed = PolledPosition.parse(self.position)
        is_later = self._request.start_at is not None and self._origin.modstamp_ms > landed.modstamp_ms
        return self._origin if is_later else landed

    async def _advance(
        self, manifest: Manifest, times: CommitTimes = NO_TIMES, landing: LandingTime | None = None
    ) -> None:
        """The batch is durable: start its workflow, then let go of the old position."""
        await start_batch(self._parent.client, manifest, times.oldest_ms, landing)
        self._pulse.landed(times.newest_ms)
        self.position = manifest.end
        self._batches += 1
        self._changes += manifest.changes
        activity.heartbeat(*self.told())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
