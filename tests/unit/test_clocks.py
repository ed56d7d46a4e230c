"""Clocks can be exchanged: the simulation's time follows from its seed (docs/simulation.md)."""

import ast

from tests.unit.test_rooms import ROAD
from tests.unit.test_sizes import functions

MONOTONIC = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"}


def test_no_function_keeps_the_machines_monotonic_clock_from_when_its_module_was_loaded() -> None:
    """Write `clock: Callable[[], float] | None = None`, and look the clock up in the call."""
    kept = [
        f"{name} in line {value.lineno}"
        for name, function in functions(*ROAD, "sandbox/org")
        for value in (*function.args.defaults, *function.args.kw_defaults)
        if isinstance(value, ast.Attribute) and value.attr in MONOTONIC
    ]
    assert kept == []
