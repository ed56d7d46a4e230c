"""Law 1: a lane's position never passes a change that is not durable in raw."""

import dataclasses
import uuid
from collections.abc import Iterator
from datetime import timedelta

import orjson
import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.follow import FollowLane
from activities.landing import CutRule
from clients.chain import Chain
from clients.objectstore import ObjectStore, S3Address
from schemas.errors import UnavailableError
from schemas.ids import ORIGIN
from schemas.messages import FollowInput
from tests.bus import Bus, event, protector
from tests.s3_proxy import Fate, S3Proxy, s3_proxy

pytestmark = pytest.mark.service

COUNT = 40


@pytest.fixture
def chain(store: ObjectStore) -> Chain:
    return Chain(store, org="law1", lane=uuid.uuid4().hex)


@pytest.fixture
def bus() -> Bus:
    return Bus([event(number) for number in range(1, COUNT + 1)], most_at_once=9)


@pytest.fixture
def proxy(s3_port: int) -> Iterator[S3Proxy]:
    with s3_proxy(s3_port) as opened:
        yield opened


@pytest.fixture
def behind_proxy(s3_address: S3Address, proxy: S3Proxy) -> ObjectStore:
    return ObjectStore(dataclasses.replace(s3_address, endpoint_url=proxy.url))


def follower(client: Client, store: ObjectStore, bus: Bus, *, seconds: float = 1.5) -> FollowLane:
    return FollowLane(
        client=client,
        store=store,
        protector=protector(),
        open_stream=bus.open,
        rule=CutRule(most_changes=8, most_age=timedelta(seconds=0.1)),
        stretch=timedelta(seconds=seconds),
    )


def request(chain: Chain, position: str = ORIGIN) -> FollowInput:
    return FollowInput(
        org=chain.org, lane=chain.lane, channel="/data/ChangeEvents", position=position, first_replay=-2
    )


def landed(chain: Chain, through: str | None = None) -> list[int]:
    """Replay ids in raw from the lane's origin, in order, up to the batch that ends at `through`."""
    found: list[int] = []
    if through == ORIGIN:
        return found
    for manifest in chain.walk():
        for text in chain.read_raw(manifest)["event"].to_pylist():
            found.append(orjson.loads(text)["event"]["replayId"])
        if manifest.end == through:
            return found
    assert through is None, f"no batch ends at {through}"
    return found


def listening(chain: Chain) -> tuple[ActivityEnvironment, list[str]]:
    """An activity's surroundings; at every heartbeat, everything up to the position must be in raw."""
    environment = ActivityEnvironment()
    positions: list[str] = []

    def heard(position: str) -> None:
        if position not in positions:
            positions.append(position)
            assert landed(chain, through=position) == list(range(1, 1 + int(position.replace(ORIGIN, "0"))))

    environment.on_heartbeat = heard
    return environment, positions


async def test_every_position_that_is_told_is_in_raw(client: Client, store: ObjectStore, chain: Chain, bus: Bus):
    environment, positions = listening(chain)
    result = await environment.run(follower(client, store, bus).follow_lane, request(chain))
    assert result.position == str(COUNT)
    assert len(positions) > 4
    assert landed(chain) == list(range(1, COUNT + 1))


@pytest.mark.parametrize("fate", [Fate.REFUSE, Fate.SWALLOW], ids=["not-done", "done-but-not-answered"])
@pytest.mark.parametrize("place", ["/raw/", "/chain/"])
async def test_a_failing_s3_stops_the_position_and_loses_nothing(
    client: Client, chain: Chain, bus: Bus, proxy: S3Proxy, behind_proxy: ObjectStore, fate: Fate, place: str
):
    writes: list[str] = []

    def fail_from_the_third_write(method: str, path: str) -> Fate:
        if method == "PUT" and place in path and path not in writes:
            writes.append(path)
        return fate if method == "PUT" and place in path and path in writes[2:] else Fate.PASS

    proxy.decide = fail_from_the_third_write
    environment, positions = listening(chain)
    follow = follower(client, behind_proxy, bus)
    with pytest.raises(UnavailableError, match="S3"):
        await environment.run(follow.follow_lane, request(chain))
    assert len(positions) == 3  # the origin, and two batches
    assert positions[-1] != str(COUNT)

    proxy.decide = lambda method, path: Fate.PASS
    again, _ = listening(chain)
    again.info = dataclasses.replace(again.info, heartbeat_details=[positions[-1]])
    result = await again.run(follow.follow_lane, request(chain))
    assert result.position == str(COUNT)
    assert landed(chain) == list(range(1, COUNT + 1))


async def test_the_answer_to_a_manifest_may_be_lost_once(
    client: Client, store: ObjectStore, chain: Chain, bus: Bus, proxy: S3Proxy, behind_proxy: ObjectStore
):
    swallowed: list[str] = []

    def swallow_first(method: str, path: str) -> Fate:
        if method == "PUT" and "/chain/" in path and not swallowed:
            swallowed.append(path)
            return Fate.SWALLOW
        return Fate.PASS

    proxy.decide = swallow_first
    environment, _ = listening(chain)
    await environment.run(follower(client, behind_proxy, bus, seconds=2.5).follow_lane, request(chain))
    assert landed(chain) == list(range(1, COUNT + 1))
    # The second try found its own manifest: its raw file must not be taken for a loser's.
    assert set(store.keys(f"raw/{chain.org}/{chain.lane}/")) == {manifest.raw_key for manifest in chain.walk()}


async def test_a_batch_in_raw_without_its_workflow_gets_it_from_the_successor(
    client: Client, store: ObjectStore, chain: Chain, bus: Bus
):
    environment, _ = listening(chain)
    await environment.run(follower(client, store, bus).follow_lane, request(chain))
    manifests = list(chain.walk())
    for manifest in manifests:
        await client.get_workflow_handle(manifest.workflow_id).terminate("as if it had never been started")

    again, _ = listening(chain)
    await again.run(follower(client, store, bus, seconds=0).follow_lane, request(chain))
    for manifest in manifests:
        description = await client.get_workflow_handle(manifest.workflow_id).describe()
        assert description.status is not None
        assert description.status.name == "RUNNING"
