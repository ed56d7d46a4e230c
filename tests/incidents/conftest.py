"""One engine for a module's incidents; every test ends with what it has caused undone."""

from collections.abc import Iterator

import pytest

from tests.incidents.engine import RunningEngine
from tests.incidents.seen import Seen
from tests.incidents.shared import SharedEngine


@pytest.fixture(scope="module")
def shared_engine() -> Iterator[SharedEngine]:
    with SharedEngine() as shared:
        yield shared


@pytest.fixture
def engine(shared_engine: SharedEngine, request: pytest.FixtureRequest) -> Iterator[RunningEngine]:
    """The module's engine. It is clean when the test begins."""
    failed = request.session.testsfailed
    engine = shared_engine.running()
    is_sound = False
    try:
        engine.wait_until_clean()
        engine.seen = Seen(request.node.name.removeprefix("test_"))
        yield engine
        engine.seen.write()
        engine.settle()
        is_sound = request.session.testsfailed == failed
    finally:
        if not is_sound:
            shared_engine.end()
