"""A draft as a plan: each object's reason in a sentence, and what does not fit, with what would
help. Pure.
"""

import math
from datetime import timedelta

from schemas.governor import Budget
from schemas.planner import ObjectLoad, ObjectPlan, Plan, PlanTask, Way
from transforms.planner.candidate import FRESH, CandidateBuilder, PlanCandidate
from transforms.planner.cost import STREAM_FRESHNESS, stream_spends

_CALLED = {
    Budget.API_CALLS: "API calls",
    Budget.BULK_QUERY_JOBS: "Bulk query jobs",
    Budget.BULK_QUERY_BYTES: "bytes of Bulk results",
    Budget.DELIVERED_EVENTS: "delivered events",
    Budget.STREAMING_CLIENTS: "streaming clients",
}


def explained(task: PlanTask, draft: PlanCandidate, usual: frozenset[str]) -> Plan:
    """The plan of a draft; `usual` are the objects that a plan without a past would stream."""
    reasons = _Reasons(task, draft, usual)
    objects = tuple(_object_plan(load, draft, reasons.of(load)) for load in task.loads)
    problems = _Problems(task, draft).all()
    keeps_goal = draft.fits and draft.freshness <= task.freshness_goal.total_seconds()
    return Plan(objects=objects, fits=keeps_goal and not problems, problems=tuple(problems))


def _object_plan(load: ObjectLoad, draft: PlanCandidate, reason: str) -> ObjectPlan:
    if load.object in draft.streams:
        return ObjectPlan(
            object=load.object,
            way=Way.STREAM,
            freshness=timedelta(seconds=STREAM_FRESHNESS),
            spends=stream_spends(load),
            reason=reason,
        )
    option = draft.polls[load.object]
    return ObjectPlan(
        object=load.object,
        way=Way.POLL,
        transport=option.transport,
        every=timedelta(seconds=option.every),
        freshness=timedelta(seconds=option.freshness),
        spends=option.spends,
        reason=reason,
    )


class _Reasons:
    def __init__(self, task: PlanTask, draft: PlanCandidate, usual: frozenset[str]) -> None:
        self._task = task
        self._draft = draft
        self._usual = usual
        self._drawer = CandidateBuilder(task)

    def of(self, load: ObjectLoad) -> str:
        streamed = load.object in self._draft.streams
        pin = self._task.pins.get(load.object)
        if pin is not None and (pin is Way.STREAM) == streamed:
            return f"Pinned to {pin} by an operator."
        if not load.can_stream:
            return "No channel could stream it."
        if streamed:
            return self._of_stream(load)
        if load.object in self._usual:
            return "Kept: streaming it would save too little to move."
        if self._task.may_spend.get(Budget.DELIVERED_EVENTS, 1.0) <= 0:
            return "No delivered events can be had at present."
        return f"Its {load.changes_per_day:,.0f} events a day are more than can be spared for it."

    def _of_stream(self, load: ObjectLoad) -> str:
        cheapest = self._drawer.cheapest(load, self._task.freshness_goal.total_seconds())
        if cheapest is None:
            return "Polling could not keep it fresh enough."
        events = f"{load.changes_per_day:,.0f} events a day"
        if load.object not in self._usual:
            return f"Kept: its {events} still fit."
        return f"Its {events} fit, and save the {cheapest.calls:,.0f} API calls of polling it."


class _Problems:
    def __init__(self, task: PlanTask, draft: PlanCandidate) -> None:
        self._task = task
        self._draft = draft
        self._drawer = CandidateBuilder(task)
        self._goal = task.freshness_goal.total_seconds()

    def all(self) -> list[str]:
        return [*self._pins(), *self._events(), *self._polling(), *self._stale()]

    def _pins(self) -> list[str]:
        return [
            f"{load.object} is pinned to stream, but no channel could stream it: unpin it."
            for load in self._task.loads
            if self._task.pins.get(load.object) is Way.STREAM and not load.can_stream
        ]

    def _events(self) -> list[str]:
        found = []
        for budget in (Budget.DELIVERED_EVENTS, Budget.STREAMING_CLIENTS):
            over = self._draft.over.get(budget)
            if over is not None:
                found.append(
                    f"The objects pinned to stream need {self._draft.spends[budget]:,.0f} {_CALLED[budget]}, "
                    f"and {self._task.may_spend[budget]:,.0f} may be spent: raise the entitlement "
                    f"by {math.ceil(over):,}, or unpin one of them."
                )
        return found

    def _polling(self) -> list[str]:
        """The spending that the goal would take of each budget."""
        wanted = self._drawer.draw(self._draft.streams, self._goal)
        found = []
        for budget in (Budget.API_CALLS, Budget.BULK_QUERY_JOBS, Budget.BULK_QUERY_BYTES):
            if budget not in wanted.over:
                continue
            more = math.ceil(wanted.over[budget])
            remedies = [
                self._more_events(wanted),
                f"{more:,} more {_CALLED[budget]} a day",
                self._looser_goal(budget),
            ]
            found.append(
                f"Keeping every object fresh within {self._goal:.0f} s would take {wanted.spends[budget]:,.0f} "
                f"{_CALLED[budget]} a day, and {self._task.may_spend[budget]:,.0f} may be spent. "
                f"What would help: {'; or '.join(filter(None, remedies))}."
            )
        return found

    def _more_events(self, wanted: PlanCandidate) -> str:
        """The fewest more delivered events, the cheapest objects first, with which the rest could
        be polled in time.
        """
        calls = wanted.over.get(Budget.API_CALLS, 0.0)
        events = wanted.spends.get(Budget.DELIVERED_EVENTS, 0.0)
        for load in sorted(
            self._movable(), key=lambda load: load.changes_per_day / wanted.polls[load.object].calls
        ):
            if calls <= 0:
                break
            calls -= wanted.polls[load.object].calls
            events += load.changes_per_day
        more = events / FRESH - self._task.may_spend.get(Budget.DELIVERED_EVENTS, math.inf)
        if calls > 0 or more <= 0:
            return ""
        return f"an entitlement of delivered events that is higher by {math.ceil(more):,} a day"

    def _movable(self) -> list[ObjectLoad]:
        return [load for load in self._task.loads if self._is_movable(load)]

    def _is_movable(self, load: ObjectLoad) -> bool:
        """It is polled, and may be streamed."""
        is_polled = load.object in self._draft.polls
        return is_polled and load.can_stream and self._task.pins.get(load.object) is not Way.POLL

    def _looser_goal(self, budget: Budget) -> str:
        return "" if budget in self._draft.over else f"a goal of {math.ceil(self._draft.freshness)} s"

    def _stale(self) -> list[str]:
        found = []
        for load in self._task.loads:
            if load.object not in self._draft.stale:
                continue
            if load.object in self._draft.streams:
                found.append(
                    f"{load.object}: a stream is {STREAM_FRESHNESS} s behind, and the goal is {self._goal:.0f} s: "
                    f"set a goal of at least {STREAM_FRESHNESS} s."
                )
                continue
            stream = f"{load.changes_per_day / FRESH:,.0f} delivered events a day to stream it, or "
            found.append(
                f"{load.object}: with {load.changes_per_minute:,.0f} changes a minute no polling keeps it fresh within "
                f"{self._goal:.0f} s; {self._draft.polls[load.object].freshness:,.0f} s can be had. What would help: "
                f"{stream if self._is_movable(load) else ''}that goal."
            )
        return found
