"""A lane, forever: holds its position and its pause, and keeps one follower at work.

What cannot be retried (a refused credential, an expired replay id) pauses the lane with the
reason instead of ending it: an operator fixes it and resumes, and nothing has to be started
again.
"""

import asyncio

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ids import ORIGIN
    from schemas.ingest.messages import (
        Act,
        FollowInput,
        FollowResult,
        LaneInput,
        LaneState,
        MovePositionInput,
        PauseInput,
        PollInput,
        SetEveryInput,
    )
    from schemas.ingest.positions import is_polled
    from schemas.planner import Way
    from schemas.status_facts import LaneMemo
    from workflows.contracts.ingest import FOLLOW_LANE, POLL_LANE
    from workflows.origins import act_of, asked_by, said_by
    from workflows.runtime import failure_message, keep_record, start

_STAGE = SearchAttributeKey.for_keyword("Stage")
_POSITION = SearchAttributeKey.for_keyword("Position")
_KEEPS_MEMO = "lane-memo"
"""Histories without this mark are of releases whose lanes kept no memo."""


@workflow.defn(name=names.LANE_WORKFLOW)
class LaneWorkflow:
    """`lane/{org}/{lane}`. Signals: pause, resume, set_every. Update: move_position. Query:
    state.
    """

    @workflow.init
    def __init__(self, lane: LaneInput) -> None:
        self._lane = lane
        self._began_at = lane.began_at or workflow.now()
        self._position = lane.position
        self._paused = lane.paused
        self._because = lane.paused_because
        self._paused_by = lane.paused_by
        self._paused_at = lane.paused_at
        self._interrupt = False
        self._acts: list[Act] = []

    @workflow.run
    async def run(self, lane: LaneInput) -> None:  # noqa: ARG002 -- @workflow.init has taken it
        recorder = asyncio.create_task(keep_record(self._acts))
        info = workflow.info()
        while not info.is_continue_as_new_suggested():
            if self._paused:
                self._show("paused")
                # Acts make the history of a paused lane grow, too.
                await workflow.wait_condition(lambda: not self._paused or info.is_continue_as_new_suggested())
            else:
                await self._follow()
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._acts)
        recorder.cancel()
        workflow.continue_as_new(self._carried())

    async def _follow(self) -> None:
        """One stretch; ends early when the lane is paused."""
        self._show("following")
        self._interrupt = False
        follower = self._poller() if self._lane.way is Way.POLL else self._follower()
        await workflow.wait_condition(lambda: self._interrupt or follower.done())
        if not follower.done():
            follower.cancel()
        try:
            self._position = (await follower).position
        except ActivityError as error:
            # A follower that was cancelled and failed instead is no reason to pause; a real failure
            # recurs.
            if not (is_cancelled_exception(error) or self._interrupt):
                self._paused, self._paused_by, self._paused_at = True, "", workflow.now()
                self._because = failure_message(error)

    def _follower(self) -> workflow.ActivityHandle[FollowResult]:
        request = FollowInput(
            org=self._lane.org,
            lane=self._lane.lane,
            channel=self._lane.channel,
            position=self._position,
            first_replay=self._lane.first_replay,
            skip_from=self._lane.skip_from,
            began_at=self._began_at,
        )
        return start(FOLLOW_LANE, request, summary=f"follow {self._lane.channel}")

    def _poller(self) -> workflow.ActivityHandle[FollowResult]:
        request = PollInput(
            org=self._lane.org,
            lane=self._lane.lane,
            object=self._lane.object,
            position=self._position,
            every=self._lane.every,
            began_at=self._began_at,
            start_at=self._lane.start_at,
            reads_unsettled=self._lane.reads_unsettled,
        )
        return start(POLL_LANE, request, summary=f"poll {self._lane.object}")

    @workflow.signal(name=names.PAUSE)
    def pause(self, request: PauseInput) -> None:
        """Stop following after what has been landed; the org's event bus keeps the rest for 72
        hours.
        """
        if request.is_handover and self._paused:
            return  # an operator, or an earlier hand-over, paused it
        who = said_by(request.by)
        self._paused, self._paused_by, self._paused_at = True, who, workflow.now()
        self._because = f"paused by {who}: {request.reason or 'no reason given'}"
        self._interrupt = True
        self._note("lane.pause", request.by, request.reason)

    @workflow.signal(name=names.RESUME)
    def resume(self, request: PauseInput) -> None:
        """Follow again from the position."""
        if request.is_handover and self._paused_by != said_by(request.by):
            return
        if request.skip_from is not None:
            self._lane = self._lane.model_copy(update={"skip_from": request.skip_from})
        self._paused, self._paused_by, self._paused_at = False, "", None
        self._because = ""
        self._note("lane.resume", request.by, request.reason)

    @workflow.signal(name=names.SET_EVERY)
    def set_every(self, request: SetEveryInput) -> None:
        """Poll at another interval, at once. A stream takes no notice."""
        changed: dict[str, object] = {"every": request.every}
        if request.start_at is not None:
            changed["start_at"] = request.start_at
        if request.reads_unsettled is not None:
            changed["reads_unsettled"] = request.reads_unsettled
        lane = self._lane.model_copy(update=changed)
        if self._lane.way is Way.POLL and lane != self._lane:
            self._lane = lane
            self._interrupt = True

    @workflow.update(name=names.MOVE_POSITION)
    def move_position(self, request: MovePositionInput) -> LaneState:
        """Look for the chain's end from another position; only while the lane is paused."""
        if not self._paused:
            message = f"The lane {self._lane.lane} is running. Pause it, move its position, then resume it."
            raise ApplicationError(message, type="LaneRunning")
        if not self._is_ours(request.position):
            message = f"{request.position} is not a position of {self._lane.lane}. Take the start of one of its batches."
            raise ApplicationError(message, type="WrongPosition")
        detail = f"{self._position} -> {request.position}: {request.reason}"
        self._position = request.position
        self._note("lane.move_position", request.by, detail)
        self._show("paused")
        return self.state()

    @workflow.query(name=names.LANE_STATE)
    def state(self) -> LaneState:
        """Position, pause, and what it follows."""
        return LaneState(
            org=self._lane.org,
            lane=self._lane.lane,
            channel=self._lane.channel,
            position=self._position,
            paused=self._paused,
            paused_because=self._because,
            way=self._lane.way,
            object=self._lane.object,
            every=self._lane.every if self._lane.way is Way.POLL else None,
        )

    def _is_ours(self, position: str) -> bool:
        if self._lane.way is Way.POLL:
            return position == ORIGIN or is_polled(position)
        return position == ORIGIN or position.isdigit()

    def _note(self, act: str, by: str, detail: str) -> None:
        self._acts.append(act_of(act, by, detail, asked_by()))

    def _carried(self) -> LaneInput:
        changed = {
            "position": self._position,
            "paused": self._paused,
            "paused_because": self._because,
            "paused_by": self._paused_by,
            "paused_at": self._paused_at,
            "began_at": self._began_at,
        }
        return self._lane.model_copy(update=changed)

    def _show(self, stage: str) -> None:
        workflow.upsert_search_attributes([_STAGE.value_set(stage), _POSITION.value_set(self._position)])
        if workflow.patched(_KEEPS_MEMO):
            workflow.upsert_memo({names.LANE_MEMO: self._memo().model_dump(mode="json")})
        because = f"\n\n> {self._because}" if self._because else ""
        workflow.set_current_details(
            f"**{stage}** · {self._followed()} · from position `{self._position}`{because}"
        )

    def _memo(self) -> LaneMemo:
        """For those who look while no worker could answer a query."""
        return LaneMemo(
            way=str(self._lane.way),
            channel=self._lane.channel or self._lane.object,
            paused_because=self._because,
            paused_by=self._paused_by,
            paused_at=self._paused_at,
        )

    def _followed(self) -> str:
        if self._lane.way is Way.STREAM:
            return f"channel `{self._lane.channel}`"
        return f"object `{self._lane.object}` every {self._lane.every.total_seconds():.0f} s"
