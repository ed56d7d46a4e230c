"""The planner's choice: within every budget, as fresh as asked for, and calm."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import assume, given, settings, strategies as st

from schemas.governor import Budget
from schemas.planner import ObjectLoad, Plan, PlanTask, Transport, Way
from transforms.planner.choose import make_plan
from transforms.planner.knapsack import most_worth

UNLIMITED = {
    Budget.API_CALLS: 42_000.0,
    Budget.DELIVERED_EVENTS: 42_000.0,
    Budget.BULK_QUERY_JOBS: 8_000.0,
    Budget.BULK_QUERY_BYTES: 9e11,
    Budget.STREAMING_CLIENTS: 2_000.0,
}
"""Spendable tokens for following in an Unlimited org whose other half is taken by others."""


def load(name: str, a_day: float, *, peak: float = 4, can_stream: bool = True) -> ObjectLoad:
    """An object whose busiest minute is `peak` times the mean."""
    return ObjectLoad(
        object=name, changes_per_day=a_day, changes_per_minute=a_day / 1_440 * peak, can_stream=can_stream
    )


def spent(plan: Plan, budget: Budget) -> float:
    return sum(each.spends.get(budget, 0.0) for each in plan.objects)


def ways(plan: Plan) -> dict[str, Way]:
    return {each.object: each.way for each in plan.objects}


rates = st.one_of(st.floats(0, 5_000), st.floats(0, 400_000), st.floats(0, 40_000_000))


@st.composite
def tasks(draw: st.DrawFn, most: int = 8) -> PlanTask:
    count = draw(st.integers(1, most))
    loads = tuple(
        load(f"O{n}", draw(rates), peak=draw(st.floats(1, 12)), can_stream=draw(st.integers(0, 9)) > 0)
        for n in range(count)
    )
    names = st.sampled_from([each.object for each in loads])
    way = st.sampled_from(Way)
    return PlanTask(
        loads=loads,
        may_spend={
            Budget.API_CALLS: draw(st.floats(0, 200_000)),
            Budget.DELIVERED_EVENTS: draw(st.floats(0, 5_000_000)),
            Budget.BULK_QUERY_JOBS: draw(st.sampled_from([0.0, 500.0, 10_000.0])),
            Budget.BULK_QUERY_BYTES: draw(st.sampled_from([1e9, 1e12])),
        },
        freshness_goal=timedelta(seconds=draw(st.integers(15, 600))),
        pins=draw(st.dictionaries(names, way, max_size=2)),
        previous=draw(st.one_of(st.just({}), st.dictionaries(names, way))),
    )


@given(tasks())
@settings(max_examples=150, deadline=None)
def test_a_plan_that_fits_spends_within_every_budget_and_keeps_every_goal(task: PlanTask) -> None:
    plan = make_plan(task)
    if plan.fits:
        for budget, may in task.may_spend.items():
            assert spent(plan, budget) <= may * (1 + 1e-9)
        assert all(each.freshness <= task.freshness_goal for each in plan.objects)
        assert plan.problems == ()
    else:
        assert plan.problems


@given(tasks())
@settings(max_examples=100, deadline=None)
def test_the_same_task_gives_the_same_plan(task: PlanTask) -> None:
    again = PlanTask.model_validate_json(task.model_dump_json())
    assert make_plan(again) == make_plan(task)


@given(tasks(), st.dictionaries(st.sampled_from(Budget), st.floats(1.01, 100), min_size=1))
@settings(max_examples=150, deadline=None)
def test_more_of_a_budget_never_makes_a_fitting_task_unfit(
    task: PlanTask, times: dict[Budget, float]
) -> None:
    assume(make_plan(task).fits)
    more = {budget: may * times.get(budget, 1) for budget, may in task.may_spend.items()}
    assert make_plan(task.model_copy(update={"may_spend": more})).fits


@given(tasks())
@settings(max_examples=100, deadline=None)
def test_pins_are_obeyed_wherever_a_channel_can_stream_the_object(task: PlanTask) -> None:
    plan = ways(make_plan(task))
    streamable = {each.object for each in task.loads if each.can_stream}
    for name, way in task.pins.items():
        assert plan[name] is (way if name in streamable else Way.POLL)


@given(tasks(), st.data())
@settings(max_examples=150, deadline=None)
def test_loads_that_differ_by_a_tenth_move_nothing(task: PlanTask, data: st.DataObject) -> None:
    task = task.model_copy(update={"previous": {}})
    plan = make_plan(task)
    assume(plan.fits)
    # A plan that had to use its budgets up has no calm to give.
    assume(spent(plan, Budget.DELIVERED_EVENTS) <= 0.77 * task.may_spend[Budget.DELIVERED_EVENTS])
    assume(spent(plan, Budget.API_CALLS) <= 0.8 * task.may_spend[Budget.API_CALLS])
    assume(spent(plan, Budget.BULK_QUERY_BYTES) == 0)
    task = task.model_copy(update={"previous": ways(plan)})
    for _ in range(3):
        factors = [data.draw(st.floats(0.9, 1.1)) for _ in task.loads]
        jittered = tuple(
            each.model_copy(
                update={
                    "changes_per_day": each.changes_per_day * factor,
                    "changes_per_minute": each.changes_per_minute * factor,
                }
            )
            for each, factor in zip(task.loads, factors, strict=True)
        )
        moved = make_plan(task.model_copy(update={"loads": jittered}))
        assert ways(moved) == ways(plan)


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=8),
    st.floats(0, 300),
)
@settings(max_examples=100, deadline=None)
def test_the_set_taken_is_worth_as_much_as_any_that_fits(
    things: list[tuple[float, float]], capacity: float
) -> None:
    weights, worths = [thing[0] for thing in things], [thing[1] for thing in things]
    taken = most_worth(weights, worths, capacity)
    assert sum(weights[place] for place in taken) <= capacity * (1 + 1e-9)
    best = max(
        sum(worth for worth, take in zip(worths, takes, strict=True) if take)
        for takes in product([False, True], repeat=len(things))
        # A step of rounding a thing may be missed.
        if sum(weight for weight, take in zip(weights, takes, strict=True) if take)
        <= capacity * (1 - len(things) / 8_192)
    )
    assert sum(worths[place] for place in taken) >= best - 1e-9


def test_few_changes_are_streamed_and_many_are_polled() -> None:
    plan = make_plan(PlanTask(loads=(load("Case", 14e6), load("Quiet", 500)), may_spend=UNLIMITED))
    assert ways(plan) == {"Case": Way.POLL, "Quiet": Way.STREAM}
    assert plan.fits


def test_thirty_five_million_changes_a_day_fit_an_unlimited_org_without_the_add_on() -> None:
    loads = (
        load("Case", 14e6),
        load("Account", 10e6),
        load("Contact", 7e6),
        load("Opportunity", 4e6),
    )
    assert make_plan(PlanTask(loads=loads, may_spend=UNLIMITED)).fits


def test_a_plan_keeps_a_quarter_of_the_goal_as_headroom_when_it_can_be_paid() -> None:
    plan = make_plan(PlanTask(loads=(load("Case", 14e6),), may_spend=UNLIMITED))
    assert plan.objects[0].freshness <= timedelta(seconds=90)


def test_headroom_is_given_up_before_the_goal() -> None:
    tight = UNLIMITED | {Budget.API_CALLS: 1_000.0, Budget.DELIVERED_EVENTS: 0.0}
    plan = make_plan(PlanTask(loads=(load("Case", 100_000),), may_spend=tight))
    assert plan.fits
    assert timedelta(seconds=90) < plan.objects[0].freshness <= timedelta(seconds=120)


def test_large_windows_are_read_by_bulk_when_that_takes_fewer_calls() -> None:
    plan = make_plan(
        PlanTask(
            loads=(load("Case", 200e6, peak=1),),
            may_spend=UNLIMITED,
            freshness_goal=timedelta(minutes=10),
        )
    )
    assert plan.objects[0].transport is Transport.BULK


def test_a_task_that_does_not_fit_says_what_would_help_with_numbers() -> None:
    poor = UNLIMITED | {Budget.API_CALLS: 9_000.0}
    plan = make_plan(PlanTask(loads=(load("Case", 14e6), load("Account", 10e6)), may_spend=poor))
    assert not plan.fits
    (problem,) = plan.problems
    assert "9,000 may be spent" in problem
    assert "entitlement of delivered events that is higher by" in problem
    assert "more API calls a day" in problem
    assert "a goal of" in problem


def test_a_plan_that_does_not_fit_still_spends_within_the_budgets() -> None:
    poor = UNLIMITED | {Budget.API_CALLS: 3_000.0}
    plan = make_plan(PlanTask(loads=(load("Case", 14e6), load("Account", 10e6)), may_spend=poor))
    assert not plan.fits
    assert spent(plan, Budget.API_CALLS) <= 3_000


def test_more_events_by_what_a_problem_names_makes_the_task_fit() -> None:
    poor = UNLIMITED | {Budget.API_CALLS: 2_000.0}
    task = PlanTask(loads=tuple(load(f"O{n}", 40_000 + n) for n in range(4)), may_spend=poor)
    (problem,) = make_plan(task).problems
    more = float(problem.partition("higher by ")[2].partition(" a day")[0].replace(",", ""))
    richer = poor | {Budget.DELIVERED_EVENTS: poor[Budget.DELIVERED_EVENTS] + more * 1.01}
    assert make_plan(task.model_copy(update={"may_spend": richer})).fits


def test_a_stream_moves_to_polling_before_its_events_are_used_up() -> None:
    task = PlanTask(loads=(load("Case", 36_000),), may_spend=UNLIMITED, previous={"Case": Way.STREAM})
    assert ways(make_plan(task))["Case"] is Way.POLL


def test_a_stream_whose_events_fit_stays() -> None:
    task = PlanTask(loads=(load("Case", 35_000),), may_spend=UNLIMITED, previous={"Case": Way.STREAM})
    assert ways(make_plan(task))["Case"] is Way.STREAM


@pytest.mark.parametrize(
    ("a_day", "way"),
    [
        pytest.param(28_000, Way.STREAM, id="well within the events"),
        pytest.param(30_000, Way.POLL, id="within them, but too near to where it would leave again"),
    ],
)
def test_a_polled_object_becomes_a_stream_only_with_room_to_stay(a_day: float, way: Way) -> None:
    task = PlanTask(loads=(load("Case", a_day),), may_spend=UNLIMITED, previous={"Case": Way.POLL})
    assert ways(make_plan(task))["Case"] is way


def test_a_move_that_saves_little_is_not_made() -> None:
    loads = (load("Case", 20e6), load("Small", 500))
    previous = {"Case": Way.POLL, "Small": Way.POLL}
    plan = make_plan(PlanTask(loads=loads, may_spend=UNLIMITED, previous=previous))
    assert ways(plan) == previous
    assert "Kept" in plan.objects[1].reason


def test_a_pinned_stream_beyond_the_entitlement_is_obeyed_and_told() -> None:
    plan = make_plan(PlanTask(loads=(load("Case", 100_000),), may_spend=UNLIMITED, pins={"Case": Way.STREAM}))
    assert ways(plan) == {"Case": Way.STREAM}
    assert not plan.fits
    assert "pinned to stream need 100,000 delivered events, and 42,000 may be spent" in plan.problems[0]


def test_without_deliveries_even_a_quiet_object_is_polled_and_the_reason_says_so() -> None:
    refused = UNLIMITED | {Budget.DELIVERED_EVENTS: 0.0, Budget.STREAMING_CLIENTS: 0.0}
    task = PlanTask(loads=(load("Case", 0),), may_spend=refused, previous={"Case": Way.STREAM})
    (case,) = make_plan(task).objects
    assert (case.way, case.reason) == (Way.POLL, "No delivered events can be had at present.")


def test_only_as_many_objects_are_streamed_as_clients_may_connect() -> None:
    few = UNLIMITED | {Budget.STREAMING_CLIENTS: 2.0}
    plan = make_plan(PlanTask(loads=tuple(load(f"O{n}", 100) for n in range(5)), may_spend=few))
    assert list(ways(plan).values()).count(Way.STREAM) == 2


def test_a_budget_that_is_missing_is_unlimited() -> None:
    plan = make_plan(PlanTask(loads=(load("Case", 14e6),), may_spend={}))
    assert plan.fits
    assert ways(plan) == {"Case": Way.STREAM}


def test_without_objects_the_plan_is_empty_and_fits() -> None:
    assert make_plan(PlanTask(loads=(), may_spend=UNLIMITED)) == Plan(objects=(), fits=True)
