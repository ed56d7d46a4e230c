"""A lane's events as a script: what an org's event bus would hold, given out in pieces as a test
wants them.

`Bus.open` is a `follow_lane` source: it starts strictly after a replay id, as Salesforce does.
"""

import asyncio
import copy
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from clients.salesforce.streaming.stream import StreamMessage
from schemas.catalogue import Catalogue, default_catalogue
from schemas.ingest.messages import FollowInput
from transforms.pii import KEY_BYTES, DataKey, Protector

BASE_MS = 1_790_000_000_000
USER = "005000000000001AAA"


def event(
    replay_id: int,
    payload: dict[str, Any] | None = None,
    *,
    object_name: str = "Case",
    change_type: str = "CREATE",
    record_ids: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The `data` of one change event; its commit is as far in time as `replay_id` says."""
    header = {
        "entityName": object_name,
        "recordIds": list(record_ids or [f"500{replay_id:015d}"]),
        "changeType": change_type,
        "commitTimestamp": BASE_MS + 1_000 * replay_id,
        "commitNumber": replay_id,
        "sequenceNumber": 1,
        "commitUser": USER,
    }
    body = whole_case(replay_id) if payload is None else payload
    return {"event": {"replayId": replay_id}, "payload": {"ChangeEventHeader": header, **body}}


def whole_case(number: int) -> dict[str, Any]:
    """The payload of a case that nothing is wrong with."""
    return {"CaseNumber": f"{number:08d}", "Status": "New", "Subject": f"Case {number}", **stamps()}


def stamps() -> dict[str, Any]:
    """Fields of every record of the org."""
    moment = "2026-09-21T14:00:00Z"
    return {"CreatedDate": moment, "CreatedById": USER, "LastModifiedDate": moment, "LastModifiedById": USER}


def protector(catalogue: Catalogue | None = None) -> Protector:
    """A protector with a key of the tests' own."""
    return Protector(DataKey(id="1", key=bytes(range(KEY_BYTES))), catalogue or default_catalogue())


@dataclass
class Bus:
    """Events in the order of the lane. `pieces` and `pause` say how a subscriber gets them; both
    draw from `chance`.
    """

    events: list[dict[str, Any]]
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    most_at_once: int = 50
    most_pause: float = 0.0
    """Seconds between two readings, at most."""

    @asynccontextmanager
    async def open(self, request: FollowInput, replay_id: int) -> AsyncIterator["Subscription"]:
        """Subscribe after `replay_id`."""
        yield Subscription(self, replay_id)


class Subscription:
    """One subscriber's reading of the bus; sees events that the test adds later."""

    def __init__(self, bus: Bus, replay_id: int) -> None:
        self._bus = bus
        self._place = sum(_id(each) <= replay_id for each in bus.events)
        self.last = replay_id

    silence = timedelta(seconds=150)

    @property
    def heard_at_ms(self) -> int:
        """A bus that is open answers all the time."""
        return time.time_ns() // 1_000_000

    async def read(self, *, wait_seconds: float) -> list[StreamMessage]:
        """The next few events; after `wait_seconds` none."""
        chance = self._bus.chance
        count = chance.randint(1, self._bus.most_at_once)
        given = self._bus.events[self._place : self._place + count]
        await asyncio.sleep(chance.uniform(0, self._bus.most_pause) if given else min(wait_seconds, 0.02))
        self._place += len(given)
        return [self._message(each) for each in given]

    def _message(self, data: dict[str, Any]) -> StreamMessage:
        # As the CometD client does: what has no replay id of its own belongs to the position before
        # it.
        self.last = _id(data, self.last)
        return StreamMessage(self.last, copy.deepcopy(data), time.time_ns() // 1_000_000)


def _id(data: dict[str, Any], otherwise: int = -1) -> int:
    return int((data.get("event") or {}).get("replayId", otherwise))
