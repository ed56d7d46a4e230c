"""A login that Salesforce refuses in the middle of a run: few token requests, the lane paused with
the reason, and at work again after `resume`.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from clients.database.audit_log import AuditLog
from clients.dependencies import Clients
from clients.storage.objects import ObjectStore
from clients.temporal.lanes import resume_lane
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import default_catalogue
from schemas.ids import ORIGIN
from schemas.ingest.messages import PauseInput
from tests.support.builders.bus import protector
from tests.support.builders.waiting import until
from tests.support.engines.lanes_of_org import LANES, OrgLanes, serving_lanes

pytestmark = [pytest.mark.service, pytest.mark.slow]

TOKEN = "/services/oauth2/token"


@pytest.fixture
async def lanes(
    client: Client,
    store: ObjectStore,
    warehouse: PostgresWarehouse,
    database_with_tables: str,
    tmp_path: Path,
) -> AsyncIterator[OrgLanes]:
    audit = AuditLog(database_with_tables)
    clients = Clients(client, store, warehouse, default_catalogue(), audit, protector())
    async with serving_lanes(clients, tmp_path) as served:
        yield served
    audit.close()


@pytest.mark.parametrize("lane", LANES)
async def test_a_revoked_login_pauses_the_lane_after_few_token_requests(lanes: OrgLanes, lane: str) -> None:
    lanes.served.org.create("Account", {"Name": "before"})
    await lanes.follow(lane)
    await until(lambda: lanes.has_come(lane, ORIGIN), seconds=30)
    before = lanes.seen(TOKEN)
    lanes.block_app(True)
    lanes.served.org.create("Account", {"Name": "meanwhile"})
    await until(lambda: lanes.is_paused(lane), seconds=60)
    state = (await lanes.lane(lane)).state
    assert state is not None
    assert "OAUTH_APP_BLOCKED" in state.paused_because
    assert 2 <= lanes.seen(TOKEN) - before <= 5

    lanes.block_app(False)
    position = state.position
    assert await resume_lane(lanes.client, lanes.org.org_id, lane, PauseInput(by="ada", reason="let in"))
    await until(lambda: lanes.has_come(lane, position), seconds=20)
    assert not await lanes.is_paused(lane)
