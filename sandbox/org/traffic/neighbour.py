"""Another application that spends from the same daily quota, at a rate that swings.

It counts by the org's clock, so an hour that is skipped is an hour in which it has been at work.
"""

import asyncio
import math
from contextlib import suppress
from random import Random

from pydantic import BaseModel, ConfigDict, Field

from sandbox.org.state.org import Org


class NeighbourPlan(BaseModel):
    """How much it spends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls_per_minute: float = Field(ge=0)
    long_calls: int = Field(default=0, ge=0)
    """How many calls of 20 s and more it has under way all the time."""
    wave: float = Field(default=0, ge=0, le=1)
    """How far the rate swings about its mean: 0 is even, 1 from nothing to double."""
    period_seconds: float = Field(default=3_600, gt=0)
    noise: float = Field(default=0, ge=0, le=1)
    """How much single steps stray from the rate."""
    every_seconds: float = Field(default=0.1, gt=0)
    """Between two steps of its spending."""
    seed: int = 1


class Neighbour:
    """At most one at a time."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._task: asyncio.Task[None] | None = None
        self.plan: NeighbourPlan | None = None
        self.spent = 0
        """Calls that the present one has taken; those that the quota refused are not among them."""

    def start(self, plan: NeighbourPlan) -> None:
        if self._task is not None:
            self._task.cancel()
        self.plan, self.spent = plan, 0
        self._org.meters.long_calls.held_by_others = plan.long_calls
        self._task = asyncio.get_running_loop().create_task(self._spend(plan))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._task, self.plan = None, None
        self._org.meters.long_calls.held_by_others = 0

    def state(self) -> dict[str, object]:
        return {"plan": None if self.plan is None else self.plan.model_dump(), "spent": self.spent}

    async def _spend(self, plan: NeighbourPlan) -> None:
        chance = Random(plan.seed)  # noqa: S311 -- reproducible noise is the point
        began = last = self._org.clock.seconds()
        owed = 0.0
        meter = self._org.meters.api_calls
        while True:
            await asyncio.sleep(plan.every_seconds)
            now = self._org.clock.seconds()
            swing = 1 + plan.wave * math.sin(2 * math.pi * (now - began) / plan.period_seconds)
            stray = 1 + plan.noise * chance.uniform(-1, 1)
            owed += plan.calls_per_minute / 60 * (now - last) * swing * stray
            last = now
            calls = min(int(owed), max(meter.left, 0))
            owed -= int(owed)
            if calls:
                meter.add(calls)
                self.spent += calls
