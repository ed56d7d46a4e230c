"""The position of a stream only ever grows, whatever a message shows as its replay id."""

from typing import Any

import pytest

from clients.salesforce.streaming.cometd import CometdStream
from clients.salesforce.streaming.stream import EventTokens
from schemas.errors import StreamBrokenError
from schemas.salesforce.limits import COMETD_LOOK_AHEAD


async def positions(*shown: Any, start: int = 5) -> list[int]:
    """The position of each message of which `shown` is the `event` part."""
    stream = CometdStream("/data/ChangeEvents", start)
    await stream.accept([{"channel": "/data/ChangeEvents", "data": {"event": event}} for event in shown])
    return [message.replay_id for message in await stream.read(wait_seconds=0)]


async def test_a_message_stands_at_its_replay_id() -> None:
    assert await positions({"replayId": 6}, {"replayId": 9}) == [6, 9]


@pytest.mark.parametrize("event", [None, {}, {"replayId": None}, {"replayId": "8"}, [], "text", 7])
async def test_a_message_without_a_replay_id_stands_where_the_one_before_it_does(event: Any) -> None:
    assert await positions({"replayId": 6}, event, {"replayId": 9}) == [6, 6, 9]


async def test_a_broken_message_cannot_take_the_position_back() -> None:
    assert await positions({"replayId": 600}, {"replayId": 6}, {"replayId": 601}) == [600, 600, 601]


async def test_what_arrived_before_a_failure_is_read_before_it_is_raised() -> None:
    stream = CometdStream("/data/ChangeEvents", 5)
    await stream.accept([{"data": {"event": {"replayId": 6}}}])
    stream.fail(StreamBrokenError(lane="l", detail="d"))
    assert len(await stream.read(wait_seconds=0)) == 1
    with pytest.raises(StreamBrokenError):
        await stream.read(wait_seconds=0)


class Allowance:
    """Grants `most` tokens at a time."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.granted = 0
        self.events = 0

    async def take(self, count: int) -> int:
        given = min(count, self.most)
        self.granted += given
        return given

    def came(self, count: int) -> None:
        self.events += count


def events(count: int) -> list[dict[str, Any]]:
    return [{"data": {"event": {"replayId": 6 + number}}} for number in range(count)]


async def test_a_poll_is_paid_for_ahead_and_what_came_beyond_it_is_counted() -> None:
    allowance = Allowance(90)
    stream = CometdStream("/data/ChangeEvents", 5, allowance)
    await stream.pay_ahead()
    assert allowance.granted >= COMETD_LOOK_AHEAD
    await stream.accept(events(COMETD_LOOK_AHEAD + 300))
    await stream.pay_ahead()
    assert (allowance.granted, allowance.events) == (2 * COMETD_LOOK_AHEAD, COMETD_LOOK_AHEAD + 300)


async def test_tokens_that_brought_nothing_pay_for_the_lanes_next_stream() -> None:
    allowance = Allowance(1_000)
    tokens = EventTokens(allowance)
    for _ in range(3):
        stream = CometdStream("/data/ChangeEvents", 5, tokens)
        await stream.pay_ahead()
        stream.settle()
    assert allowance.granted == COMETD_LOOK_AHEAD


async def test_tokens_of_a_stream_that_ends_while_events_come_are_counted_as_spent() -> None:
    allowance = Allowance(1_000)
    tokens = EventTokens(allowance)
    for _ in range(2):
        stream = CometdStream("/data/ChangeEvents", 5, tokens)
        await stream.pay_ahead()
        await stream.accept(events(1))
        stream.settle()
    assert allowance.granted == 2 * COMETD_LOOK_AHEAD
