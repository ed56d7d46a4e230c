"""One engine for a module's incidents; every test ends with what it has caused undone."""

from collections.abc import Iterator

import pytest

from tests.incidents.engine import RunningEngine, running_engine
from tests.incidents.seen import Seen


@pytest.fixture(scope="module")
def shared_engine() -> Iterator[RunningEngine]:
    with running_engine() as engine:
        yield engine


@pytest.fixture
def engine(shared_engine: RunningEngine, request: pytest.FixtureRequest) -> Iterator[RunningEngine]:
    """The module's engine. It is clean when the test begins."""
    try:
        shared_engine.wait_until_clean()
        shared_engine.seen = Seen(request.node.name.removeprefix("test_"))
        yield shared_engine
        shared_engine.seen.write()
    finally:
        shared_engine.settle()
