"""Solve a knapsack: the most worth within a capacity, to a part in 8,192 of the capacity."""

from collections.abc import Sequence

import numpy as np

_STEPS = 8_192


def solve_knapsack(weights: Sequence[float], worths: Sequence[float], capacity: float) -> set[int]:
    """Places of the things whose worths add up to the most while their weights fit into the
    capacity.

    Weights are rounded up to a step of the capacity, so what is taken always fits; a set that
    fits by less than a step a thing may be missed. The same arguments give the same set. Worths
    must not be negative; an infinite capacity takes all.
    """
    if sum(weights) <= capacity:
        return set(range(len(weights)))
    places = [place for place, weight in enumerate(weights) if weight <= capacity]
    best = np.zeros(_STEPS + 1)
    taken: list[tuple[int, int, np.ndarray]] = []
    for place in places:
        steps = min(_STEPS, int(np.ceil(weights[place] / capacity * _STEPS))) if weights[place] else 0
        without = best[steps:]
        with_it = best[: _STEPS + 1 - steps] + worths[place]
        taken.append((place, steps, with_it > without))
        np.maximum(without, with_it, out=without)
    return _walk_back(taken)


def _walk_back(taken: list[tuple[int, int, np.ndarray]]) -> set[int]:
    found: set[int] = set()
    left = _STEPS
    for place, steps, better in reversed(taken):
        if left >= steps and better[left - steps]:
            found.add(place)
            left -= steps
    return found
