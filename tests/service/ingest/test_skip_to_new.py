"""A stream that goes on with new events only, because another lane has received the rest (decision
0013).
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import orjson
import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.ingest.follow_lane import FollowLane
from activities.ingest.landing_buffer import BatchLimits
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from schemas.errors import StreamBrokenError
from schemas.ids import ORIGIN
from schemas.ingest.messages import FollowInput
from schemas.salesforce.limits import REPLAY_NEW_EVENTS
from tests.support.builders.batches import Road
from tests.support.builders.bus import Bus, Subscription, event, protector
from tests.support.builders.waiting import SLOWNESS
from tests.support.engines.following import groups_settle_at_once  # noqa: F401

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("groups_settle_at_once")]

MISSED = [event(number) for number in range(6, 11)]
"""The bus's events of the time in which the lane was left."""
LATER = [event(number) for number in range(11, 15)]


@dataclass
class NewsBus(Bus):
    """Knows new events only, and adds `later` once somebody has subscribed."""

    later: list[dict] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, request: FollowInput, replay_id: int) -> AsyncIterator[Subscription]:
        self.opened.append(replay_id)
        last = self.events[-1]["event"]["replayId"]
        subscription = Subscription(self, last if replay_id == REPLAY_NEW_EVENTS else replay_id)
        self.events, self.later = [*self.events, *self.later], []
        yield subscription


@pytest.fixture
def road(store: ObjectStore) -> Road:
    """A lane that has landed events 1 to 5."""
    road = Road(store, warehouse=None, lane=uuid.uuid4().hex)  # type: ignore[arg-type]
    road.land([event(number) for number in range(1, 6)])
    return road


def follower(client: Client, store: ObjectStore, bus: Bus) -> FollowLane:
    rule = BatchLimits(max_age=timedelta(seconds=0.15))
    return FollowLane(client=client, store=store, protector=protector(), open_stream=bus.open, rule=rule)


async def follow(following: FollowLane, road: Road, last: int | None, *, skip_from: str | None = "5") -> None:
    """Follow from the beginning of the chain until `last` is landed; None: for a moment, without
    landing anything.
    """
    environment = ActivityEnvironment()
    told: list[str] = []
    has_adopted = asyncio.Event()

    def hear(*details: str) -> None:
        told.append(details[0])
        if details[0] == "5":
            has_adopted.set()
        if details[0] == str(last):
            environment.cancel()

    environment.on_heartbeat = hear
    request = FollowInput(
        org="road", lane=road.lane, channel="/data/X", position=ORIGIN, first_replay=-2, skip_from=skip_from
    )
    running = asyncio.ensure_future(environment.run(following.follow_lane, request))
    if last is None:
        await has_adopted.wait()
        await asyncio.sleep(0.05)
        running.cancel()
    try:
        async with asyncio.timeout(20 * SLOWNESS):
            await running
    except asyncio.CancelledError:
        assert last is None or told[-1] == str(last)


def landed(road: Road) -> list[int]:
    """Every replay id of the chain, in order."""
    chain = Chain(road.store, org="road", lane=road.lane)
    return [
        orjson.loads(text)["event"]["replayId"]
        for manifest in chain.walk()
        for text in chain.read_raw(manifest)["event"].to_pylist()
    ]


async def test_what_was_missed_is_not_asked_for(client: Client, store: ObjectStore, road: Road):
    bus = NewsBus(MISSED, later=LATER)
    await follow(follower(client, store, bus), road, 14)
    assert bus.opened == [REPLAY_NEW_EVENTS]
    assert landed(road) == [1, 2, 3, 4, 5, 11, 12, 13, 14]


async def test_without_the_word_what_was_missed_is_received(client: Client, store: ObjectStore, road: Road):
    bus = NewsBus(MISSED, later=LATER)
    await follow(follower(client, store, bus), road, 14, skip_from=None)
    assert bus.opened == [5]
    assert landed(road) == list(range(1, 15))


async def test_an_attempt_after_one_that_landed_nothing_asks_for_new_events_again(
    client: Client, store: ObjectStore, road: Road
):
    bus = NewsBus(MISSED)
    await follow(follower(client, store, bus), road, None)
    bus.later = LATER
    await follow(follower(client, store, bus), road, 14)
    assert bus.opened == [REPLAY_NEW_EVENTS, REPLAY_NEW_EVENTS]


async def test_an_attempt_after_a_landed_batch_goes_on_from_its_end(
    client: Client, store: ObjectStore, road: Road
):
    bus = NewsBus(MISSED, later=LATER)
    await follow(follower(client, store, bus), road, 14)
    bus.events += [event(15), event(16)]
    await follow(follower(client, store, bus), road, 16)
    assert bus.opened == [REPLAY_NEW_EVENTS, 14]
    assert landed(road)[-3:] == [14, 15, 16]


async def test_a_follower_that_finds_anothers_first_batch_opens_the_stream_anew(
    client: Client, store: ObjectStore, road: Road
):
    # The other one subscribed when 11 was new, and landed it only now; this one has subscribed
    # later, and has 13 and 14.
    bus = NewsBus([*MISSED, event(11), event(12)], later=LATER[2:])
    following = follower(client, store, bus)
    chain = Chain(store, org="road", lane=road.lane)
    find = chain.find

    opened = bus.open

    @asynccontextmanager
    async def open_late(request: FollowInput, replay_id: int) -> AsyncIterator[Subscription]:
        async with opened(request, replay_id) as subscription:
            if find("5") is None:
                road.land([event(11)])
            yield subscription

    following.open_stream = open_late
    with pytest.raises(StreamBrokenError, match="landed first"):
        await follow(following, road, 14)
    await follow(following, road, 14)
    assert bus.opened == [REPLAY_NEW_EVENTS, 11]
    assert landed(road) == [1, 2, 3, 4, 5, 11, 12, 13, 14]
