"""A start with the planner after one without it, and back: each object is followed one way, so each
event is delivered, and billed, once.
"""

import asyncio

import pytest

from clients.temporal.lanes import list_lanes
from schemas.ids import planner_workflow_id
from schemas.planner import Way
from tests.support.builders.waiting import until
from tests.support.engines.lanes_of_org import OrgLanes
from workers.lanes import ensure_lanes

pytestmark = [pytest.mark.service, pytest.mark.slow]

COUNT = 10


async def streams(lanes: OrgLanes) -> set[str]:
    """Lanes that hold a stream of accounts, or may open one."""
    found = await list_lanes(lanes.client, lanes.org.org_id)
    states = [each.state for each in found if each.state is not None and not each.state.paused]
    return {
        each.lane for each in states if each.way is Way.STREAM and "Account" in (each.channel or "/data/Ch")
    }


async def delivered(lanes: OrgLanes) -> int:
    """Events that the org counts for some new accounts."""
    meter = lanes.served.org.meters.delivered_events
    before = await _steady(lanes)
    for number in range(COUNT):
        lanes.served.org.create("Account", {"Name": f"N{number}"})
    await until(lambda: _is_over(lanes, before + COUNT), seconds=10)
    await asyncio.sleep(2)  # what comes twice comes within a moment
    return meter.used - before


async def _steady(lanes: OrgLanes) -> int:
    """The events that were delivered, once a lane that was started has what the bus retains."""
    meter, seen = lanes.served.org.meters.delivered_events, -1
    while seen != meter.used:
        seen = meter.used
        await asyncio.sleep(2)
    return seen


async def _is_over(lanes: OrgLanes, used: int) -> bool:
    return lanes.served.org.meters.delivered_events.used >= used


async def test_no_event_is_delivered_two_ways_after_a_start_of_the_other_way(lanes: OrgLanes) -> None:
    lanes.served.org.meters.delivered_events.maximum = 1_000_000
    one = tuple(each for each in lanes.settings.lanes if each.name == lanes.name("old"))
    configured = lanes.settings.model_copy(update={"lanes": one})
    planner = configured.planner.model_copy(update={"on": True, "pins": {"Account": Way.STREAM}})
    planned = configured.model_copy(update={"planner": planner, "lanes": ()})

    async def follows(expected: set[str]) -> bool:
        return await streams(lanes) == expected

    await ensure_lanes(lanes.client, configured)
    await until(lambda: follows({lanes.name("old")}), seconds=30)
    assert await delivered(lanes) == COUNT

    await ensure_lanes(lanes.client, planned)
    await until(lambda: follows({"account"}), seconds=60)
    assert await lanes.is_paused("old")
    await until(lambda: _is_over(lanes, 2 * COUNT), seconds=30)  # what the bus retains, once more
    assert await delivered(lanes) == COUNT

    await ensure_lanes(lanes.client, configured)
    await until(lambda: follows({lanes.name("old")}), seconds=60)
    described = await lanes.client.get_workflow_handle(planner_workflow_id(lanes.org.org_id)).describe()
    assert described.status is not None
    assert described.status.name == "TERMINATED"
    await until(lambda: _is_over(lanes, 4 * COUNT), seconds=30)
    assert await delivered(lanes) == COUNT
