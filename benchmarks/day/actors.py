"""Who changes records, and who spends calls besides the lanes."""

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.day.record import Record
from benchmarks.day.season import DAY, HOUR, TrafficShare, level
from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from sandbox.org.state.org import Org
from schemas.errors import RateLimitedError, TidegateError
from schemas.governor import LeaseClass

TICK = 5.0


async def change_records(
    org: Org, share: TrafficShare, ids: Sequence[str], record: Record, hour_of: Callable[[], float]
) -> None:
    """Write as the season has it, forever."""
    chance = random.Random(share.object)  # noqa: S311 -- reproducible load is the point
    owed = 0.0
    per_tick = share.changes / share.scale / DAY * TICK
    for number in itertools.count():
        await asyncio.sleep(TICK)
        owed += per_tick * level(hour_of())
        count, owed = int(owed), owed - int(owed)
        if count:
            with org.batch():
                for record_id in chance.sample(ids, min(count, len(ids))):
                    org.update(share.object, record_id, {share.field: f"note {number} {record_id}"})
            record.changes[share.object] += count * share.scale


@dataclass(frozen=True)
class Demand:
    """Calls that one class makes."""

    lease_class: LeaseClass
    per_hour: Callable[[float], float]
    """Hour of the day -> calls an hour."""
    at_once: int = 1
    """Callers."""


def _bursts(hour: float) -> float:
    return 900.0 if 10 <= hour < 11 else 90.0


DEMANDS = (
    Demand(LeaseClass.WRITEBACK, _bursts, at_once=4),
    Demand(LeaseClass.REPAIR, lambda _: 40.0),
    Demand(LeaseClass.RECONCILIATION, lambda _: 40.0),
    Demand(LeaseClass.GUEST, lambda _: 60.0),
    # A backfill that would take everything: 55,000 calls from two in the morning on.
    Demand(LeaseClass.BACKFILL, lambda hour: 2_500.0 if hour >= 2 else 0.0, at_once=2),
)


async def spend_calls(
    http: OrgHttp, demand: Demand, record_id: str, record: Record, hour_of: Callable[[], float]
) -> None:
    """Make the calls of one caller of a class; those that are refused for now are made later."""
    path = f"{http.data_path}/sobjects/Case/{record_id}"
    backlog, last = 0.0, asyncio.get_running_loop().time()
    while True:
        await asyncio.sleep(20)
        now = asyncio.get_running_loop().time()
        due = demand.per_hour(hour_of()) / demand.at_once * (now - last) / HOUR
        backlog, last = backlog + due, now
        record.asked[demand.lease_class] += due
        while backlog >= 1:
            if not await _call(http, demand.lease_class, path, record):
                break
            backlog -= 1


async def _call(http: OrgHttp, lease_class: LeaseClass, path: str, record: Record) -> bool:
    try:
        await http.read(Call("GET", path, lease_class, params={"fields": "Id"}))
    except RateLimitedError as error:
        record.waited[lease_class] += 1
        await asyncio.sleep(max(error.retry_after, timedelta(seconds=1)).total_seconds())
        return False
    except TidegateError:
        record.waited[f"{lease_class} (failed)"] += 1
        return False
    record.made[lease_class] += 1
    return True
