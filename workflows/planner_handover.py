"""An object goes over from one of its lanes to the other: nothing is lost, and what comes twice is
distinguished by its identity.

To polling: the polled lane starts from a little before the newest change that the stream has
landed, and the stream is paused when the polled lane has read once. To the stream: it subscribes
to new events only, because what it missed would be delivered and billed, and was polled; the
polled lane goes on until the stream has landed a batch and the polling has come past its
beginning. Its last polls also read what has changed since their windows' ends: an event of the
stream may tell only a part of a record, and would hide the rest from a poll that no longer
comes. A follower that dies before has received nothing, and subscribes to new events again.

Every step may be done twice, and a hand-over may be called off at any point: the lane that it
leaves is paused last.
"""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ids import lane_workflow_id
    from schemas.ingest.messages import POLL_EVERY, LaneInput, PauseInput, SetEveryInput
    from schemas.message import Message
    from schemas.planner import (
        FollowedObject,
        Following,
        LaneEnd,
        LaneEndInput,
        LaneLook,
        ObjectPlan,
        ObjectState,
        Way,
    )
    from schemas.salesforce.limits import REPLAY_NEW_EVENTS
    from workflows.contracts.planner import FIND_LANE_END, OPEN_LANE
    from workflows.runtime import run

BY = "planner"
"""Name used for pauses and resumes, in the audit log."""
_NOT_FOUND = "ExternalWorkflowExecutionNotFound"
"""The SDK's error type for a signal to a workflow that does not run."""
_FIRST_OVERLAP = timedelta(minutes=10)
"""Time before its beginning from which an object is polled whose stream never landed anything."""
_NOTICED = 0.1
"""Smallest relative change of an interval that is sent to the polled lane: it polls at once when it
receives one.
"""


class HandOver:
    """The moves of one org's objects."""

    def __init__(self, org: str, overlap: timedelta) -> None:
        self._org = org
        self._overlap = overlap

    async def begin(self, followed: FollowedObject, plan: ObjectPlan) -> ObjectState:
        """Follow an object of which this planner knows nothing.

        Lanes that are there already may be paused or not: then it is polled first, which is safe
        whatever they did before.
        """
        now = workflow.now()
        state = ObjectState(
            followed=followed,
            following=Following.STREAM if plan.way is Way.STREAM else Following.POLL,
            since=now,
            why=plan.reason,
            followed_since=now,
            every=plan.every,
        )
        if any([(await self._end(lane)).exists for lane in (followed.lane, followed.poll_lane)]):
            return state.model_copy(update={"following": Following.TO_POLL, "is_found": True})
        await self._open(self._stream(state, None) if plan.way is Way.STREAM else self._polled(state, None))
        return state

    async def advance(self, state: ObjectState, look: LaneLook, plan: ObjectPlan) -> ObjectState:
        """The next step of an object that is, or should be, on its way from one lane to the
        other.
        """
        match state.following:
            case Following.STREAM if plan.way is Way.POLL:
                state = _turned(state, Following.TO_POLL, plan)
            case Following.POLL if plan.way is Way.STREAM:
                state = _turned(state, Following.TO_STREAM, plan)
            case Following.TO_POLL if plan.way is Way.STREAM and not state.is_found:
                # The stream was never paused.
                await self._pause(state.followed.poll_lane, plan.reason)
                return _turned(state, Following.STREAM, plan)
            case Following.TO_STREAM if plan.way is Way.POLL:
                # The polling was never paused.
                await self._pause(state.followed.lane, plan.reason)
                await self._tell_unsettled(state, reads=False)
                return _turned(state, Following.POLL, plan)
            case _:
                pass
        if state.following is Following.TO_POLL:
            return await self._to_poll(state, look, plan)
        if state.following is Following.TO_STREAM:
            return await self._to_stream(state, look, plan)
        return await self._told(state, plan) if plan.way is Way.POLL else state

    async def _to_poll(self, state: ObjectState, look: LaneLook, plan: ObjectPlan) -> ObjectState:
        if not state.asked:
            newest = (await self._end(state.followed.lane)).last_changed_at
            first = state.followed_since - _FIRST_OVERLAP
            start_at = first if newest is None else newest - self._overlap
            state = state.model_copy(
                update={"every": plan.every or state.every, "start_at": start_at, "asked": True}
            )
            lane = self._polled(state, start_at)
            if not await self._open(lane):
                told = SetEveryInput(every=lane.every, start_at=start_at, reads_unsettled=False)
                await self._signal(lane.lane, names.SET_EVERY, told)
                await self._signal(lane.lane, names.RESUME, PauseInput(by=BY, reason=plan.reason))
            return state
        state = await self._told(state, plan)
        if look.read_through is None or state.start_at is None or look.read_through < state.start_at:
            return state
        await self._pause(state.followed.lane, state.why)
        return _turned(state, Following.POLL, plan)

    async def _to_stream(self, state: ObjectState, look: LaneLook, plan: ObjectPlan) -> ObjectState:
        if not state.asked:
            mark = (await self._end(state.followed.lane)).position
            lane = self._stream(state, mark)
            if not await self._open(lane):
                resume = PauseInput(by=BY, reason=plan.reason, skip_from=mark)
                await self._signal(lane.lane, names.RESUME, resume)
            await self._tell_unsettled(state, reads=True)
            return state.model_copy(update={"mark": mark, "asked": True})
        joined_at = state.joined_at or look.joined_at
        if joined_at is None or look.known_through is None or look.known_through < joined_at:
            return state.model_copy(update={"joined_at": joined_at})
        await self._pause(state.followed.poll_lane, state.why)
        return _turned(state, Following.STREAM, plan)

    async def _told(self, state: ObjectState, plan: ObjectPlan) -> ObjectState:
        """The polled lane knows its interval."""
        every = plan.every
        if every is None or (state.every is not None and abs(every / state.every - 1) <= _NOTICED):
            return state
        await self._signal(state.followed.poll_lane, names.SET_EVERY, SetEveryInput(every=every))
        return state.model_copy(update={"every": every})

    async def _tell_unsettled(self, state: ObjectState, *, reads: bool) -> None:
        every = state.every or POLL_EVERY
        told = SetEveryInput(every=every, reads_unsettled=reads)
        await self._signal(state.followed.poll_lane, names.SET_EVERY, told)

    def _polled(self, state: ObjectState, start_at: datetime | None) -> LaneInput:
        followed = state.followed
        lane = LaneInput(
            org=self._org,
            lane=followed.poll_lane,
            way=Way.POLL,
            object=followed.object,
            start_at=start_at,
        )
        return lane if state.every is None else lane.model_copy(update={"every": state.every})

    def _stream(self, state: ObjectState, mark: str | None) -> LaneInput:
        """`mark`: from here on new events only; None: everything that the bus retains."""
        followed = state.followed
        lane = LaneInput(org=self._org, lane=followed.lane, channel=followed.channel)
        changed = {"skip_from": mark, "first_replay": REPLAY_NEW_EVENTS}
        return lane if mark is None else lane.model_copy(update=changed)

    async def _open(self, lane: LaneInput) -> bool:
        """Start a lane; False when it runs already."""
        return await run(OPEN_LANE, lane, summary=f"start {lane.lane}")

    async def _end(self, lane: str) -> LaneEnd:
        request = LaneEndInput(org=self._org, lane=lane)
        return await run(FIND_LANE_END, request, summary=f"find the end of {lane}")

    async def _pause(self, lane: str, reason: str) -> None:
        try:
            await self._signal(lane, names.PAUSE, PauseInput(by=BY, reason=reason))
        except ApplicationError as error:
            if error.type != _NOT_FOUND:
                raise  # a lane that does not run is as good as paused

    async def _signal(self, lane: str, signal: str, request: Message) -> None:
        handle = workflow.get_external_workflow_handle(lane_workflow_id(self._org, lane))
        await handle.signal(signal, request)


def _turned(state: ObjectState, following: Following, plan: ObjectPlan) -> ObjectState:
    """The state at the beginning of `following`; a step between keeps the reason of the move."""
    return ObjectState(
        followed=state.followed,
        following=following,
        since=workflow.now(),
        why=state.why if following.way is state.following.way else plan.reason,
        followed_since=state.followed_since,
        every=state.every,
    )
