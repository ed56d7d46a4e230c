"""A login that Salesforce refuses in the middle of a run: few token requests, the lane paused with
the reason, and at work again after `resume`.
"""

import pytest

from clients.temporal.lanes import resume_lane
from schemas.ids import ORIGIN
from schemas.ingest.messages import PauseInput
from tests.support.builders.waiting import until
from tests.support.engines.lanes_of_org import LANES, OrgLanes

pytestmark = [pytest.mark.service, pytest.mark.slow]

TOKEN = "/services/oauth2/token"


@pytest.mark.parametrize("lane", LANES)
async def test_a_revoked_login_pauses_the_lane_after_few_token_requests(lanes: OrgLanes, lane: str) -> None:
    lanes.served.org.create("Account", {"Name": "before"})
    await lanes.follow(lane)
    await until(lambda: lanes.has_come(lane, ORIGIN), seconds=30)
    view = await lanes.follower(lane)
    assert view is not None
    landed, before = view.details[0], lanes.seen(TOKEN)
    lanes.block_app(True)
    lanes.served.org.create("Account", {"Name": "meanwhile"})
    await until(lambda: lanes.is_paused(lane), seconds=60)
    state = (await lanes.lane(lane)).state
    assert state is not None
    assert "OAUTH_APP_BLOCKED" in state.paused_because
    assert 2 <= lanes.seen(TOKEN) - before <= 5

    lanes.block_app(False)
    request = PauseInput(by="ada", reason="let in")
    assert await resume_lane(lanes.client, lanes.org.org_id, lanes.name(lane), request)
    await until(lambda: lanes.has_come(lane, landed), seconds=20)
    assert not await lanes.is_paused(lane)
