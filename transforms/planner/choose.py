"""Choose how each object is followed, by events or by queries, at least cost that keeps the
freshness goal. Pure.

Delivered events serve nobody else, so within their limit they cost nothing; API calls are what
following takes from others. So the plan streams the objects whose events save the most calls,
and polls the rest at the longest interval that keeps the goal, with headroom if it can be paid.

The plan is calm: a stream stays until its events come near the limit, a polled object moves only
for a good saving, and the three limits for that lie so far apart that loads which differ by a
tenth give the same ways.
"""

from collections.abc import Iterable

from schemas.governor import Budget
from schemas.planner import ObjectLoad, Plan, PlanTask, Way
from transforms.planner.candidate import ENTER, FRESH, FULL, STAY, CandidateBuilder, PlanCandidate
from transforms.planner.explain import explained
from transforms.planner.knapsack import solve_knapsack

HEADROOM = 0.75
"""Of the goal that intervals are planned for: a late page or a slow commit then does not break it.
"""
WORTH_IT = 0.20
"""Of all API calls of following that a move must save."""
_ONLY_WAY = 1e12
"""Worth, in calls, of streaming an object that polling could not keep fresh."""


def make_plan(task: PlanTask) -> Plan:
    """The best plan for the task; the same task gives the same plan.

    A plan that fits spends no more than `may_spend`. One that does not fit polls as often as the
    budgets allow, and its problems end with what would help.
    """
    chooser = _Chooser(task)
    usual, draft = chooser.choose()
    return explained(task, draft, usual)


class _Chooser:
    def __init__(self, task: PlanTask) -> None:
        self._task = task
        self._drawer = CandidateBuilder(task)
        self._goal = task.freshness_goal.total_seconds()
        self._events = task.may_spend.get(Budget.DELIVERED_EVENTS, float("inf"))
        self._clients = int(min(task.may_spend.get(Budget.STREAMING_CLIENTS, float("inf")), len(task.loads)))
        self._pinned = [each for each in task.loads if each.can_stream and self._pin(each) is Way.STREAM]
        self._free = [each for each in task.loads if each.can_stream and self._pin(each) is None]

    def choose(self) -> tuple[frozenset[str], PlanCandidate]:
        """The streams that a plan without a past would have, and the plan."""
        anew = self._anew(ENTER if self._task.previous else FRESH)
        first = self._as_before(STAY) if self._task.previous else anew
        if first != anew and self._is_worth_it(first, anew):
            first = anew
        for streams in dict.fromkeys((first, anew)):
            if (draft := self._fitting(streams)) is not None:
                return anew, draft
        # Nothing fits with events to spare: use them up.
        last = [self._as_before(FULL)] if self._task.previous else []
        for streams in (*last, self._anew(FULL, at_goal=True)):
            if (draft := self._fitting(streams)) is not None:
                return anew, draft
        return anew, self._drawer.stretched(first)

    def _fitting(self, streams: frozenset[str]) -> PlanCandidate | None:
        for freshness in (HEADROOM * self._goal, self._goal):
            draft = self._drawer.draw(streams, freshness)
            if draft.fits:
                return draft
        return None

    def _is_worth_it(self, present: frozenset[str], other: frozenset[str]) -> bool:
        before = self._drawer.draw(present, HEADROOM * self._goal)
        after = self._drawer.draw(other, HEADROOM * self._goal)
        if before.stale != after.stale:
            return len(after.stale) < len(before.stale)
        return after.calls <= (1 - WORTH_IT) * before.calls

    def _anew(self, part: float, *, at_goal: bool = False) -> frozenset[str]:
        """The best streams for anyone who starts now."""
        return self._with(self._pinned, self._free, part, at_goal=at_goal)

    def _as_before(self, part: float) -> frozenset[str]:
        """The streams of the last plan, without those that have become too many events; newcomers
        as they come.
        """
        previous = self._task.previous
        present = [load for load in self._free if previous.get(load.object) is Way.STREAM]
        kept = self._with(self._pinned, present, part)
        streams = [load for load in self._task.loads if load.object in kept]
        return self._with(
            streams, [load for load in self._free if load.object not in previous], min(part, FRESH)
        )

    def _with(
        self, base: Iterable[ObjectLoad], more: list[ObjectLoad], part: float, *, at_goal: bool = False
    ) -> frozenset[str]:
        """`base`, and those of `more` that save the most calls while all events fit into the part
        of the limit.
        """
        taken = list(base)
        room = part * self._events - sum(load.changes_per_day for load in taken)
        weights = [load.changes_per_day for load in more]
        freshness = self._goal if at_goal else HEADROOM * self._goal
        worths = [self._worth(load, freshness) for load in more]
        places = solve_knapsack(weights, worths, room)
        best = sorted(places, key=lambda place: (-worths[place], place))
        best = best[: max(0, self._clients - len(taken))]
        return frozenset(load.object for load in (*taken, *(more[place] for place in best)))

    def _worth(self, load: ObjectLoad, freshness: float) -> float:
        """API calls that streaming it would save."""
        option = self._drawer.cheapest(load, freshness)
        return _ONLY_WAY if option is None else option.calls

    def _pin(self, load: ObjectLoad) -> Way | None:
        return self._task.pins.get(load.object)
