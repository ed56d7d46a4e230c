"""A plan says in a sentence why each object goes its way, and what would help where it does not
fit.
"""

import math
import re
from datetime import timedelta
from typing import Any

import pytest

from schemas.governor import Budget
from schemas.planner import ObjectLoad, Plan, PlanTask, Transport, Way
from transforms.planner.candidate import CandidateBuilder
from transforms.planner.explain import explained

CALLS, EVENTS = Budget.API_CALLS, Budget.DELIVERED_EVENTS


def load(name: str, a_day: float = 1_440, *, a_minute: float = 1, can_stream: bool = True) -> ObjectLoad:
    return ObjectLoad(object=name, changes_per_day=a_day, changes_per_minute=a_minute, can_stream=can_stream)


def plan(
    *loads: ObjectLoad,
    streams: str = "",
    usual: str = "",
    at: float = 120,
    stretched: bool = False,
    **task: Any,
) -> Plan:
    given = PlanTask(loads=loads, **{"may_spend": {}, **task})
    builder = CandidateBuilder(given)
    draft = builder.stretched(frozenset(streams)) if stretched else builder.draw(frozenset(streams), at)
    return explained(given, draft, frozenset(usual))


def reason(*, streams: str = "", usual: str = "", a: ObjectLoad | None = None, **task: Any) -> str:
    (one,) = plan(a or load("A"), streams=streams, usual=usual, **task).objects
    return one.reason


def test_an_object_is_planned_as_the_candidate_has_it() -> None:
    stream, poll = plan(load("A"), load("B"), streams="A").objects
    assert (stream.way, stream.transport, stream.every, stream.freshness) == (
        Way.STREAM, None, None, timedelta(seconds=10),
    )  # fmt: skip
    assert stream.spends == {EVENTS: 1_440, Budget.STREAMING_CLIENTS: 1}
    assert (poll.way, poll.transport, poll.every) == (Way.POLL, Transport.REST, timedelta(seconds=100))
    assert (poll.freshness, poll.spends) == (timedelta(seconds=115.5), {CALLS: 864})


def test_a_reason_says_why_an_object_is_streamed() -> None:
    assert (
        reason(streams="A", usual="A")
        == "Its 1,440 events a day fit, and save the 864 API calls of polling it."
    )
    assert reason(streams="A") == "Kept: its 1,440 events a day still fit."
    assert reason(streams="A", usual="A", pins={"A": Way.STREAM}) == "Pinned to stream by an operator."
    goal = timedelta(seconds=12)
    assert reason(streams="A", usual="A", freshness_goal=goal) == "Polling could not keep it fresh enough."


def test_a_reason_says_why_an_object_is_polled() -> None:
    assert reason() == "Its 1,440 events a day are more than can be spared for it."
    assert reason(usual="A") == "Kept: streaming it would save too little to move."
    assert reason(pins={"A": Way.POLL}) == "Pinned to poll by an operator."
    assert reason(a=load("A", can_stream=False)) == "No channel could stream it."
    assert reason(a=load("A", can_stream=False), pins={"A": Way.STREAM}) == "No channel could stream it."
    assert reason(may_spend={EVENTS: 0.0}) == "No delivered events can be had at present."
    assert reason(may_spend={EVENTS: 1.0}).startswith("Its 1,440 events a day are more")


def test_a_plan_that_keeps_its_goal_has_no_problems() -> None:
    assert plan(load("A")).fits
    assert plan(load("A")).problems == ()
    assert not plan(load("A"), at=150).fits, "it was drawn for a longer one"


def test_a_pin_that_no_channel_could_obey_is_a_problem_of_its_own() -> None:
    found = plan(load("A", can_stream=False), load("B"), pins={"A": Way.STREAM, "B": Way.POLL})
    assert found.problems == ("A is pinned to stream, but no channel could stream it: unpin it.",)
    assert not found.fits


@pytest.mark.parametrize(
    ("may", "sentence"),
    [
        (
            {EVENTS: 1_000.5},
            "The objects pinned to stream need 1,440 delivered events, and 1,000 may be spent: "
            "raise the entitlement by 440, or unpin one of them.",
        ),
        (
            {Budget.STREAMING_CLIENTS: 0.0},
            "The objects pinned to stream need 1 streaming clients, and 0 may be spent: "
            "raise the entitlement by 1, or unpin one of them.",
        ),
    ],
)
def test_streams_that_cannot_be_paid_say_by_how_much(may: dict[Budget, float], sentence: str) -> None:
    assert plan(load("A"), streams="A", may_spend=may).problems == (sentence,)


def test_polling_that_cannot_be_paid_says_what_would_help() -> None:
    poor = {CALLS: 800.0, EVENTS: 1_000.0}
    (problem,) = plan(load("A"), load("B", 700), may_spend=poor, stretched=True).problems
    assert problem == (
        "Keeping every object fresh within 120 s would take 1,728 API calls a day, and 800 may be spent. What would help: "
        "an entitlement of delivered events that is higher by 1,780 a day; or 928 more API calls a day; or a goal of 293 s."
    )


def test_events_are_asked_for_of_the_objects_that_need_the_fewest_for_a_call() -> None:
    def more(*loads: ObjectLoad, calls: float) -> str:
        (problem,) = plan(*loads, may_spend={CALLS: calls, EVENTS: 0.0}, stretched=True).problems
        found = re.search(r"higher by ([\d,]+) a day", problem)
        return found[1] if found else ""

    both = load("A"), load("B", 700)
    assert more(*both, calls=864) == f"{math.ceil(700 / 0.77):,}"
    assert more(*both, calls=863.5) == f"{math.ceil(2_140 / 0.77):,}"
    assert more(load("A"), load("B", can_stream=False), calls=864) == f"{math.ceil(1_440 / 0.77):,}"
    assert more(load("A"), load("B", can_stream=False), calls=863.5) == "", "half a call is left"
    busy, quiet = load("A", 40_000, a_minute=1_300), load("B", 39_500)
    assert more(busy, quiet, calls=1_747) == f"{math.ceil(40_000 / 0.77):,}"


@pytest.mark.parametrize(("events", "advice"), [(1_000.0, ""), (999.5, "higher by 1 a day"), (None, "")])
def test_events_are_asked_for_when_there_are_too_few(events: float | None, advice: str) -> None:
    may = {CALLS: 800.0} | ({} if events is None else {EVENTS: events})
    (problem,) = plan(load("A", 770), may_spend=may, stretched=True).problems
    assert ("delivered events" in problem) is bool(advice)
    assert advice in problem


def test_a_problem_is_told_of_each_budget_that_is_too_small() -> None:
    fast = load("F", 30e6, a_minute=250_000)
    poor = {Budget.BULK_QUERY_JOBS: 1.0, EVENTS: 0.0}
    first, second = plan(fast, may_spend=poor, freshness_goal=timedelta(seconds=600)).problems
    assert first == (
        "Keeping every object fresh within 600 s would take 24 Bulk query jobs a day, and 1 may be spent. "
        "What would help: 23 more Bulk query jobs a day."
    )
    assert second.startswith("F: with 250,000 changes a minute no polling keeps it fresh")


def test_every_object_that_is_stale_is_told_and_no_other() -> None:
    def stale(goal: float) -> list[str]:
        found = plan(
            load("A"), load("B"), streams="A", at=goal, freshness_goal=timedelta(seconds=goal)
        ).problems
        return [problem.partition(":")[0] for problem in found]

    assert stale(9) == ["A", "B"]
    assert stale(20) == ["B"]


@pytest.mark.parametrize("more", [{"pins": {"A": Way.POLL}}, {"may_spend": {CALLS: 800.0, EVENTS: 9_000.0}}])
def test_events_are_not_asked_for_that_would_help_nothing(more: dict[str, Any]) -> None:
    (problem,) = plan(
        load("A"), stretched=True, **{"may_spend": {CALLS: 800.0, EVENTS: 0.0}, **more}
    ).problems
    assert "delivered events" not in problem
    assert problem.endswith("What would help: 64 more API calls a day; or a goal of 150 s.")


def test_no_goal_is_named_that_would_not_be_kept() -> None:
    (problem,) = plan(load("A", can_stream=False), may_spend={CALLS: 1.0}, stretched=True).problems
    assert problem.endswith("What would help: 863 more API calls a day.")


def test_an_object_that_nothing_keeps_fresh_says_what_can_be_had() -> None:
    goal = timedelta(seconds=20)
    assert plan(load("A", 770), at=20, freshness_goal=goal).problems == (
        "A: with 1 changes a minute no polling keeps it fresh within 20 s; 30 s can be had. "
        "What would help: 1,000 delivered events a day to stream it, or that goal.",
    )
    short = timedelta(seconds=9)
    assert plan(load("A"), streams="A", at=9, freshness_goal=short).problems == (
        "A: a stream is 10 s behind, and the goal is 9 s: set a goal of at least 10 s.",
    )


@pytest.mark.parametrize("more", [{"pins": {"A": Way.POLL}}, {"a": load("A", can_stream=False)}])
def test_no_stream_is_advised_for_an_object_that_cannot_be_streamed(more: dict[str, Any]) -> None:
    given = {"a": load("A"), **more}
    (problem,) = plan(given.pop("a"), at=20, freshness_goal=timedelta(seconds=20), **given).problems
    assert problem.endswith("30 s can be had. What would help: that goal.")
