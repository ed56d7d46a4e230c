"""A lane's transport is a setting: the engine's opener gives the same messages over either, from an
org process over sockets.
"""

import asyncio
import gc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from activities.ingest.follow_lane import OpenStream
from clients.salesforce.session import SessionSource
from clients.salesforce.streaming.cometd import CometdStream
from clients.salesforce.streaming.pubsub import PubsubStream
from clients.salesforce.streaming.stream import EventAllowance
from schemas.catalogue import default_catalogue
from schemas.errors import RateLimitedError, SettingsError
from schemas.ingest.messages import FollowInput
from schemas.salesforce.limits import COMETD_LOOK_AHEAD
from schemas.settings.ingest import LaneSettings
from schemas.settings.salesforce import SalesforceSettings
from tests.real_clients.org import AWKWARD_TEXTS, SalesforceOrg
from tests.sandbox.pubsub_org import Counting, read_events
from workers.addresses import salesforce_address
from workers.salesforce import stream_opener
from workers.settings import Settings

pytestmark = pytest.mark.service

CHANNEL = "/data/AccountChangeEvent"


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceOrg]:
    started = SalesforceOrg(tmp_path_factory.mktemp("org"))
    started.start()
    for text in AWKWARD_TEXTS:
        started.create("Account", Name="Awkward", Description=text, AnnualRevenue=12.5, BillingCity="Bergen")
    yield started
    started.stop()


def settings_for(org: SalesforceOrg, **salesforce: Any) -> Settings:
    who = org.identity
    return Settings(
        salesforce=SalesforceSettings(
            org_id=who["org_id"],
            login_url=org.url,
            client_id=who["client_id"],
            client_secret=who["client_secret"],
            **{"pubsub_endpoint": f"localhost:{org.pubsub_port}", "ca_file": org.ca_file, **salesforce},
        ),
        s3={"bucket": "b", "kms_key_id": "alias/k"},
        warehouse={"dsn": "postgresql://w"},
        operational={"dsn": "postgresql://o"},
        lanes=(
            LaneSettings(name="old", channel=CHANNEL, transport="cometd"),
            LaneSettings(name="new", channel=CHANNEL, transport="pubsub"),
        ),
    )


def opener(org: SalesforceOrg, allowance: EventAllowance | None = None, **salesforce: Any) -> OpenStream:
    settings = settings_for(org, **salesforce)
    sessions = SessionSource(salesforce_address(settings.salesforce))
    return stream_opener(settings, sessions, default_catalogue(), allowance)


def request(lane: str) -> FollowInput:
    return FollowInput(org="o", lane=lane, channel=CHANNEL, position="origin", first_replay=-2)


async def test_the_transport_of_a_lane_is_what_its_settings_say_and_its_messages_are_the_same(
    org: SalesforceOrg,
) -> None:
    opened = opener(org)
    async with opened(request("old"), -2) as old, opened(request("new"), -2) as new:
        assert isinstance(old, CometdStream)
        assert isinstance(new, PubsubStream)
        by_cometd = await read_events(old, len(AWKWARD_TEXTS))
        by_pubsub = await read_events(new, len(AWKWARD_TEXTS))
    for message in by_pubsub:
        del message.data["payload"]["ChangeEventHeader"]["changedFields"]
    assert [(m.replay_id, m.data) for m in by_pubsub] == [(m.replay_id, m.data) for m in by_cometd]


async def test_a_lane_that_changes_over_goes_on_at_its_position(org: SalesforceOrg) -> None:
    opened = opener(org)
    async with opened(request("old"), -2) as stream:
        first, second, third = (await read_events(stream, 3))[:3]
    async with opened(request("new"), second.replay_id) as stream:
        assert (await read_events(stream, 1))[0].replay_id == third.replay_id
    async with opened(request("old"), first.replay_id) as stream:
        assert (await read_events(stream, 1))[0].replay_id == second.replay_id


async def test_tokens_left_over_pay_for_the_next_stream_of_the_lane(
    org: SalesforceOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clients.salesforce.streaming.pubsub_flow_control.QUIET_SECONDS", -1)
    allowance = Counting()
    opened = opener(org, allowance)
    for _ in range(4):
        async with opened(request("new"), -2) as stream:
            await read_events(stream, len(AWKWARD_TEXTS))
    assert allowance.granted <= 4 * len(AWKWARD_TEXTS) + 100


@pytest.mark.parametrize("turns", [0, 1, 3, 10, 100])
async def test_a_stream_that_is_closing_when_it_is_cancelled_again_leaves_no_connection_open(
    org: SalesforceOrg, turns: int
) -> None:
    is_open = asyncio.Event()

    async def follow() -> None:
        async with opener(org)(request("old"), -2):
            is_open.set()
            await asyncio.Event().wait()

    following = asyncio.create_task(follow())
    await is_open.wait()
    following.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    left = [each for each in gc.get_objects() if isinstance(each, aiohttp.ClientSession) and not each.closed]
    assert left == []


class Once(Counting):
    """Grants one look-ahead and refuses ever after."""

    async def take(self, count: int) -> int:
        if self.granted >= COMETD_LOOK_AHEAD:
            pause = timedelta(minutes=5)
            raise RateLimitedError(system="the governor", detail="no budget", retry_after=pause)
        return await super().take(count)

    def came(self, count: int) -> None:
        pass


async def test_a_cometd_stream_that_is_refused_tokens_asks_for_nothing_more(org: SalesforceOrg) -> None:
    opened = opener(org, Once())
    async with opened(request("old"), -2) as stream:
        await read_events(stream, len(AWKWARD_TEXTS))
        with pytest.raises(RateLimitedError, match="no budget"):
            await read_events(stream, 1)


async def test_a_ca_file_that_is_missing_names_its_setting(org: SalesforceOrg) -> None:
    opened = opener(org, ca_file=Path("/nowhere/ca.pem"))
    with pytest.raises(SettingsError, match="TIDEGATE_SALESFORCE__CA_FILE"):
        async with opened(request("new"), -2):
            pass
