"""Law 1: a lane's position never passes a change that is not durable in raw."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import orjson
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from activities.ingest.follow_lane import FollowLane
from activities.ingest.landing_buffer import BatchLimits
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore, S3Address
from schemas.errors import UnavailableError
from schemas.ids import ORIGIN
from tests.support.builders.bus import Bus, event, protector
from tests.support.engines.following import follow_until, groups_settle_at_once  # noqa: F401
from tests.support.faults.s3_proxy import Fate, S3Proxy, s3_proxy

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("groups_settle_at_once")]

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


def follower(client: Client, store: ObjectStore, bus: Bus) -> FollowLane:
    return FollowLane(
        client=client,
        store=store,
        protector=protector(),
        open_stream=bus.open,
        rule=BatchLimits(max_changes=8, max_age=timedelta(seconds=0.1)),
    )


def landed(chain: Chain, through: str | None = None) -> list[int]:
    """Replay ids in raw from the lane's origin, in order, up to the batch that ends at
    `through`.
    """
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


def in_raw_through(chain: Chain) -> Callable[[str], None]:
    """Asserts, of each reported position, that everything up to it is in raw."""

    def heard(position: str) -> None:
        assert landed(chain, through=position) == list(range(1, 1 + int(position.replace(ORIGIN, "0"))))

    return heard


async def test_every_position_that_is_told_is_in_raw(
    client: Client, store: ObjectStore, chain: Chain, bus: Bus
):
    positions = await follow_until(follower(client, store, bus), chain, COUNT, heard=in_raw_through(chain))
    assert len(positions) > 4
    assert landed(chain) == list(range(1, COUNT + 1))


@pytest.mark.parametrize("fate", [Fate.REFUSE, Fate.SWALLOW], ids=["not-done", "done-but-not-answered"])
@pytest.mark.parametrize("place", ["/raw/", "/chain/"])
async def test_a_failing_s3_stops_the_position_and_loses_nothing(
    client: Client, chain: Chain, bus: Bus, proxy: S3Proxy, behind_proxy: ObjectStore, fate: Fate, place: str
):
    written: list[str] = []

    def fail_from_the_third_write(method: str, path: str) -> Fate:
        if method == "PUT" and place in path and path not in written:
            written.append(path)
        return fate if method == "PUT" and place in path and path in written[2:] else Fate.PASS

    proxy.decide = fail_from_the_third_write
    told: list[str] = []
    follow = follower(client, behind_proxy, bus)
    with pytest.raises(UnavailableError, match="S3"):
        await follow_until(follow, chain, COUNT, heard=told.append)
    assert len(told) == 3  # the origin, and two batches
    in_raw_through(chain)(told[-1])

    proxy.decide = lambda method, path: Fate.PASS
    await follow_until(follow, chain, COUNT, hint=told[-1], heard=in_raw_through(chain))
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
    await follow_until(follower(client, behind_proxy, bus), chain, COUNT, heard=in_raw_through(chain))
    assert swallowed
    assert landed(chain) == list(range(1, COUNT + 1))
    # The second try found its own manifest: its raw file must not be taken for a loser's.
    assert set(store.keys(f"raw/{chain.org}/{chain.lane}/")) == {
        manifest.raw_key for manifest in chain.walk()
    }


async def test_a_batch_in_raw_without_its_workflow_gets_it_from_the_successor(
    client: Client, store: ObjectStore, chain: Chain, bus: Bus
):
    await follow_until(follower(client, store, bus), chain, COUNT)
    handles = [client.get_workflow_handle(manifest.workflow_id) for manifest in chain.walk()]
    for handle in handles:
        await handle.terminate("as if it had never been started")

    await follow_until(follower(client, store, bus), chain, COUNT)
    assert {(await handle.describe()).status for handle in handles} == {WorkflowExecutionStatus.RUNNING}
