"""Each remote system away for a while: the look names it, and nothing is left when it is back."""

import pytest

from tests.incidents.engine import RunningEngine
from tests.support.builders.waiting import wait_for

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.incident]


def test_the_database_is_down(engine: RunningEngine) -> None:
    engine.stop_part("postgres")

    engine.wait_for_problem("remote.down", "warehouse")
    engine.wait_for_problem("remote.down", "operational")
    assert engine.runbook("the-warehouse-is-down").code == 1
    assert engine.runbook("the-operational-store-is-down").code == 1

    engine.start_part("postgres")
    assert engine.runbook("the-warehouse-is-down").code == 0
    assert engine.runbook("the-operational-store-is-down").code == 0
    engine.wait_until_clean()


def test_s3_is_down(engine: RunningEngine) -> None:
    engine.stop_part("s3")

    engine.wait_for_problem("remote.down", "s3")
    assert engine.runbook("s3-is-down").code == 1

    engine.start_part("s3")
    assert engine.runbook("s3-is-down").code == 0
    engine.wait_until_clean()


def test_s3_hangs(engine: RunningEngine) -> None:
    engine.freeze_part("s3")

    engine.wait_for_problem("remote.unknown", "s3")
    assert engine.runbook("remote-unknown", REMOTE="s3").code == 1

    engine.thaw_part("s3")
    assert engine.runbook("remote-unknown", REMOTE="s3").code == 0
    engine.wait_until_clean()


def test_temporal_is_down(engine: RunningEngine) -> None:
    engine.stop_part("temporal")

    engine.wait_for_problem("remote.down", "temporal")
    assert engine.runbook("temporal-is-down").code == 1

    engine.start_part("temporal")
    wait_for(lambda: engine.runbook("temporal-is-down").code == 0, every=1)
    engine.wait_until_clean()


def test_the_warehouses_disk_is_full(engine: RunningEngine) -> None:
    with engine.full_disk():
        engine.org.late_case()
        engine.wait_for_problem("object.late", "Case")
    assert engine.runbook("the-disk-is-full").code == 0
    engine.wait_until_clean()
