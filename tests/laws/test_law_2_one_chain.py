"""Law 2: the batches of a lane form one chain, whichever process makes them."""

import asyncio
import dataclasses
import random
import re
import uuid
from collections import Counter
from datetime import timedelta

import orjson
import pyarrow as pa
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from activities.ingest.follow_lane import FollowLane
from activities.ingest.landing_buffer import BatchLimits, LandingBuffer
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from schemas.errors import ChainBrokenError
from schemas.ids import ORIGIN, manifest_key
from schemas.ingest.raw import Manifest
from tests.support.builders.bus import Bus, Subscription, event, protector
from tests.support.engines.following import follow_until, groups_settle_at_once  # noqa: F401
from transforms.ingest.decode_events import BROKEN

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("groups_settle_at_once")]

ORG = "law2"


@pytest.fixture
def chain(store: ObjectStore) -> Chain:
    return Chain(store, org=ORG, lane=uuid.uuid4().hex)


def events(chance: random.Random, count: int) -> list[dict]:
    """Events whose ids have gaps; some are groups of one id, as Salesforce sends merged changes
    when enriched.
    """
    made: list[dict] = []
    replay_id = 0
    while len(made) < count:
        replay_id += chance.choice((1, 1, 1, 7))
        for member in range(chance.choice((1, 1, 1, 1, 4))):
            made.append(event(replay_id, record_ids=[f"500{replay_id:012d}{member:03d}"]))
    return made


def follow(client: Client, store: ObjectStore, bus: Bus, *, most_changes: int) -> FollowLane:
    return FollowLane(
        client=client,
        store=store,
        protector=protector(),
        open_stream=bus.open,
        rule=BatchLimits(max_changes=most_changes, max_age=timedelta(seconds=0.15)),
    )


def manifests(chain: Chain) -> list[Manifest]:
    """Every manifest of the lane, in or out of the chain."""
    store = chain._store
    keys = store.keys(f"chain/{chain.org}/{chain.lane}/")
    found = [Manifest.model_validate_json(store.get(key)) for key in keys]
    return sorted(found, key=lambda manifest: int(manifest.end))


def record_ids(chain: Chain) -> list[str]:
    found: list[str] = []
    for manifest in chain.walk():
        for text in chain.read_raw(manifest)["event"].to_pylist():
            found += orjson.loads(text)["payload"]["ChangeEventHeader"]["recordIds"]
    return found


def raw_keys(chain: Chain) -> set[str]:
    return set(chain._store.keys(f"raw/{chain.org}/{chain.lane}/"))


def assert_whole(chain: Chain, expected: list[dict]) -> None:
    """No fork, no gap, no disorder; only the event that ends an adopted batch may have been landed
    twice.
    """
    for manifest in manifests(chain):
        assert manifest.start == ORIGIN or int(manifest.start) < int(manifest.end), "a loop"
    walked = list(chain.walk())
    assert walked == manifests(chain), "a fork"
    ids = record_ids(chain)
    assert list(dict.fromkeys(ids)) == [
        each["payload"]["ChangeEventHeader"]["recordIds"][0] for each in expected
    ]
    seams = {manifest.end for manifest in walked}
    again = {record_id for record_id, count in Counter(ids).items() if count > 1}
    positions = {
        each["payload"]["ChangeEventHeader"]["recordIds"][0]: str(each["event"]["replayId"])
        for each in expected
    }
    assert {positions[record_id] for record_id in again} <= seams
    assert raw_keys(chain) == {manifest.raw_key for manifest in walked}


@pytest.mark.parametrize("seed", range(8))
async def test_two_followers_at_once_make_one_chain(
    client: Client, store: ObjectStore, chain: Chain, seed: int
):
    chance = random.Random(seed)
    expected = events(chance, 60)
    last = expected[-1]["event"]["replayId"]
    runs = []
    for slowness in (0.01, chance.choice((0.01, 0.08))):
        # Each reads in pieces of its own and cuts by a rule of its own, one of them perhaps far
        # behind the other.
        bus = Bus(expected, random.Random(chance.random()), most_at_once=9, most_pause=slowness)
        runs.append(follow_until(follow(client, store, bus, most_changes=chance.randint(3, 20)), chain, last))
    await asyncio.gather(*runs)
    assert_whole(chain, expected)


async def test_a_group_of_one_replay_id_is_in_one_batch(client: Client, store: ObjectStore, chain: Chain):
    made = events(random.Random(5), 80)
    bus = Bus(made, random.Random(5), most_at_once=3)
    await follow_until(follow(client, store, bus, most_changes=1), chain, made[-1]["event"]["replayId"])
    batches = [set(chain.read_raw(manifest)["position"].to_pylist()) for manifest in chain.walk()]
    assert len(batches) > 5
    assert sum(map(len, batches)) == len(set.union(*batches))


async def test_a_follower_with_an_old_hint_walks_to_the_end(client: Client, store: ObjectStore, chain: Chain):
    bus = Bus([event(number) for number in range(1, 31)], most_at_once=4)
    await follow_until(follow(client, store, bus, most_changes=5), chain, 30)
    before = manifests(chain)
    assert len(before) > 4
    bus.events += [event(number) for number in range(31, 41)]
    handles = [client.get_workflow_handle(manifest.workflow_id) for manifest in before]
    for handle in handles:
        await handle.terminate("as if it had never been started")

    await follow_until(follow(client, store, bus, most_changes=5), chain, 40, hint=before[1].end)
    assert_whole(chain, bus.events)
    states = [(await handle.describe()).status for handle in handles]
    # The two before the hint were started when the hint was given; all after it are seen to again.
    seen_to = [WorkflowExecutionStatus.RUNNING] * (len(before) - 2)
    assert states == [WorkflowExecutionStatus.TERMINATED] * 2 + seen_to


async def test_a_follower_that_was_overtaken_goes_on_after_the_others_batch(
    client: Client, store: ObjectStore, chain: Chain
):
    """It adopts a batch that ends beyond what it has read, and reads the rest of that batch
    afterwards.
    """
    made = [event(number) for number in range(1, 21)]
    slow = Bus(made, random.Random(1), most_at_once=2, most_pause=0.05)
    following = asyncio.ensure_future(follow_until(follow(client, store, slow, most_changes=4), chain, 20))
    await asyncio.to_thread(chain.land, whole(Bus(made[:15])), start=ORIGIN)
    await following
    assert next(chain.walk()).end == "15"
    assert_whole(chain, made)


async def test_a_message_without_a_replay_id_does_not_bend_the_chain(
    client: Client, store: ObjectStore, chain: Chain
):
    """It belongs to the position before it, which was landed: a batch must not end where it
    starts.
    """
    bus = Bus([event(1)])

    def add_broken(position: str) -> None:
        if position == "1":
            bus.events.append({BROKEN: '{"data": {"paylo'})
            asyncio.get_running_loop().call_later(0.4, bus.events.append, event(3))

    await follow_until(follow(client, store, bus, most_changes=1), chain, 3, heard=add_broken)
    walked = list(chain.walk())
    assert [manifest.end for manifest in walked] == ["1", "3"]
    assert [manifest.landed for manifest in walked] == [{"Case": 1}, {"": 1, "Case": 1}]


def whole(bus: Bus) -> pa.Table:
    """All events of the bus as one raw table."""
    buffer = LandingBuffer(protector(), BatchLimits())
    stream = Subscription(bus, -2)
    messages = [stream._message(each) for each in bus.events]
    buffer.add(
        [dataclasses.replace(message, received_at_ms=message.received_at_ms - 5_000) for message in messages]
    )
    return buffer.peek()


def test_the_losers_raw_file_is_deleted(chain: Chain):
    winner, ours = chain.land(whole(Bus([event(1), event(2)])), start=ORIGIN)
    loser, theirs = chain.land(whole(Bus([event(1)])), start=ORIGIN)
    assert (ours, theirs) == (True, False)
    assert loser == winner
    assert raw_keys(chain) == {winner.raw_key}


@pytest.mark.parametrize("body", [b"", b"{}", b"\x00"])
def test_what_is_no_manifest_ends_the_chain_with_its_name(chain: Chain, body: bytes):
    key = manifest_key(chain.org, chain.lane, ORIGIN)
    chain._store.put(key, body)
    with pytest.raises(ChainBrokenError, match=re.escape(key)):
        chain.find(ORIGIN)


def test_an_altered_raw_file_is_refused(chain: Chain):
    manifest, _ = chain.land(whole(Bus([event(1), event(2)])), start=ORIGIN)
    body = bytearray(chain._store.get(manifest.raw_key))
    body[len(body) // 2] ^= 1
    chain._store.put(manifest.raw_key, bytes(body))
    with pytest.raises(ChainBrokenError, match="altered after landing"):
        chain.read_raw(manifest)
