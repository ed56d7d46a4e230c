"""Objects go from stream to polling and back under traffic, while workers are killed: nothing lost,
nothing doubled (law 3).
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from cli.local.engine_processes import EngineProcesses, settings_of
from cli.local.measurements import ledger_sums
from cli.local.sandbox import answered, start_traffic, traffic_state
from cli.local.surge import org_state
from cli.state import settings_file
from sandbox.endpoints import Endpoints
from sandbox.stack import RunningSandbox
from schemas import names
from schemas.ids import planner_workflow_id
from schemas.planner import Following, PinInput, PlannerView, Way
from tests.support.builders.waiting import SLOWNESS, limit_in
from tests.support.engines.equal_records import wait_until_equal
from workers.clients import ProcessClients, connect_temporal
from workers.settings import Settings

pytestmark = [pytest.mark.service, pytest.mark.slow]

MOVED = ("Case", "Contact")
OBJECTS = 6
RATE = 4_000
SECONDS = 300
PATIENT = timedelta(seconds=15 * SLOWNESS)
"""With a query of a planner whose worker has just been killed."""
"""At most: the traffic is stopped when the objects have been moved there and back."""


@pytest.fixture
def planned_engine(sandbox: RunningSandbox) -> Iterator[EngineProcesses]:
    """The engine with the planner; dead processes are started again."""
    folder = sandbox.group.folder.parent
    planner = {"on": True, "goal": "PT15S", "overlap": "PT3S"}
    file = settings_file(folder)
    polling = {"deletions_every": "PT1M"}
    file.write_text(json.dumps(settings_of(sandbox.endpoints) | {"planner": planner, "polling": polling}))
    processes = EngineProcesses(folder / "logs" / "engine", file)
    processes.start()
    yield processes
    processes.stop()


async def test_objects_moved_to_polling_and_back_leave_an_equal_warehouse(
    endpoints: Endpoints,
    planned_engine: EngineProcesses,
    settings: Settings,
    opened: ProcessClients,
    curated: psycopg.Connection,
) -> None:
    control = endpoints.salesforce.control_url
    await _until(lambda: org_state(endpoints)["pubsub_streams"] >= OBJECTS, 60)
    start_traffic(control, rate=RATE, seconds=SECONDS, seed=23)
    client = await connect_temporal(settings)
    await _move(client, settings, planned_engine, Way.POLL, Following.POLL)
    await asyncio.sleep(5)  # traffic that only the polling sees
    await _move(client, settings, planned_engine, Way.STREAM, Following.STREAM)
    answered(lambda http: http.delete(f"{control}/traffic"))
    await _until(lambda: not traffic_state(control)["running"], 30)

    assert (await asyncio.to_thread(wait_until_equal, endpoints, opened)).records > 500
    sums = ledger_sums(curated)
    assert sums.landed == sums.applied + sums.duplicate + sums.quarantined
    assert sums.quarantined == 0


async def _move(
    client: Client, settings: Settings, engine: EngineProcesses, way: Way, following: Following
) -> None:
    """Pin the objects to a way, kill one worker of each role on the way there, and wait until they
    go it.
    """
    planner = client.get_workflow_handle(planner_workflow_id(settings.salesforce.org_id))
    for name in MOVED:
        pin = PinInput(object=name, way=way, by="test", reason="to be moved")
        await planner.execute_update(names.PIN, pin, result_type=PlannerView, rpc_timeout=PATIENT)
    for role in ("worker-lanes", "worker-batches"):
        await asyncio.sleep(2)
        await _until(partial(_kill, engine, role), 30, lambda: "it is not started again")

    view: PlannerView | None = None
    deadline = limit_in(150)
    while True:
        view = await _plan_of(planner, deadline)
        places = {state.followed.object: state.following for state in view.objects}
        if all(places[name] is following for name in MOVED):
            return
        assert time.monotonic() < deadline, f"{places} {view.notes} {view.trouble}"
        await asyncio.sleep(0.5)


async def _plan_of(planner: WorkflowHandle[Any, Any], deadline: float) -> PlannerView:
    """The plan. The server drops a query whose worker was killed, and says to ask again."""
    while True:
        try:
            view: PlannerView = await planner.query(names.PLAN, result_type=PlannerView, rpc_timeout=PATIENT)
            return view
        except RPCError as error:
            if error.status is not RPCStatusCode.UNAVAILABLE or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


def _kill(engine: EngineProcesses, role: str) -> bool:
    """SIGKILL a worker; False when none runs."""
    for child in list(engine.group.children):
        if child.name == role and child.is_running():
            child.process.kill()
            return True
    return False


async def _until(ready: Callable[[], bool], seconds: float, why: Callable[[], str] = lambda: "") -> None:
    deadline = limit_in(seconds)
    while not await asyncio.to_thread(ready):
        assert time.monotonic() < deadline, why()
        await asyncio.sleep(0.5)
