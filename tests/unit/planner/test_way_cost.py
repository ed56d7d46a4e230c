"""The cost of a way of following, and the longest interval that keeps a freshness."""

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from schemas.governor import Budget
from schemas.planner import ObjectLoad, Transport
from transforms.planner.cost import (
    LONGEST_EVERY,
    SHORTEST_EVERY,
    Option,
    bulk_option,
    longest_bulk,
    longest_rest,
    rest_option,
    stream_spends,
)


def load(a_day: float, a_minute: float) -> ObjectLoad:
    return ObjectLoad(object="Case", changes_per_day=a_day, changes_per_minute=a_minute, bytes_per_row=100)


def test_a_stream_costs_a_delivery_a_change_and_a_client() -> None:
    assert stream_spends(load(7_000, 9)) == {Budget.DELIVERED_EVENTS: 7_000, Budget.STREAMING_CLIENTS: 1}


@pytest.mark.parametrize(
    ("a_day", "a_minute", "every", "freshness", "calls"),
    [
        pytest.param(0, 0, 60, 75.5, 1_440, id="an empty window costs a page"),
        pytest.param(100_000, 2_000, 60, 75.5, 1_440, id="a full page is one"),
        pytest.param(100_000, 2_001, 60, 76, 1_440 + 50, id="no window wastes more than a page"),
        pytest.param(20e6, 4_000, 60, 76, 2 * 1_440, id="and none has more than the busiest"),
    ],
)
def test_a_poll_by_rest_costs_the_pages_of_its_windows(
    a_day: float, a_minute: float, every: int, freshness: float, calls: float
) -> None:
    option = rest_option(load(a_day, a_minute), every)
    assert option == Option(Transport.REST, every, freshness, {Budget.API_CALLS: calls})
    assert option.calls == calls


def test_a_poll_by_bulk_costs_jobs_their_calls_and_the_bytes_of_all_rows() -> None:
    option = bulk_option(load(100_000, 4_000), 3_600)
    spends: dict[Budget, float] = {
        Budget.API_CALLS: 24 * 5 + 24 + 2,
        Budget.BULK_QUERY_JOBS: 24,
        Budget.BULK_QUERY_BYTES: 10_000_000,
    }
    assert option == Option(Transport.BULK, 3_600, 3_600 + 5 + (15 + 48) + 10, spends)


def longest(option: Callable[[int], Option], freshness: float) -> Option | None:
    """Every interval is tried."""
    tried = (option(every) for every in range(LONGEST_EVERY, SHORTEST_EVERY - 1, -5))
    return next((each for each in tried if each.freshness <= freshness), None)


LOADS = st.floats(0, 400_000).map(lambda rate: load(rate * 700, rate)) | st.floats(0, 9_000).map(
    lambda rate: load(rate * 700, rate)
)
FRESHNESSES = st.floats(5, 400) | st.sampled_from([15, 25.5, 30, 60, 90, 120, 4_000, 9_000])


@given(LOADS, FRESHNESSES)
def test_rest_polls_as_seldom_as_the_freshness_allows(each: ObjectLoad, freshness: float) -> None:
    found = longest_rest(each, freshness)
    if each.changes_per_minute / 60 >= 2_000 * 2:
        assert found is None, "rows come faster than they are read"
    else:
        assert found == longest(lambda every: rest_option(each, every), freshness)


@given(LOADS, FRESHNESSES)
def test_bulk_polls_as_seldom_as_the_freshness_allows_if_a_job_ends_before_the_next(
    each: ObjectLoad, freshness: float
) -> None:
    wanted = longest(lambda every: bulk_option(each, every), freshness)
    if wanted is not None and 15 + each.changes_per_minute / 60 * wanted.every / 5_000 > wanted.every:
        wanted = None
    assert longest_bulk(each, freshness) == wanted


def test_an_interval_whose_last_page_comes_too_late_gives_way_to_the_next_shorter_one() -> None:
    found = longest_rest(load(1, 2_001), 75.7)
    assert found is not None
    assert (found.every, found.freshness) == (55, 70.5)


def test_a_job_that_would_end_after_the_next_is_due_is_no_way() -> None:
    each = load(1, 0.252 * 5_000 * 60)
    assert longest_bulk(each, 30 + 1.252 * 22) is None
    assert longest_bulk(each, 30 + 1.252 * 26) is not None


def test_a_job_that_ends_just_when_the_next_is_due_is_a_way() -> None:
    found = longest_bulk(load(1, 0.25 * 5_000 * 60), 30 + 1.25 * 22)
    assert found is not None
    assert found.every == 20


def test_rows_that_come_as_fast_as_jobs_read_them_are_no_way() -> None:
    assert longest_bulk(load(1, 5_000 * 60), 9_000) is None


@pytest.mark.parametrize(("a_minute", "can"), [(239_999, True), (240_000, False)])
def test_rows_that_come_as_fast_as_they_are_read_are_no_way(a_minute: float, can: bool) -> None:
    assert (longest_rest(load(1, a_minute), 9_000) is not None) is can
