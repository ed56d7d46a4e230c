"""Every worker is down until the bus has forgotten what came meanwhile: on their return the
warehouse is equal, with no operator.
"""

import time

import httpx
import psycopg
import pytest

from activities.repair.retention_gap import LANE_HOLE
from cli.local.engine_processes import EngineProcesses
from cli.local.measurements import ledger_sums
from cli.local.sandbox import start_traffic, traffic_state
from cli.state import settings_file
from sandbox.endpoints import Endpoints
from sandbox.stack import RunningSandbox
from tests.support.builders.waiting import wait_for
from tests.support.engines.equal_records import wait_until_equal
from workers.clients import ProcessClients

pytestmark = [pytest.mark.service, pytest.mark.slow]


def test_what_the_bus_forgot_while_the_workers_were_down_is_read(
    sandbox: RunningSandbox,
    endpoints: Endpoints,
    engine: EngineProcesses,
    opened: ProcessClients,
    curated: psycopg.Connection,
) -> None:
    control = endpoints.salesforce.control_url
    traffic(control, seed=1)
    wait_for(lambda: ledger_sums(curated).landed > 30)
    engine.stop()
    traffic(control, seed=2)
    tell(control, "retention", seconds=0)
    tell(control, "retention", seconds=86_400)
    again = EngineProcesses(engine.group.folder, settings_file(sandbox.group.folder.parent))
    again.start()
    try:
        wait_for(lambda: any(act.act == LANE_HOLE for _, act in opened.audit.rows()))
        traffic(control, seed=3)
        # The hole is read once everything up to its end can be seen, by the org's clock.
        tell(control, "clock", advance_seconds=30)
        wait_until_equal(endpoints, opened)
    finally:
        again.stop()
    sums = ledger_sums(curated)
    assert sums.landed == sums.applied + sums.duplicate + sums.quarantined


def tell(control: str, what: str, **body: int) -> None:
    httpx.post(f"{control}/{what}", json=body, trust_env=False).raise_for_status()


def traffic(control: str, *, seed: int) -> None:
    start_traffic(control, rate=6_000, seconds=1, seed=seed)
    while traffic_state(control)["running"]:
        time.sleep(0.2)
