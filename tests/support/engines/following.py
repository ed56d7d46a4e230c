"""Running `follow_lane` outside a worker, until the lane has come where the test wants it."""

import asyncio
import dataclasses
from collections.abc import Callable

import pytest
from temporalio.testing import ActivityEnvironment

from activities.ingest import landing_buffer
from activities.ingest.follow_lane import FollowLane
from clients.storage.chain import Chain
from schemas.ids import ORIGIN
from schemas.ingest.messages import FollowInput
from tests.support.builders.waiting import SLOWNESS

_MOST_SECONDS = 30
"""A follower that has not come to the end by then goes in circles."""


@pytest.fixture
def groups_settle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted bus gives a group within milliseconds: no test has to wait a second for its last
    event.
    """
    monkeypatch.setattr(landing_buffer, "GROUP_SETTLED_MS", 120)


async def follow_until(
    follower: FollowLane,
    chain: Chain,
    last: int,
    *,
    hint: str | None = None,
    heard: Callable[[str], None] = lambda position: None,
) -> list[str]:
    """Follow until the position is `last`, from the heartbeat `hint` if there is one.

    Returns the reported positions, in order, each once; `heard` is called with every one. Raises
    what the activity raises.
    """
    environment = ActivityEnvironment()
    if hint is not None:
        environment.info = dataclasses.replace(environment.info, heartbeat_details=[hint])
    positions: list[str] = []

    def on_heartbeat(position: str, _pulse: str) -> None:
        if position not in positions:
            positions.append(position)
            heard(position)
        if position == str(last):
            environment.cancel()

    environment.on_heartbeat = on_heartbeat
    request = FollowInput(
        org=chain.org, lane=chain.lane, channel="/data/ChangeEvents", position=ORIGIN, first_replay=-2
    )
    try:
        async with asyncio.timeout(_MOST_SECONDS * SLOWNESS):
            await environment.run(follower.follow_lane, request)
    except asyncio.CancelledError:
        assert positions[-1] == str(last)
    return positions
