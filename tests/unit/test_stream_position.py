"""The position of a stream only ever grows, whatever a message shows as its replay id."""

from typing import Any

import pytest

from clients.cometd import CometdStream
from schemas.errors import StreamBrokenError


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
