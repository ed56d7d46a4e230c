"""Law 2: the batches of a lane form one chain, whoever makes them."""

import asyncio
import dataclasses
import random
import uuid
from datetime import timedelta

import orjson
import pyarrow as pa
import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.follow import FollowLane
from activities.landing import CutRule, LandingBuffer
from clients.chain import Chain
from clients.objectstore import ObjectStore
from schemas.errors import ChainBrokenError
from schemas.ids import ORIGIN
from schemas.messages import FollowInput, FollowResult
from schemas.raw import Manifest
from tests.bus import Bus, Subscription, event, protector
from transforms.decode import BROKEN

pytestmark = pytest.mark.service

ORG = "law2"


@pytest.fixture
def chain(store: ObjectStore) -> Chain:
    return Chain(store, org=ORG, lane=uuid.uuid4().hex)


def events(chance: random.Random, count: int) -> list[dict]:
    """Events whose ids have gaps; some are groups of one id, as Salesforce sends merged changes when enriched."""
    made: list[dict] = []
    replay_id = 0
    while len(made) < count:
        replay_id += chance.choice((1, 1, 1, 7))
        for member in range(chance.choice((1, 1, 1, 1, 4))):
            made.append(event(replay_id, record_ids=[f"500{replay_id:012d}{member:03d}"]))
    return made


def follow(client: Client, store: ObjectStore, bus: Bus, *, most_changes: int, seconds: float) -> FollowLane:
    return FollowLane(
        client=client,
        store=store,
        protector=protector(),
        open_stream=bus.open,
        rule=CutRule(most_changes=most_changes, most_age=timedelta(seconds=0.15)),
        stretch=timedelta(seconds=seconds),
    )


async def run(follower: FollowLane, chain: Chain, *, hint: str | None = None) -> FollowResult:
    environment = ActivityEnvironment()
    if hint is not None:
        environment.info = dataclasses.replace(environment.info, heartbeat_details=[hint])
    request = FollowInput(
        org=chain.org, lane=chain.lane, channel="/data/ChangeEvents", position=ORIGIN, first_replay=-2
    )
    return await environment.run(follower.follow_lane, request)


def manifests(chain: Chain) -> list[Manifest]:
    """Every manifest of the lane, in or out of the chain."""
    store = chain._store
    keys = store.keys(f"chain/{chain.org}/{chain.lane}/")
    return [Manifest.model_validate_json(store.get(key)) for key in keys]


def record_ids(chain: Chain) -> list[str]:
    found: list[str] = []
    for manifest in chain.walk():
        for text in chain.read_raw(manifest)["event"].to_pylist():
            found += orjson.loads(text)["payload"]["ChangeEventHeader"]["recordIds"]
    return found


def raw_keys(chain: Chain) -> set[str]:
    return set(chain._store.keys(f"raw/{chain.org}/{chain.lane}/"))


@pytest.mark.parametrize("seed", range(6))
async def test_two_followers_at_once_make_one_chain(client: Client, store: ObjectStore, chain: Chain, seed: int):
    chance = random.Random(seed)
    expected = events(chance, 60)
    runs = []
    for slowness in (0.02, 0.12):
        # Each reads in pieces of its own and cuts by a rule of its own, one of them far behind the other.
        bus = Bus(expected, random.Random(chance.random()), most_at_once=9, most_pause=slowness)
        runs.append(run(follow(client, store, bus, most_changes=chance.randint(3, 20), seconds=2.2), chain))
    first, second = await asyncio.gather(*runs)

    walked = list(chain.walk())
    assert walked == sorted(manifests(chain), key=lambda manifest: int(manifest.end)), "a fork"
    ids = [each["payload"]["ChangeEventHeader"]["recordIds"][0] for each in expected]
    assert record_ids(chain) == ids
    assert first.position == second.position == walked[-1].end == str(expected[-1]["event"]["replayId"])
    assert raw_keys(chain) == {manifest.raw_key for manifest in walked}


async def test_a_group_of_one_replay_id_is_in_one_batch(client: Client, store: ObjectStore, chain: Chain):
    bus = Bus(events(random.Random(5), 80), random.Random(5), most_at_once=3)
    await run(follow(client, store, bus, most_changes=1, seconds=1.5), chain)
    batches = [set(chain.read_raw(manifest)["position"].to_pylist()) for manifest in chain.walk()]
    assert len(batches) > 5
    assert sum(map(len, batches)) == len(set.union(*batches))


async def test_a_follower_with_an_old_hint_walks_to_the_end(client: Client, store: ObjectStore, chain: Chain):
    bus = Bus([event(number) for number in range(1, 31)], most_at_once=4)
    await run(follow(client, store, bus, most_changes=5, seconds=1.5), chain)
    before = manifests(chain)
    assert len(before) > 4
    bus.events += [event(number) for number in range(31, 41)]
    for manifest in before:
        await client.get_workflow_handle(manifest.workflow_id).terminate("as if it had never been started")

    result = await run(follow(client, store, bus, most_changes=5, seconds=1.5), chain, hint=before[1].end)
    assert result.position == "40"
    assert record_ids(chain) == [f"500{number:015d}" for number in range(1, 41)]
    states = {}
    for manifest in before:
        description = await client.get_workflow_handle(manifest.workflow_id).describe()
        states[manifest.start] = description.status.name if description.status else None
    # The two before the hint were started when the hint was given; all after it are seen to again.
    assert list(states.values()) == ["TERMINATED"] * 2 + ["RUNNING"] * (len(before) - 2)


async def test_what_another_follower_landed_is_not_landed_again(client: Client, store: ObjectStore, chain: Chain):
    """A slow follower adopts a batch that ends beyond what it has read, and reads the rest of it afterwards."""
    made = [event(number) for number in range(1, 21)]
    ahead = Bus(made[:15], most_at_once=50)
    slow = Bus(made, random.Random(1), most_at_once=2, most_pause=0.05)
    behind = asyncio.ensure_future(run(follow(client, store, slow, most_changes=4, seconds=2.5), chain))
    buffer = LandingBuffer(protector(), CutRule())
    async with ahead.open(None, -2) as stream:  # type: ignore[arg-type] -- the bus asks for the replay id alone
        buffer.add(await stream.read(wait_seconds=0))
    await asyncio.sleep(0)
    await asyncio.to_thread(chain.land, whole(ahead), start=ORIGIN)
    await behind
    ends = [int(manifest.end) for manifest in chain.walk()]
    assert ends == sorted(set(ends))
    assert record_ids(chain) == [f"500{number:015d}" for number in range(1, 21)]


class Trickle(Subscription):
    """A stream that gives one event a reading, a broken message among them, with a silence after it."""

    async def read(self, *, wait_seconds: float):
        self._bus.most_at_once = 1
        given = await super().read(wait_seconds=wait_seconds)
        if given and BROKEN in given[0].data:
            await asyncio.sleep(0.2)
        return given


async def test_a_message_without_a_replay_id_does_not_bend_the_chain(
    client: Client, store: ObjectStore, chain: Chain
):
    """It belongs to the position before it, which may have been landed: a batch must not end where it starts."""
    broken = {BROKEN: '{"data": {"paylo'}
    bus = Bus([event(1), event(2), broken, event(3)])
    landed_at_once = CutRule(most_changes=1, most_age=timedelta(0))
    buffer = LandingBuffer(protector(), landed_at_once)
    stream = Subscription(bus, -2)
    bus.most_at_once = 1
    position = ORIGIN
    for _ in range(4):
        buffer.add(await stream.read(wait_seconds=0))
        buffer._received_ms = [moment - 2_000 for moment in buffer._received_ms]  # as if it had arrived long ago
        if buffer.is_due():
            manifest, _ = await asyncio.to_thread(chain.land, buffer.peek(), start=position)
            buffer.drop_through(int(manifest.end))
            position = manifest.end
    walked = list(chain.walk())
    assert [manifest.end for manifest in walked] == ["1", "2", "3"]
    assert sum(manifest.events for manifest in walked) == 4


def whole(bus: Bus) -> pa.Table:
    """All events of the bus as one raw table."""
    buffer = LandingBuffer(protector(), CutRule())
    stream = Subscription(bus, -2)
    messages = [stream._message(each) for each in bus.events]
    buffer.add([dataclasses.replace(message, received_at_ms=message.received_at_ms - 5_000) for message in messages])
    return buffer.peek()


def test_the_losers_raw_file_is_deleted(chain: Chain):
    winner, ours = chain.land(whole(Bus([event(1), event(2)])), start=ORIGIN)
    loser, theirs = chain.land(whole(Bus([event(1)])), start=ORIGIN)
    assert (ours, theirs) == (True, False)
    assert loser == winner
    assert raw_keys(chain) == {winner.raw_key}


def test_an_altered_raw_file_is_refused(chain: Chain):
    manifest, _ = chain.land(whole(Bus([event(1), event(2)])), start=ORIGIN)
    body = bytearray(chain._store.get(manifest.raw_key))
    body[len(body) // 2] ^= 1
    chain._store.put(manifest.raw_key, bytes(body))
    with pytest.raises(ChainBrokenError, match="altered after landing"):
        chain.read_raw(manifest)
