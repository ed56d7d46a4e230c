"""One schedule: a plan is carried out in a world, the storm ends, and the laws are asked."""

import asyncio
import gc
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, islice
from typing import Any

from clients.temporal.lanes import start_lane
from clients.temporal.writeback_queues import WritebackQueues
from schemas.ingest.messages import LaneInput
from schemas.planner import Way
from tests.storm.acts.person import Persons
from tests.storm.acts.redrive import redrive_ahead
from tests.storm.acts.rotation import rotate
from tests.storm.death import DiedError
from tests.storm.fate import Fate, Strike, Weather
from tests.storm.laws import LANE, POLLED_LANE, SECOND_LANE, broken_laws, heals, is_settled
from tests.storm.looks import false_green
from tests.storm.loop import EndOfTimeError, StormLoop
from tests.storm.plan import STORM_SECONDS, USERS, Act, Plan
from tests.storm.temporal.run import ReplayDiffersError, TaskFailedError
from tests.storm.users import Users
from tests.storm.wall_clock import clocks_and_chance
from tests.storm.world import REFUSAL_HOLDS, RESTART, Parts, World, opened_world
from workers.lanes import ensure_repairs

_PROCESSES = 2
_DARK_SECONDS = 280.0
_DARK_LOOKS = (100.0, 200.0, 270.0)
_GONE = 3
"""A quota that others use up is gone for so many times as long as a freeze lasts."""
_LEFT_CALLS = 8
_CHECKS = (5.0, 60.0)
"""Seconds from a change of the schema to a check of it, and to the next one."""
_MINUTES = 40
"""A clock that is wrong by minutes is so many times as wrong as one that is wrong by seconds."""
_SETTLE_SECONDS = 600.0
_MOST_STEPS = 400_000
_COLLECT_EVERY = 8
"""Schedules after which what they left is collected: a tenth of a schedule's time, done each
time.
"""


@dataclass(frozen=True)
class Outcome:
    """How a schedule ended."""

    plan: Plan
    struck: tuple[Strike, ...]
    broken: tuple[str, ...]
    """A sentence for each law that was broken; empty: none was."""
    digest: str
    log: tuple[str, ...]
    seconds: float
    """How long the schedule took by its own clock."""

    @property
    def size(self) -> int:
        """The number of acts and faults."""
        return len(self.plan.acts) + len(self.struck)


def run_schedule(
    parts: Parts, plan: Plan, weather: Weather, given: frozenset[Strike] | None = None
) -> Outcome:
    """Run a plan. `given`: the faults; None = those that the weather brings."""
    with _collected():
        return _run(parts, plan, Fate(plan.seed, weather, given))


def _run(parts: Parts, plan: Plan, fate: Fate) -> Outcome:
    with clocks_and_chance(plan.seed) as wall:
        loop = StormLoop(wall)
        loop.most_steps = _MOST_STEPS
        try:
            with opened_world(parts, loop, fate) as world:
                schedule = _Schedule(world, plan)
                try:
                    broken = tuple(loop.run_until_complete(schedule.run()))
                except EndOfTimeError as error:
                    broken = (f"it ends: {error}",)
                finally:
                    fate.log += world.objects.digests()
                    schedule.end()
                return Outcome(plan, tuple(fate.struck), broken, fate.digest(), tuple(fate.log), loop.time())
        finally:
            loop.close()


class _Schedule:
    def __init__(self, world: World, plan: Plan) -> None:
        self.world = world
        self.plan = plan
        self.loop = world.loop
        self.users = Users(world.org.org, world.intake)
        self._persons = Persons(world, self.users)
        self._queues = WritebackQueues(world.client, world.org.org_id)
        self._in_want_until = 0.0
        """When the engine knows of calls again that others had used up; 0 = they had not."""
        self._failure: list[str] = []
        self._checks: list[asyncio.Task[None]] = []
        """Checks of the schema, as a schedule makes them."""
        self._looks: list[asyncio.Task[list[str]]] = []

    async def run(self) -> Sequence[str]:
        world = self.world
        self.loop.set_exception_handler(self._heard)
        await world.org.start()
        for act in self.plan.acts:
            if act.kind == "quota":
                world.org.quota.make_scarce(act.number)
            world.server.is_half_way |= act.kind == "half"
            if act.kind == "before":
                self.users.make_before(act.number)
        for _ in range(_PROCESSES):
            world.start_process()
        await self._follow()
        began = self.loop.time()
        for act in self.plan.acts:
            await asyncio.sleep(max(0.0, began + act.at - self.loop.time()))
            world.fate.note(f"{self.loop.time():.6f} {act}")
            self._do(act)
            if self._failure:
                return self._failure
        await asyncio.sleep(max(0.0, began + STORM_SECONDS - self.loop.time()))
        self._calm()
        return await self._settled()

    async def _follow(self) -> None:
        world, org = self.world, self.world.org.org_id
        world.fate.is_calm = True
        await ensure_repairs(world.client, org)
        lane = LaneInput(org=org, lane=LANE, channel="/data/ChangeEvents")
        await start_lane(world.client, lane)
        for act in self.plan.acts:
            if act.kind == "second":
                second = LaneInput(org=org, lane=SECOND_LANE, channel="/data/AccountChangeEvent")
                await start_lane(world.client, second)
            if act.kind == "poll":
                polled = LaneInput(
                    org=org,
                    lane=POLLED_LANE,
                    way=Way.POLL,
                    object=("Account", "Contact")[act.number % 2],
                    every=timedelta(seconds=5),
                )
                await start_lane(world.client, polled)
        world.fate.is_calm = False

    async def _settled(self) -> Sequence[str]:
        await asyncio.sleep(max(0.0, self.world.back_at - self.loop.time()))
        deadline = max(self.loop.time(), self._in_want_until) + _SETTLE_SECONDS
        while True:
            await asyncio.sleep(5)
            if self._failure:
                return self._failure
            is_late = self.loop.time() > deadline
            is_at_rest = is_settled(self.world) and all(each.done() for each in self._checks)
            if await redrive_ahead(self.world) or (is_at_rest and self._persons.change_again()):
                continue
            if is_at_rest or is_late:
                found = broken_laws(self.world)
                found += [f"erased: {each}" for each in islice(self._persons.left(), 1)]
                found += [said for each in self._looks if each.done() for said in each.result()]
                if not found or is_late or not all(map(heals, found)):
                    return found

    def _do(self, act: Act) -> None:
        world = self.world
        alive = [each for each in world.processes if not each.is_dead and not each.is_stopping]
        if act.kind == "kill" and alive:
            alive[act.number % len(alive)].kill()
            world.start_later(RESTART)
        elif act.kind == "freeze" and alive:
            alive[act.number % len(alive)].freeze(act.detail)
        elif act.kind == "clock" and alive:
            ahead = act.detail * (1 if act.number % 2 else -1)
            alive[act.number % len(alive)].skew = ahead * (_MINUTES if act.number % 3 == 0 else 1)
        elif act.kind == "roll" and alive:
            world.start_process()
            alive[act.number % len(alive)].stop()
        elif act.kind == "look":
            self._look()
        elif act.kind == "dark" and alive:
            self._go_dark()
        elif act.kind == "schema":
            world.admin.do(act)
            self._checks.append(self.loop.create_task(self._check_schema()))
        elif act.kind == "erase":
            self._persons.erase(act)
        elif act.kind == "rotate":
            world.rotations += 1
            self.loop.create_task(rotate(world, world.rotations))
        elif act.kind == "gone":
            self._use_up(act)
        elif act.kind == "outage":
            world.die_at_landing(act.detail)
        elif act.kind in USERS:
            self.users.do(act)
            if act.kind == "write":
                self._waking = self.loop.create_task(self._queues.wake("Case"))

    def _go_dark(self) -> None:
        """End every process for some minutes, and look at the status meanwhile."""
        for each in self.world.processes:
            if not each.is_dead:
                each.kill()
        for seconds in _DARK_LOOKS:
            self.loop.call_later(seconds, self._look)
        for _ in range(_PROCESSES):
            self.world.start_later(_DARK_SECONDS)

    def _use_up(self, act: Act) -> None:
        """Let other applications use up the day's quota, and give it back some minutes later."""
        quota, seconds = self.world.org.quota, _GONE * act.detail
        quota.use_up(act.number % _LEFT_CALLS)

        def give_back() -> None:
            self.world.fate.note(f"{self.loop.time():.6f} quota back")
            quota.give_back(is_raised=act.number % 2 == 1)

        self.loop.call_later(seconds, give_back)
        # Until then the engine believes a refusal, unless the org's maximum rises.
        self._in_want_until = self.loop.time() + seconds + REFUSAL_HOLDS.total_seconds()

    async def _check_schema(self) -> None:
        """Do as the schedule of checks does: soon after a change, and once more."""
        for seconds in _CHECKS:
            await asyncio.sleep(seconds)
            await self.world.check_schema()

    def _look(self) -> None:
        self._looks.append(self.loop.create_task(false_green(self.world)))

    def _calm(self) -> None:
        self.world.fate.is_calm = True
        self.world.fate.note(f"{self.loop.time():.6f} calm")
        self.world.die_at_landing(None)
        self.world.server.is_half_way = False
        self.users.touch_before()
        self.world.org.quota.calm()
        for each in self.world.processes:
            each.skew = 0.0

    def _heard(self, _loop: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, DiedError):
            return
        if isinstance(error, (ReplayDiffersError, TaskFailedError, NotImplementedError)):
            self._failure.append(f"{type(error).__name__}: {error}")
        else:
            logging.getLogger(__name__).debug("%s %r", context.get("message"), error)
            if error is not None and not isinstance(error, asyncio.CancelledError):
                self._failure.append(f"{context.get('message')}: {error!r}")

    def end(self) -> None:
        """End what runs, so that nothing of it is left for the next schedule."""
        world = self.world
        for each in world.processes:
            each.kill()
        world.fate.is_calm = True
        with suppress(EndOfTimeError):
            self.loop.run_until_complete(self._stop())

    async def _stop(self) -> None:
        self.world.server.evict_all()
        await self.world.org.stop()


_COUNT = count(1)


@contextmanager
def _collected() -> Iterator[None]:
    """Collect nothing within, and everything between two schedules now and then: the `finally` of a
    killed process may not run in the middle of a schedule.
    """
    gc.disable()
    try:
        yield
    finally:
        if next(_COUNT) % _COLLECT_EVERY == 0:
            collect()
        gc.enable()


def collect() -> None:
    """Collect what schedules left. The coroutines of killed processes say nothing any more."""
    heard, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        gc.collect()
    finally:
        sys.unraisablehook = heard
