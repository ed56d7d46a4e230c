"""Tests of `make test-costly`: those that cost the most processor time for what they tell.

`make test` is what a developer waits for, and holds six minutes on two cores without them (decision
0091). This list is the only place that says which they are; a law is never among them.
"""

from collections.abc import Mapping

import pytest

COSTLY: Mapping[str, bool] = {
    "tests/acceptance": True,
    "tests/deploy/test_proxies.py": True,
    "tests/deploy/test_worker_health.py": True,
    "tests/incidents": True,
    "tests/packaging/test_wheel.py": True,
    "tests/service": True,
    "tests/service/runs/test_replay.py": False,
    "tests/service/status/test_status_look.py": False,
    "tests/service/warehouse": False,
}
"""Folder or file -> whether its tests are costly. The longest name that fits a test decides."""

APART = frozenset({"browser", "fuzz", "heavy", "model"})
"""Markers of tests in these folders that have a target of their own."""


def is_costly(path: str) -> bool:
    """Whether the tests of a file are costly, by its path from the root of the repository."""
    fits = [name for name in COSTLY if path == name or path.startswith(f"{name}/")]
    return COSTLY[max(fits, key=len)] if fits else False


def mark_costly(items: list[pytest.Item]) -> None:
    """Give each costly test the marker `costly`, by which `make test` leaves it out."""
    for item in items:
        path, _, _ = item.nodeid.partition("::")
        if is_costly(path) and not any(mark.name in APART for mark in item.iter_markers()):
            item.add_marker("costly")
