"""A plan in numbers: the streamed objects, the intervals of the others, and the spending of all."""

from bisect import bisect_left
from dataclasses import dataclass

from schemas.governor import Budget
from schemas.planner import ObjectLoad, PlanTask, Transport
from transforms.planner.cost import (
    LONGEST_EVERY,
    STREAM_FRESHNESS,
    Option,
    Spends,
    bulk_option,
    longest_bulk,
    longest_rest,
    stream_spends,
)

_STRETCHES = [1.25**step for step in range(1, 30)]
"""Of the goal, when it cannot be kept: as little longer as the budgets allow."""
STAY = 0.85
"""Of the events that may be delivered that streams may need and still stay: beyond it some move,
before it is used up.
"""
FRESH = 0.77
"""The same, for objects that go no way yet: a tenth below `STAY`."""
ENTER = 0.68
"""The same, for a polled object to become a stream: a tenth below `FRESH`."""
FULL = 1.0
"""The same, when no plan would fit otherwise."""
_POLLING = (Budget.API_CALLS, Budget.BULK_QUERY_JOBS, Budget.BULK_QUERY_BYTES)


@dataclass(frozen=True)
class Draft:
    """Every object's way in numbers."""

    streams: frozenset[str]
    polls: dict[str, Option]
    spends: Spends
    over: dict[Budget, float]
    """Budget -> how much more than may be spent."""
    stale: frozenset[str]
    """Objects that no interval keeps as fresh as was asked for."""
    freshness: float
    """Seconds that intervals were chosen for."""

    @property
    def fits(self) -> bool:
        return not self.over and not self.stale

    @property
    def calls(self) -> float:
        return self.spends.get(Budget.API_CALLS, 0.0)


class Drawer:
    """Draws drafts of one task; remembers what an object costs at each freshness."""

    def __init__(self, task: PlanTask) -> None:
        self._task = task
        self._options: dict[tuple[str, float], tuple[Option | None, Option | None]] = {}

    def draw(self, streams: frozenset[str], freshness: float) -> Draft:
        """The cheapest polling of all objects that are not streamed, `freshness` seconds being
        enough.
        """
        polled = [load for load in self._task.loads if load.object not in streams]
        bulk = self._bulk_readers(polled, freshness)
        polls: dict[str, Option] = {}
        stale: set[str] = set()
        for load in polled:
            option = self._options_of(load, freshness)[load.object in bulk]
            if option is None:
                stale.add(load.object)
                option = self._least_stale(load, freshness)
            polls[load.object] = option
        slow = self._slow_streams(streams, freshness)
        return self._summed(streams, polls, frozenset(stale | slow), freshness)

    def stretched(self, streams: frozenset[str]) -> Draft:
        """Intervals as much longer as polling's budgets ask for; the longest when even those are
        not enough.
        """
        goal = self._task.freshness_goal.total_seconds()
        freshnesses = [goal, *(goal * stretch for stretch in _STRETCHES)]
        place = bisect_left(freshnesses, x=True, key=lambda each: self._can_poll(self.draw(streams, each)))
        return self.draw(streams, freshnesses[min(place, len(freshnesses) - 1)])

    def cheapest(self, load: ObjectLoad, freshness: float) -> Option | None:
        """The fewest API calls that poll an object so fresh; None when nothing does."""
        found = [option for option in self._options_of(load, freshness) if option is not None]
        return min(found, key=lambda option: option.calls, default=None)

    def _can_poll(self, draft: Draft) -> bool:
        return not any(budget in draft.over for budget in _POLLING)

    def _slow_streams(self, streams: frozenset[str], freshness: float) -> set[str]:
        return set(streams) if freshness < STREAM_FRESHNESS else set()

    def _bulk_readers(self, polled: list[ObjectLoad], freshness: float) -> set[str]:
        """Objects that Bulk reads with fewer API calls, the most saving a job first, as far as jobs
        and bytes reach.
        """
        savings: list[tuple[float, int, ObjectLoad, Option]] = []
        for place, load in enumerate(polled):
            rest, bulk = self._options_of(load, freshness)
            if bulk is not None and (rest is None or bulk.calls < rest.calls):
                saved = float("inf") if rest is None else rest.calls - bulk.calls
                savings.append((-saved / bulk.spends[Budget.BULK_QUERY_JOBS], place, load, bulk))
        left = {budget: self._may_spend(budget) for budget in _POLLING[1:]}
        readers: set[str] = set()
        for _, _, load, bulk in sorted(savings, key=lambda saving: saving[:2]):
            left = {budget: room - bulk.spends[budget] for budget, room in left.items()}
            if min(left.values()) < 0:
                break
            readers.add(load.object)
        return readers

    def _least_stale(self, load: ObjectLoad, freshness: float) -> Option:
        for stretch in _STRETCHES:
            option = self.cheapest(load, freshness * stretch)
            if option is not None and (option.transport is Transport.REST or self._can_pay(option)):
                return option
        return bulk_option(load, LONGEST_EVERY)

    def _can_pay(self, option: Option) -> bool:
        return all(spent <= self._may_spend(budget) for budget, spent in option.spends.items())

    def _options_of(self, load: ObjectLoad, freshness: float) -> tuple[Option | None, Option | None]:
        """By REST, by Bulk."""
        key = (load.object, freshness)
        if key not in self._options:
            self._options[key] = (longest_rest(load, freshness), longest_bulk(load, freshness))
        return self._options[key]

    def _summed(
        self, streams: frozenset[str], polls: dict[str, Option], stale: frozenset[str], freshness: float
    ) -> Draft:
        total: Spends = {}
        for load in self._task.loads:
            spends = stream_spends(load) if load.object in streams else polls[load.object].spends
            for budget, spent in spends.items():
                total[budget] = total.get(budget, 0.0) + spent
        over = {
            budget: spent - self._may_spend(budget)
            for budget, spent in total.items()
            if spent > self._may_spend(budget)
        }
        return Draft(streams, polls, total, over, stale, freshness)

    def _may_spend(self, budget: Budget) -> float:
        return self._task.may_spend.get(budget, float("inf"))
