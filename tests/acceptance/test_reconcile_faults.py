"""Events that never come: one command finds what is missing, repairs it, and says that both are
equal.
"""

import json
import time
from typing import Any

import httpx
import pytest

from cli.local.engine_processes import EngineProcesses
from cli.local.sandbox import start_traffic, traffic_state
from clients.salesforce.polling import VISIBILITY_DELAY
from sandbox.endpoints import Endpoints
from sandbox.stack import RunningSandbox
from tests.acceptance.test_command import tidegate
from tests.support.engines.equal_records import wait_until_equal
from workers.clients import ProcessClients

pytestmark = [pytest.mark.service, pytest.mark.slow]


def test_the_lost_events_of_a_surge_are_found_and_repaired_by_one_command(
    sandbox: RunningSandbox,
    endpoints: Endpoints,
    engine: EngineProcesses,
    opened: ProcessClients,
) -> None:
    control = endpoints.salesforce.control_url
    state = str(sandbox.group.folder.parent)
    fault = {"point": "event", "kind": "drop", "match": "Case", "probability": 0.4}
    httpx.post(f"{control}/faults", json=fault).raise_for_status()
    start_traffic(control, rate=12_000, seconds=3, seed=3)
    while traffic_state(control)["running"]:
        time.sleep(0.2)
    # Both sides are proved equal as of a time that lies behind the org's clock: the last change
    # must be older than that.
    time.sleep(VISIBILITY_DELAY.total_seconds() + 1)
    # A later event may hide what was lost before it: only the fields themselves tell.
    code, cases = _reconcile(state, "Case", "--depth", "fields", "--settle", "0")
    assert (code, cases["verdict"]) == (0, "repaired")
    assert cases["found"] == cases["repaired"] > 3
    wait_until_equal(endpoints, opened)
    status = tidegate("status", "--home", state)
    assert "Case: repaired, equal as of" in status.stdout
    code, planned = _reconcile(state, "Case", "--depth", "ids", "--dry-run")
    assert (code, planned["differences"]) == (0, 3)
    assert planned["calls"] < 20


def _reconcile(state: str, name: str, *options: str) -> tuple[int, dict[str, Any]]:
    ended = tidegate("reconcile", name, *options, "--json", "--home", state)
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)
