"""The most worth within a capacity, at the edges of what fits."""

import pytest

from transforms.planner.knapsack import solve_knapsack


def test_things_that_fill_the_capacity_are_all_taken() -> None:
    assert solve_knapsack([1, 1, 1], [1, 1, 1], 3) == {0, 1, 2}


def test_one_thing_may_fill_the_capacity() -> None:
    assert solve_knapsack([10, 5], [9, 1], 10) == {0}


def test_the_worth_decides_and_of_equal_ones_the_first() -> None:
    assert solve_knapsack([5, 6], [1, 2], 10) == {1}
    assert solve_knapsack([6, 6], [1, 1], 10) == {0}


@pytest.mark.parametrize("capacity", [0, 10])
def test_a_thing_without_weight_takes_no_room(capacity: float) -> None:
    assert solve_knapsack([10, 0], [9, 1], capacity) == ({0, 1} if capacity else {1})
    assert solve_knapsack([10, 0, 10], [9, 1, 1], capacity) == ({0, 1} if capacity else {1})


def test_below_nothing_nothing_fits() -> None:
    assert solve_knapsack([0, 1], [1, 1], -1) == set()


def test_an_infinite_capacity_takes_all() -> None:
    assert solve_knapsack([1e30, 5], [1, 0], float("inf")) == {0, 1}
