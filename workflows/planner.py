"""Follow each object of an org: measure, plan and move it, before a budget is used up.

Every minute the loads are measured and a plan is made; objects whose way has changed are handed
over from lane to lane. Between two plans the lanes are watched, so that a stream that is refused
its deliveries is moved at once.
"""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ingest.messages import Act, PauseInput
    from schemas.planner import (
        DrawPlanInput,
        FollowedObject,
        Following,
        LanePoint,
        LaneStatus,
        ObjectPlan,
        ObjectState,
        PinInput,
        PlannerInput,
        PlannerView,
        PlanResult,
        WatchLanesInput,
    )
    from workflows.contracts.planner import DRAW_PLAN, WATCH_LANES
    from workflows.origins import act_of, asked_by
    from workflows.planner_handover import Handover
    from workflows.runtime import failure_message, is_history_long, keep_record, run, start

_NO_STREAMS = timedelta(hours=1)
"""After a refusal no object moves to a stream for so long: what was spent a day ago must drop out
first. A recheck that finds room ends it.
"""
_FIRST_LOOK = timedelta(seconds=2)
"""Until the next try, while there is no plan yet."""


@workflow.defn(name=names.PLANNER_WORKFLOW)
class PlannerWorkflow:
    """`planner/{org}`. Signal: allow_streams. Updates: pin, unpin. Query: plan."""

    @workflow.init
    def __init__(self, planner: PlannerInput) -> None:
        self._planner = planner
        self._hand_over = Handover(planner.org, planner.overlap)
        self._states = {state.followed.object: state for state in planner.states}
        self._pins = dict(planner.pins)
        self._no_streams_until = planner.no_streams_until
        self._looks: dict[str, LaneStatus] = {}
        self._refused: set[str] = set()
        self._drawn: PlanResult | None = None
        self._plan_at: datetime | None = None
        self._wake = False
        self._notes: dict[str, str] = {}
        self._trouble = ""
        self._acts: list[Act] = []

    @workflow.run
    async def run(self, planner: PlannerInput) -> None:  # noqa: ARG002 -- @workflow.init has taken it
        recorder = asyncio.create_task(keep_record(self._acts))
        while not is_history_long():
            await self._watch()
            if self._is_due():
                await self._draw()
            await self._advance()
            self._show()
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._acts)
        recorder.cancel()
        workflow.continue_as_new(self._carried())

    def _is_due(self) -> bool:
        return self._wake or self._plan_at is None or workflow.now() >= self._plan_at

    async def _watch(self) -> None:
        """Wait until something is to be done, and see how the lanes are."""
        if self._plan_at is None:
            return
        request = WatchLanesInput(
            org=self._planner.org,
            points=tuple(map(_point, self._states.values())),
            wait=self._patience(),
            every=self._planner.look_every,
            overlap=self._planner.overlap,
            known=tuple(sorted(self._refused)),
        )
        watching = start(WATCH_LANES, request, summary="watch the lanes")
        await workflow.wait_condition(lambda: self._wake or watching.done())
        if not watching.done():
            watching.cancel()
        try:
            looks = (await watching).looks
        except ActivityError as error:
            self._looks = {}
            if not self._wake:
                self._trouble = failure_message(error)
            return
        self._looks = {look.object: look for look in looks}
        self._take_refusals()

    def _patience(self) -> timedelta:
        """Until the next plan; a hand-over is looked at more often."""
        left = max(timedelta(0), (self._plan_at or workflow.now()) - workflow.now())
        is_moving = any(state.following.is_move for state in self._states.values())
        return min(left, self._planner.look_every) if is_moving else left

    def _take_refusals(self) -> None:
        refused = {name for name, look in self._looks.items() if look.refused}
        if refused - self._refused:
            self._no_streams_until = workflow.now() + _NO_STREAMS
            self._wake = True
        self._refused = refused

    async def _draw(self) -> None:
        """A new plan; without one the present ways go on."""
        self._wake = False
        request = DrawPlanInput(
            org=self._planner.org,
            goal=self._planner.goal,
            pins=self._pins,
            previous={name: state.following.way for name, state in self._states.items()},
            no_streams=self._no_streams_until is not None and workflow.now() < self._no_streams_until,
        )
        try:
            drawn = await run(DRAW_PLAN, request, summary="make a plan")
        except ActivityError as error:
            self._trouble = failure_message(error)
            self._plan_at = workflow.now() + self._planner.plan_every
            return
        self._trouble = drawn.trouble
        self._drawn = drawn if drawn.plan is not None else self._drawn
        wait = self._planner.plan_every if self._drawn is not None else _FIRST_LOOK
        self._plan_at = workflow.now() + wait

    async def _advance(self) -> None:
        if self._drawn is None or self._drawn.plan is None:
            return
        await asyncio.gather(*(self._advance_object(plan) for plan in self._drawn.plan.objects))

    async def _advance_object(self, plan: ObjectPlan) -> None:
        """One step of one object; what fails is tried again at the next look."""
        name = plan.object
        state = self._states.get(name)
        try:
            if state is None:
                self._states[name] = await self._hand_over.begin(self._followed(name), plan)
            else:
                look = self._looks.get(name, LaneStatus(object=name))
                self._states[name] = await self._hand_over.advance(state, look, plan)
                if self._states[name].following is not state.following:
                    self._looks.pop(name, None)  # it tells of lanes as they were before
            self._notes[name] = self._note_of(name)
        except FailureError as error:
            self._notes[name] = failure_message(error)

    def _followed(self, name: str) -> FollowedObject:
        assert self._drawn is not None  # noqa: S101 -- only objects of a drawn plan come here
        return next(each for each in self._drawn.followed if each.object == name)

    def _note_of(self, name: str) -> str:
        look, state = self._looks.get(name, LaneStatus(object=name)), self._states[name]
        if look.refused or look.trouble:
            return look.refused or look.trouble
        if state.following is Following.TO_POLL:
            return "the stream goes on until the object has been polled"
        if state.following is not Following.TO_STREAM:
            return ""
        if state.joined_at is None:
            return "polling goes on until the stream has landed a batch; polling a quiet object costs little"
        return f"polling goes on until it has read through {state.joined_at:%H:%M:%S} UTC"

    @workflow.signal(name=names.ALLOW_STREAMS)
    def allow_streams(self, request: PauseInput) -> None:  # noqa: ARG002 -- the recheck is on record
        """The org delivers again, as a recheck has found: plan with streams at once."""
        self._no_streams_until = None
        self._wake = True

    @workflow.update(name=names.PIN)
    def pin(self, request: PinInput) -> PlannerView:
        """Bind an object to a way, whatever it costs; a plan is made at once."""
        known = (
            {each.object for each in self._drawn.followed} if self._drawn is not None else set(self._states)
        )
        if request.way is None or request.object not in known:
            detail = f"the way is missing, or {request.object} is none of {', '.join(sorted(known))}"
            raise ApplicationError(f"Nothing was pinned: {detail}. Correct the request.", type="NotPinned")
        self._pins[request.object] = request.way
        self._note("planner.pin", request, f"{request.object} to {request.way}: {request.reason}")
        return self.plan()

    @workflow.update(name=names.UNPIN)
    def unpin(self, request: PinInput) -> PlannerView:
        """Let the plan decide again; an object that is not pinned stays as it is."""
        self._pins.pop(request.object, None)
        self._note("planner.unpin", request, f"{request.object}: {request.reason}")
        return self.plan()

    @workflow.query(name=names.PLAN)
    def plan(self) -> PlannerView:
        """The last plan, and where each object is."""
        return PlannerView(
            org=self._planner.org,
            drawn=self._drawn,
            objects=tuple(state for _, state in sorted(self._states.items())),
            pins=self._pins,
            notes={name: note for name, note in self._notes.items() if note},
            trouble=self._trouble,
        )

    def _note(self, act: str, request: PinInput, detail: str) -> None:
        self._wake = True
        self._acts.append(act_of(act, request.by, detail, asked_by()))

    def _carried(self) -> PlannerInput:
        changed = {
            "pins": self._pins,
            "states": tuple(self._states.values()),
            "no_streams_until": self._no_streams_until,
        }
        return self._planner.model_copy(update=changed)

    def _show(self) -> None:
        rows = ["| object | way | every | since (UTC) | why | next |", "|---|---|--:|---|---|---|"]
        for name, state in sorted(self._states.items()):
            polls = state.following is not Following.STREAM and state.every is not None
            every = f"{state.every.total_seconds():.0f} s" if polls and state.every else ""
            pinned = " (pinned)" if name in self._pins else ""
            rows.append(
                f"| {name} | {state.following.value.replace('_', ' ')}{pinned} | {every} "
                f"| {state.since:%d %b %H:%M:%S} | {state.why} | {self._notes.get(name, '')} |"
            )
        plan = self._drawn.plan if self._drawn is not None else None
        said = [*(plan.problems if plan is not None else ()), *filter(None, [self._trouble])]
        workflow.set_current_details("\n".join(rows) + "".join(f"\n\n> {sentence}" for sentence in said))


def _point(state: ObjectState) -> LanePoint:
    is_joining = state.following is Following.TO_STREAM and state.asked and state.joined_at is None
    return LanePoint(followed=state.followed, mark=state.mark if is_joining else None)
