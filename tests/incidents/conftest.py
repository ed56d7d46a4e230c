"""One engine for a module's incidents; every test ends with what it has caused undone."""

from collections.abc import Iterator

import pytest

from tests.incidents.engine import RunningEngine, running_engine


@pytest.fixture(scope="module")
def shared_engine() -> Iterator[RunningEngine]:
    with running_engine() as engine:
        yield engine


@pytest.fixture
def engine(shared_engine: RunningEngine) -> Iterator[RunningEngine]:
    """The module's engine. It is clean when the test begins."""
    try:
        shared_engine.wait_until_clean()
        yield shared_engine
    finally:
        shared_engine.settle()
