"""From a schedule that breaks a law to one of a few steps that still breaks it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.storm.fate import Strike, Weather
from tests.storm.plan import Act, Plan
from tests.storm.schedule import Outcome, run_schedule
from tests.storm.world import Parts

T = TypeVar("T")
MOST_RUNS = 80


def shrink(parts: Parts, found: Outcome, weather: Weather, most: int = MOST_RUNS) -> Outcome:
    """The smallest schedule that was found within `most` runs; it breaks the same law."""
    best, runs = found, 0

    def fails(acts: Sequence[Act], strikes: Sequence[Strike]) -> bool:
        nonlocal best, runs
        if runs >= most:
            return False
        runs += 1
        plan = Plan(found.plan.seed, tuple(acts))
        outcome = run_schedule(parts, plan, weather, frozenset(strikes))
        if law_of(outcome) != law_of(found):
            return False
        if outcome.size <= best.size:
            best = outcome
        return True

    strikes = _fewer(found.struck, lambda left: fails(found.plan.acts, left))
    acts = _fewer(found.plan.acts, lambda left: fails(left, strikes))
    _fewer(strikes, lambda left: fails(acts, left))
    return best


def law_of(outcome: Outcome) -> str:
    """The law that a schedule broke first; "" = none."""
    return outcome.broken[0].partition(":")[0] if outcome.broken else ""


def _fewer(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """Leave out as many items as can be, half of them first (delta debugging, Zeller 1999)."""
    size = max(1, len(items) // 2)
    while items:
        place = 0
        while place < len(items):
            left = [*items[:place], *items[place + size :]]
            if fails(left):
                items = left
            else:
                place += size
        if size == 1:
            break
        size //= 2
    return items
