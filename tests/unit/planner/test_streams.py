"""The streams that the planner chooses: who has the events and the clients when there are too few,
and when it is worth to move.
"""

from datetime import timedelta
from typing import Any

import pytest

from schemas.governor import Budget
from schemas.planner import ObjectLoad, PlanTask, Way
from transforms.planner.choose import make_plan

CALLS, EVENTS, CLIENTS = Budget.API_CALLS, Budget.DELIVERED_EVENTS, Budget.STREAMING_CLIENTS
BEFORE = dict.fromkeys("ABCDEF", Way.POLL)


def load(name: str, a_day: float, *, a_minute: float = 1, can_stream: bool = True) -> ObjectLoad:
    """One page a window, unless `a_minute` says otherwise."""
    return ObjectLoad(object=name, changes_per_day=a_day, changes_per_minute=a_minute, can_stream=can_stream)


def streams(
    *loads: ObjectLoad, goal: float = 120, may: dict[Budget, float] | None = None, **task: Any
) -> set[str]:
    given = PlanTask(
        loads=loads,
        may_spend={EVENTS: 42_000.0, **(may or {})},
        freshness_goal=timedelta(seconds=goal),
        **task,
    )
    return {each.object for each in make_plan(given).objects if each.way is Way.STREAM}


TWO_PAGES = 4_000 / 70 * 60
"""Changes a minute with which a window of 70 s takes two pages."""


def test_the_last_client_goes_to_the_object_that_takes_the_most_calls_to_poll() -> None:
    quiet, busy = load("A", 10_000), load("B", 10_000, a_minute=TWO_PAGES)
    assert streams(quiet, busy) == {"A", "B"}
    assert streams(quiet, busy, may={CLIENTS: 1}) == {"B"}
    assert streams(quiet, busy, may={CLIENTS: 0}) == set()


def test_the_last_events_go_to_the_object_that_takes_the_most_calls_to_poll() -> None:
    assert streams(load("A", 30_000), load("B", 30_000, a_minute=TWO_PAGES)) == {"B"}


def test_a_pinned_stream_takes_a_client_and_its_events_from_the_others() -> None:
    pinned, free = load("A", 30_000), [load(name, 1_000) for name in "BCD"]
    pins = {"A": Way.STREAM}
    assert streams(pinned, *free, pins=pins, may={CLIENTS: 2}) == {"A", "B"}
    assert streams(pinned, *free, pins=pins, may={CLIENTS: 1}) == {"A"}
    assert streams(pinned, load("B", 10_000), pins=pins) == {"A"}
    assert streams(load("A", 50_000), load("B", 10_000), load("C", 0), pins=pins) == {"A"}


def test_an_object_that_cannot_be_streamed_or_is_pinned_to_poll_is_polled() -> None:
    assert streams(load("A", 10, can_stream=False)) == set()
    assert streams(load("A", 10), pins={"A": Way.POLL}) == set()


def test_a_first_plan_uses_more_of_the_events_than_a_later_one_gives_to_a_polled_object() -> None:
    assert streams(load("A", 31_000)) == {"A"}
    assert streams(load("A", 31_000), previous=BEFORE) == set()
    assert streams(load("A", 28_000), previous=BEFORE) == {"A"}


def test_events_go_first_to_an_object_that_polling_keeps_fresh_without_headroom_alone() -> None:
    slow = load("B", 28_000, a_minute=12_001)
    assert streams(load("A", 30_000, a_minute=12_000), slow, goal=34) == {"B"}


def test_when_all_events_are_used_up_they_save_the_calls_of_polling_within_the_goal() -> None:
    loads = load("A", 40_000), load("B", 40_000, a_minute=12_001)
    assert streams(*loads, goal=30, may={CALLS: 8_650}) == {"B"}


def test_when_all_events_are_used_up_the_objects_that_stream_stay() -> None:
    previous = {"A": Way.POLL, "B": Way.STREAM}
    assert streams(load("A", 37_000), load("B", 38_000), previous=previous, may={CALLS: 1_300}) == {"B"}


@pytest.mark.parametrize(("others", "moves"), [(4, True), (5, False)])
def test_an_object_moves_when_that_saves_a_fifth_of_all_calls(others: int, *, moves: bool) -> None:
    loads = [load(name, 1_000) for name in "ABCDEF"[: others + 1]]
    found = streams(*loads, goal=101, previous=BEFORE, may={EVENTS: 2_000.0})
    assert bool(found) is moves


TOO_FAST = 250_000
"""Changes a minute that no polling reads as they come."""


def test_an_object_that_polling_keeps_fresh_no_more_has_the_events_of_one_that_it_does() -> None:
    previous = {"A": Way.STREAM, "B": Way.POLL}
    assert streams(load("A", 10_000), load("B", 20_000, a_minute=TOO_FAST), previous=previous) == {"B"}


def test_no_object_has_the_events_of_one_that_would_be_as_stale_in_its_place() -> None:
    previous = {"A": Way.POLL, "B": Way.STREAM}
    loads = load("A", 21_500, a_minute=TOO_FAST), load("B", 22_000, a_minute=TOO_FAST)
    assert streams(*loads, previous=previous) == {"B"}
