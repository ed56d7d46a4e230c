"""Plays scenes at a rate: many Salesforce transactions a slice, one SQLite transaction a slice,
through the model's own code.

What was sent is counted from what was committed, never from what was meant.
"""

import asyncio
import logging
import math
import time
from bisect import bisect
from contextlib import suppress
from itertools import accumulate

from sandbox.org.errors import SalesforceError
from sandbox.org.state.org import Org
from sandbox.org.traffic import scenes
from sandbox.org.traffic.plan import TrafficPlan
from sandbox.org.traffic.world import World

_log = logging.getLogger(__name__)
_SLICE_SECONDS = 0.1
_SLICE_BUDGET_SECONDS = 0.06
"""The longest that a slice keeps everybody else waiting."""
_WAVE_SECONDS = 10.0
_ORIGINS = (
    "com/salesforce/api/soap/67.0;client=SfdcInternalAPI/",
    "com/salesforce/api/soap/67.0;client=SfdcInternalAPI/",
    "com/salesforce/api/rest/67.0;client=citizen-portal",
    "com/salesforce/api/bulkapi/67.0",
    "",
)


class TrafficMaker:
    """At most one run at a time; starting another ends the first."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._run: _Run | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, plan: TrafficPlan) -> None:
        if self._task is not None:
            self._task.cancel()
        self._run = _Run(self._org, plan)
        self._task = asyncio.get_running_loop().create_task(self._run.play())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def state(self) -> dict[str, object]:
        """Whether a run is on, and how far the last one came."""
        run = self._run
        if run is None:
            return {"running": False, "sent": 0, "target": 0, "elapsed_seconds": 0.0, "rate_per_minute": 0}
        return {
            "running": self._task is not None and not self._task.done(),
            "sent": run.sent,
            "target": run.plan.target,
            "elapsed_seconds": round(run.elapsed, 3),
            "rate_per_minute": round(run.sent / run.elapsed * 60) if run.elapsed else 0,
            "planned_rate_per_minute": run.plan.rate_per_minute,
        }


class _Run:
    """One plan being played."""

    def __init__(self, org: Org, plan: TrafficPlan) -> None:
        self.plan = plan
        self.sent = 0
        self.elapsed = 0.0
        """Seconds from the start to the end of the latest slice."""
        self._org = org
        self._world = World(org, plan.seed, old_share=plan.old_share)
        everyday = sum(weight for _, weight in scenes.EVERYDAY)
        # The everyday scenes make 1.25 events each on average; the shares of the plan are of
        # events.
        events = everyday * 1.25 / max(1 - plan.merged - plan.diffs, 0.01)
        played = [
            *scenes.EVERYDAY,
            (scenes.reassignment, plan.merged * events),
            (scenes.long_text_edit, plan.diffs * events),
        ]
        self._scenes = [scene for scene, _ in played]
        self._weights = list(accumulate(weight for _, weight in played))

    async def play(self) -> None:
        started = time.monotonic()
        try:
            while self.sent < self.plan.target:
                due = self._due(time.monotonic() - started)
                if due > self.sent:
                    self._slice(due)
                    self.elapsed = time.monotonic() - started
                behind = self._due(self.elapsed) - self.sent > self.plan.rate_per_minute / 60 * _SLICE_SECONDS
                await asyncio.sleep(0 if behind else _SLICE_SECONDS)
        except Exception:
            _log.exception("the traffic stopped after %d changes", self.sent)
            raise

    def _due(self, elapsed: float) -> int:
        """Changes that should have been sent by now."""
        at = min(elapsed, self.plan.seconds)
        wave = 2 * math.pi / _WAVE_SECONDS
        swing = self.plan.bursts * (1 - math.cos(wave * at)) / wave
        return min(
            self.plan.target,
            int(self.plan.rate_per_minute / 60 * (at + swing)) + (elapsed >= self.plan.seconds),
        )

    def _slice(self, due: int) -> None:
        ends = time.monotonic() + _SLICE_BUDGET_SECONDS
        org, world = self._org, self._world
        made = 0
        with org.batch():
            while self.sent + made < due and time.monotonic() < ends:
                scene = self._scenes[bisect(self._weights, world.random() * self._weights[-1])]
                with org.transaction(world.pick(world.users), world.pick(_ORIGINS)) as tx:
                    try:
                        scene(world, tx)
                    except SalesforceError as error:
                        # Somebody else may have deleted the record meanwhile; the scene ends there.
                        _log.info("a scene ended early: %s", error)
                made += tx.changes
        self.sent += made
