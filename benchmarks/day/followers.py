"""The lanes of the day: each object followed the way the plan says, with the engine's own sources
and leases.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.day.record import Record
from benchmarks.day.season import DAY, SHARES, TrafficShare
from clients.governor.leases import Leases
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import PolledSource
from sandbox.org.state.org import Org
from schemas.catalogue import ObjectSpec
from schemas.errors import RateLimitedError, StreamBrokenError, TidegateError
from schemas.governor import Budget, LeaseClass
from schemas.ingest.positions import PolledPosition
from schemas.planner import ObjectLoad, Plan, PlanTask, Way
from transforms.governor.ledger import BudgetLedger
from transforms.planner.allocations import may_spend_by_books
from transforms.planner.choose import make_plan

STREAM_LOOK_SECONDS = 2.0
PLAN_EVERY_SECONDS = 60.0
_MEASURED_SECONDS = 600.0
_MOST_EVENTS = 100


@dataclass
class Follower:
    """One object."""

    org: Org
    http: OrgHttp
    leases: Leases
    spec: ObjectSpec
    share: TrafficShare
    record: Record
    now: Callable[[], float]
    way: Way = Way.POLL
    every: float = 60.0
    moved: int = 0
    credits: int = 0
    """Events that are paid for and have not come."""
    recent: list[tuple[float, int]] = field(default_factory=list)
    """When, and how many real changes came: what the planner measures."""

    async def follow(self) -> None:
        """Endless, alternating in direction."""
        source = PolledSource(self.http, self.spec)
        position = PolledPosition(int(self.now()) * 1_000)
        replay = self.org.bus.newest
        while True:
            try:
                if self.way is Way.STREAM:
                    replay = await self._receive(replay)
                    position = PolledPosition(await source.horizon_ms())
                    await asyncio.sleep(STREAM_LOOK_SECONDS)
                else:
                    replay = self.org.bus.newest
                    position = await self._poll(source, position)
                    await asyncio.sleep(self.every)
            except RateLimitedError as error:
                self.record.waited[self.spec.name] += 1
                await asyncio.sleep(max(1.0, error.retry_after.total_seconds()))
            except TidegateError as error:
                self.record.waited[f"{self.spec.name} {type(error).__name__}"] += 1
                await asyncio.sleep(1)

    async def _poll(self, source: PolledSource, position: PolledPosition) -> PolledPosition:
        until = await source.horizon_ms()
        async for rows in source.read(position, until):
            now = self.now()
            for row in rows:
                # The modstamp is the second's beginning; its middle is the best guess.
                self.record.came(self.spec.name, row.position.modstamp_ms / 1_000 + 0.5, now)
            self.recent.append((now, len(rows) * self.share.scale))
        return PolledPosition(until)

    async def _receive(self, replay: int) -> int:
        channel = self.org.channels.find(f"/data/{_event_name(self.spec.name)}")
        if channel is None:
            raise StreamBrokenError(lane=self.spec.name, detail="the org has no such channel")
        if self.org.channels.is_exhausted:
            self.record.refused["event delivery limit"] += 1
        if self.credits < _MOST_EVENTS / 2:
            more = int(_MOST_EVENTS - self.credits)
            self.credits += self.leases.try_take(Budget.DELIVERED_EVENTS, LeaseClass.POLLING, more)
        if not self.credits:
            return replay
        events, position = self.org.channels.read(channel, replay, (self.credits, 10**7))
        self.credits -= len(events)
        now = self.now()
        for _ in events:
            self.record.came(self.spec.name, now - STREAM_LOOK_SECONDS / 2, now)
        self.recent.append((now, len(events)))
        return position

    def load(self) -> ObjectLoad:
        """As the planner measures it: the busiest of the last minutes, and what such a day
        brings.
        """
        now = self.now()
        self.recent = [each for each in self.recent if each[0] > now - _MEASURED_SECONDS]
        measured = sum(count for _, count in self.recent) / (_MEASURED_SECONDS / 60)
        return ObjectLoad(
            object=self.spec.name,
            changes_per_day=self.share.changes,
            changes_per_minute=max(measured, self.share.changes / DAY * 60),
        )


def _event_name(name: str) -> str:
    return name.removesuffix("__c") + "__ChangeEvent" if name.endswith("__c") else f"{name}ChangeEvent"


async def keep_planning(followers: list[Follower], books: BudgetLedger, record: Record) -> None:
    """A plan a minute, from what is measured and what the books say."""
    while True:
        plan_once(followers, books, record)
        await asyncio.sleep(PLAN_EVERY_SECONDS)


def plan_once(followers: list[Follower], books: BudgetLedger, record: Record) -> Plan | None:
    """Make a plan and tell the followers; None when the books do not know enough yet."""
    may_spend = may_spend_by_books(books, streamed=0)
    if may_spend is None:
        return None
    task = PlanTask(
        loads=tuple(each.load() for each in followers),
        may_spend=may_spend,
        previous={each.spec.name: each.way for each in followers if each.moved},
    )
    plan = make_plan(task)
    for follower, planned in zip(followers, plan.objects, strict=True):
        if planned.way is not follower.way:
            follower.moved += 1
            record.plans.append(f"{planned.object} -> {planned.way}: {planned.reason}")
        follower.moved = max(1, follower.moved)
        follower.way = planned.way
        follower.every = planned.every.total_seconds() if planned.every else follower.every
    record.waited["plans that did not fit"] += not plan.fits
    return plan


def shares_by_object() -> dict[str, TrafficShare]:
    """Object -> its part of the day."""
    return {each.object: each for each in SHARES}
