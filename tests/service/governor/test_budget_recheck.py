"""An allocation that was raised: found by a recheck, and what waited goes on, without a call that
is not paid for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from clients.temporal.governor import recheck_budgets
from clients.temporal.lanes import resume_lane
from schemas.governor import Budget
from schemas.governor.recheck import RecheckInput
from schemas.ids import ORIGIN
from schemas.ingest.messages import PauseInput
from tests.support.builders.waiting import until
from tests.support.engines.lanes_of_org import OrgLanes

pytestmark = [pytest.mark.service, pytest.mark.slow]

RECHECK = RecheckInput(budget=Budget.DELIVERED_EVENTS, by="ada", reason="the add-on is active")


@pytest.fixture
def processes_ask_every_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of every thirty."""
    for module in ("clients.governor.lease_account", "workers.salesforce"):
        monkeypatch.setattr(f"{module}.ASK_AGAIN", timedelta(seconds=1))


async def recheck(lanes: OrgLanes, lane: str) -> None:
    found = await recheck_budgets(lanes.client, lanes.org.org_id, RECHECK)
    assert found is not None
    [budget] = found.budgets
    assert (budget.budget, budget.maximum, budget.was_refused) == (Budget.DELIVERED_EVENTS, 1_000_000, True)
    assert budget.paused_until is None


async def resume(lanes: OrgLanes, lane: str) -> None:
    request = PauseInput(by="ada")
    assert await resume_lane(lanes.client, lanes.org.org_id, lanes.name(lane), request)


async def is_refused(lanes: OrgLanes, lane: str) -> bool:
    view = await lanes.follower(lane)
    return view is not None and view.is_refused


@pytest.mark.usefixtures("processes_ask_every_second")
@pytest.mark.parametrize("lane", ["old", "new"])
@pytest.mark.parametrize("act", [recheck, resume])
async def test_a_raised_allocation_is_noticed_when_somebody_says_so(
    lanes: OrgLanes, lane: str, act: Callable[[OrgLanes, str], Awaitable[None]]
) -> None:
    meter = lanes.served.org.meters.delivered_events
    meter.maximum = 1_000
    # The governor believes in what it has read, and the org refuses all the same.
    assert await recheck_budgets(lanes.client, lanes.org.org_id, RECHECK) is not None
    meter.set_used(1_000)
    lanes.served.org.create("Account", {"Name": "before"})
    await lanes.follow(lane)
    await until(lambda: is_refused(lanes, lane), seconds=30)
    asked = lanes.seen("/cometd/")
    await asyncio.sleep(3)  # some tries of the follower, which must not reach the org
    await until(lambda: is_refused(lanes, lane))
    assert lanes.seen("/cometd/") == asked

    meter.maximum = 1_000_000
    await act(lanes, lane)
    await until(lambda: lanes.has_come(lane, ORIGIN), seconds=15)
