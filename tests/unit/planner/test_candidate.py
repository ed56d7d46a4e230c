"""A candidate polls what is not streamed at the lowest cost, and says what it lacks."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from schemas.governor import Budget
from schemas.planner import ObjectLoad, PlanTask, Transport
from transforms.planner.candidate import CandidateBuilder, PlanCandidate
from transforms.planner.cost import bulk_option, longest_bulk, longest_rest

NONE = frozenset[str]()
JOBS, BYTES = Budget.BULK_QUERY_JOBS, Budget.BULK_QUERY_BYTES


def load(name: str, a_day: float, *, a_minute: float | None = None) -> ObjectLoad:
    rate = a_day / 1_440 if a_minute is None else a_minute
    return ObjectLoad(object=name, changes_per_day=a_day, changes_per_minute=rate)


def builder(
    *loads: ObjectLoad, may: Mapping[Budget, float] | None = None, goal: float = 120
) -> CandidateBuilder:
    freshness = timedelta(seconds=goal)
    return CandidateBuilder(PlanTask(loads=loads, may_spend=dict(may or {}), freshness_goal=freshness))


def transports(drawn: PlanCandidate) -> dict[str, Transport]:
    return {name: option.transport for name, option in drawn.polls.items()}


def test_a_stream_is_stale_only_when_less_than_its_own_freshness_is_enough() -> None:
    draw = builder(load("A", 10)).draw
    assert draw(frozenset("A"), 9.9).stale == {"A"}
    assert draw(frozenset("A"), 10).stale == NONE


def test_streams_and_polls_that_are_too_slow_are_named_together() -> None:
    drawn = builder(load("A", 10), load("B", 10)).draw(frozenset("A"), 9)
    assert drawn.stale == {"A", "B"}
    assert not drawn.fits


def test_a_candidate_costs_what_its_objects_cost_and_may_spend_all_of_a_budget() -> None:
    loads = load("A", 10), load("B", 20), load("C", 30)
    drawn = builder(*loads).draw(frozenset({"A", "B"}), 90)
    assert drawn.spends == {
        Budget.DELIVERED_EVENTS: 30,
        Budget.STREAMING_CLIENTS: 2,
        Budget.API_CALLS: drawn.polls["C"].calls,
    }
    assert builder(*loads, may=drawn.spends).draw(frozenset({"A", "B"}), 90).fits
    less = {budget: spent - 0.5 for budget, spent in drawn.spends.items()}
    over = builder(*loads, may=less).draw(frozenset({"A", "B"}), 90)
    assert over.over == dict.fromkeys(drawn.spends, 0.5)
    assert not over.fits


def test_a_candidate_of_streams_alone_costs_no_call() -> None:
    assert builder(load("A", 10)).draw(frozenset("A"), 90).calls == 0


LARGE, LARGER = load("L", 100e6), load("M", 200e6)


def jobs_of(each: ObjectLoad) -> float:
    found = longest_bulk(each, 600)
    assert found is not None
    return found.spends[JOBS]


def test_bulk_reads_where_it_saves_calls_and_jobs_and_bytes_reach() -> None:
    quiet = load("Q", 100)
    both = {"L": Transport.BULK, "M": Transport.BULK, "Q": Transport.REST}
    assert transports(builder(LARGE, LARGER, quiet).draw(NONE, 600)) == both
    every = jobs_of(LARGE) + jobs_of(LARGER)
    assert transports(builder(LARGE, LARGER, quiet, may={JOBS: every}).draw(NONE, 600)) == both
    one = both | {"L": Transport.REST}
    assert transports(builder(LARGE, LARGER, quiet, may={JOBS: every - 0.5}).draw(NONE, 600)) == one
    rows = LARGER.changes_per_day * LARGER.bytes_per_row
    assert transports(builder(LARGE, LARGER, quiet, may={BYTES: rows}).draw(NONE, 600)) == one
    none = dict.fromkeys("LMQ", Transport.REST)
    assert transports(builder(LARGE, LARGER, quiet, may={JOBS: 0}).draw(NONE, 600)) == none


def test_of_objects_that_save_as_much_the_first_is_read_by_bulk() -> None:
    twin = LARGER.model_copy(update={"object": "N"})
    drawn = builder(LARGER, twin, may={JOBS: jobs_of(LARGER)}).draw(NONE, 600)
    assert transports(drawn) == {"M": Transport.BULK, "N": Transport.REST}


def test_a_job_goes_where_it_saves_the_most_calls() -> None:
    more, less = load("A", 219.3e6, a_minute=182_700), load("B", 196.7e6, a_minute=136_600)
    drawn = builder(more, less, may={JOBS: 250}).draw(NONE, 600)
    assert transports(drawn) == {"A": Transport.REST, "B": Transport.BULK}


def test_bulk_does_not_read_where_it_saves_no_call() -> None:
    each = load("A", 16_000 * 1_440)
    rest, bulk = longest_rest(each, 80), longest_bulk(each, 80)
    assert rest is not None
    assert bulk is not None
    assert rest.calls == bulk.calls
    assert transports(builder(each).draw(NONE, 80)) == {"A": Transport.REST}


def test_an_object_that_rest_cannot_read_in_time_has_the_first_jobs() -> None:
    fast = load("F", 30e6, a_minute=250_000)
    assert longest_rest(fast, 600) is None
    drawn = builder(LARGER, fast, may={JOBS: max(jobs_of(fast), jobs_of(LARGER))}).draw(NONE, 600)
    assert transports(drawn) == {"M": Transport.REST, "F": Transport.BULK}
    assert drawn.stale == NONE


def test_an_object_that_nothing_keeps_fresh_is_polled_as_little_later_as_can_be() -> None:
    drawn = builder(load("A", 10), may={Budget.API_CALLS: 0}).draw(NONE, 20)
    assert drawn.stale == {"A"}
    assert (drawn.polls["A"].transport, drawn.polls["A"].every) == (Transport.REST, 15)


def test_an_object_that_only_bulk_can_read_waits_for_jobs_that_can_be_paid() -> None:
    fast = load("F", 30e6, a_minute=250_000)
    draw = builder(fast, may={JOBS: 100}).draw
    (option,) = draw(NONE, 60).polls.values()
    assert option.transport is Transport.BULK
    assert 50 < option.spends[JOBS] <= 100
    exact = builder(fast, may=option.spends).draw(NONE, 60).polls["F"]
    assert exact == option
    assert builder(fast, may={JOBS: 1}).draw(NONE, 60).polls["F"] == bulk_option(fast, 3_600)


@pytest.mark.parametrize(
    ("may", "stretch"),
    [
        pytest.param({}, 1, id="the goal is kept"),
        pytest.param({Budget.API_CALLS: 800}, 1.25, id="one step is enough"),
        pytest.param({Budget.API_CALLS: 0}, 1.25**29, id="nothing is enough"),
        pytest.param({Budget.DELIVERED_EVENTS: 0}, 1, id="events are nothing that polling needs"),
    ],
)
def test_intervals_are_as_much_longer_as_polling_can_pay(may: dict[Budget, float], stretch: float) -> None:
    drawn = builder(load("A", 10), load("B", 10), may=may).stretched(frozenset("B"))
    assert drawn.freshness == pytest.approx(120 * stretch)


def test_the_cheapest_way_is_the_one_with_the_fewest_calls() -> None:
    cheapest = builder(LARGE).cheapest(LARGE, 600)
    assert cheapest is not None
    assert cheapest.transport is Transport.BULK
    assert builder(LARGE).cheapest(LARGE, 12) is None
