"""S3 or KMS takes requests and never answers them, while the rest of it does."""

from collections.abc import Iterator

import pytest

from tests.incidents.engine import RunningEngine
from tests.incidents.shared import SharedEngine
from tests.support.builders.waiting import wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.incident]

LANE = "changes"


@pytest.fixture(scope="module")
def shared_engine() -> Iterator[SharedEngine]:
    """An engine with a door in front of S3 and KMS."""
    with SharedEngine(has_door=True) as shared:
        yield shared


def test_a_follower_that_hangs_on_s3_is_stalled_though_s3_answers_the_look(engine: RunningEngine) -> None:
    engine.hang(method="PUT", path="/raw/")
    engine.org.case()

    told = engine.wait_for_problem("lane.stalled", LANE)
    assert "S3" in told.text
    for _ in range(8):  # its attempts come and go: it stays stalled between them
        found = engine.look()
        # A loaded machine misses a look now and then; a remote is named in its place then.
        assert found.find("lane.stalled", LANE) or found.find("remote.unknown"), found.said
    assert engine.runbook("another-cause", LANE=LANE).code == 0

    engine.let_go()
    engine.wait_until_clean()


def test_a_key_that_hangs_is_named_and_stops_no_worker_that_runs(engine: RunningEngine) -> None:
    engine.hang(method="POST", path="/")

    told = engine.wait_for_problem("remote.unknown", "kms")
    assert told.severity == "page"
    record, _ = engine.org.case()
    wait_for(lambda: engine.tidegate("trace", record).code == 0, every=0.5)
    assert engine.runbook("remote-unknown", REMOTE="kms").code == 1

    engine.let_go()
    wait_for(lambda: engine.runbook("remote-unknown", REMOTE="kms").code == 0, every=1)
    engine.wait_until_clean()
