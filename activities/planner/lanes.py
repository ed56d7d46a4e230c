"""Lane operations of the planner: read their status, start them, find their positions."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity
from temporalio.client import Client

from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from clients.temporal.lanes import FollowerView, follower_view, lane_state, start_lane
from clients.warehouse import Warehouse
from clients.warehouse.sql import ledger as ledger_sql
from schemas import names
from schemas.ids import ORIGIN, batch_name
from schemas.ingest.messages import LaneInput
from schemas.ingest.positions import PolledPosition
from schemas.planner import (
    LaneEnd,
    LaneEndInput,
    LaneLook,
    LanePoint,
    WatchLanesInput,
    WatchLanesResult,
)

BY = "planner"
"""Name used for pauses and resumes of lanes in a handover, in the audit log."""


@dataclass
class LaneWatch:
    """The activities and what they need; one for a process."""

    client: Client
    store: ObjectStore
    warehouse: Warehouse

    @activity.defn(name=names.WATCH_LANES)
    async def watch_lanes(self, request: WatchLanesInput) -> WatchLanesResult:
        """Look at the lanes when `wait` is over, or at once when a stream is refused its deliveries
        or the worker ends.
        """
        ends = time.monotonic() + request.wait.total_seconds()
        while (left := ends - time.monotonic()) > 0 and not activity.is_worker_shutdown():
            activity.heartbeat()
            if await self._is_news(request):
                break
            with suppress(TimeoutError):
                seconds = min(left, request.every.total_seconds())
                await asyncio.wait_for(activity.wait_for_worker_shutdown(), seconds)
        looks: list[LaneLook] = []
        for point in request.points:
            activity.heartbeat()
            looks.append(await self._look(request, point))
        return WatchLanesResult(looks=tuple(looks))

    async def _is_news(self, request: WatchLanesInput) -> bool:
        streams = [
            point.followed.lane for point in request.points if point.followed.object not in request.known
        ]
        views = [await follower_view(self.client, request.org, lane, names.FOLLOW_LANE) for lane in streams]
        return any(view is not None and view.is_refused for view in views)

    @activity.defn(name=names.OPEN_LANE)
    async def open_lane(self, lane: LaneInput) -> bool:
        """Start a lane; False when it runs already, paused or not."""
        return await start_lane(self.client, lane)

    @activity.defn(name=names.FIND_LANE_END)
    async def find_lane_end(self, request: LaneEndInput) -> LaneEnd:
        """The end of the lane's chain, and the newest change of it that was applied."""
        state = await lane_state(self.client, request.org, request.lane)
        chain = Chain(self.store, org=request.org, lane=request.lane)
        position = await asyncio.to_thread(_end, chain, ORIGIN if state is None else state.position)
        ((newest,),) = await asyncio.to_thread(self._fetch, ledger_sql.find_newest_change(), request.lane)
        return LaneEnd(exists=state is not None, position=position, last_changed_at=newest)

    async def _look(self, request: WatchLanesInput, point: LanePoint) -> LaneLook:
        org, followed = request.org, point.followed
        stream = await follower_view(self.client, org, followed.lane, names.FOLLOW_LANE)
        poll = await follower_view(self.client, org, followed.poll_lane, names.POLL_LANE)
        begun_at = None if point.mark is None else await self._begun_at(followed.lane, point.mark)
        read_through, known_through = _through(poll)
        failures = [view.failure for view in (stream, poll) if view is not None and view.failure]
        return LaneLook(
            object=followed.object,
            refused=stream.failure if stream is not None and stream.is_refused else "",
            trouble=failures[0] if failures else await self._stopped(org, followed.lane, followed.poll_lane),
            read_through=read_through,
            known_through=known_through,
            joined_at=None if begun_at is None else begun_at + request.overlap,
        )

    async def _stopped(self, org: str, *lanes: str) -> str:
        """The reason why a lane is paused that the planner has not paused."""
        for lane in lanes:
            state = await lane_state(self.client, org, lane)
            if state is not None and state.paused and not state.paused_because.startswith(f"paused by {BY}:"):
                return f"{lane}: {state.paused_because}"
        return ""

    async def _begun_at(self, lane: str, mark: str) -> datetime | None:
        rows = await asyncio.to_thread(self._fetch, ledger_sql.find_batch_beginning(), batch_name(lane, mark))
        times = [moment for moment in rows[0] if moment is not None]
        return max(times, default=None)

    def _fetch(self, statement: str, parameter: str) -> list[tuple[datetime | None, ...]]:
        with self.warehouse.transaction() as transaction:
            return transaction.fetch(statement, [parameter])


def _end(chain: Chain, start: str) -> str:
    position = start
    for manifest in chain.walk(start):
        position = manifest.end
    return position


def _through(poll: FollowerView | None) -> tuple[datetime | None, datetime | None]:
    """From what `poll_lane` tells with its heartbeats: through when it has read rows, and knows
    everything.
    """
    if poll is None or len(poll.details) < 4:
        return None, None
    rows, deletions, unsettled = poll.details[1:4]
    known = min(_moment(deletions), _moment(unsettled)) if unsettled else None
    return _moment(rows), known


def _moment(position: str) -> datetime:
    return PolledPosition.parse(position).moment
