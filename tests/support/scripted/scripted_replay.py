"""The steps of a replay as a test says, under the names of the real ones; what they do has tests of
its own, on real parts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.ingest.messages import Act
from schemas.replay import (
    BatchGroup,
    BatchRef,
    FindBatchesInput,
    FoundBatches,
    RedriveInput,
    ReplayCounts,
    ReplayCursor,
    ReplaySelection,
    ReplaySize,
)
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS


@dataclass
class ScriptedReplay:
    """The steps of a replay over `groups` groups of ten changes, two groups a page."""

    groups: int = 6
    failures: list[Exception] = field(default_factory=list)
    """Raised by redrive_batches, one a call, before it succeeds."""
    begun: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    most_at_once: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Groups wait for it."""

    @activity.defn(name=names.SIZE_REPLAY)
    async def size_replay(self, selection: ReplaySelection) -> ReplaySize:
        return ReplaySize(batches=self.groups, changes=10 * self.groups)

    @activity.defn(name=names.FIND_BATCHES)
    async def find_batches(self, request: FindBatchesInput) -> FoundBatches:
        first = int(request.cursor.after or 0)
        last = min(first + 2, self.groups)
        groups = tuple(
            BatchGroup(batches=(BatchRef(lane="changes", start=str(n)),), changes=10)
            for n in range(first, last)
        )
        cursor = None if last == self.groups else ReplayCursor(lane="changes", after=str(last))
        return FoundBatches(groups=groups, cursor=cursor)

    @activity.defn(name=names.REDRIVE_BATCHES)
    async def redrive_batches(self, request: RedriveInput) -> ReplayCounts:
        start = request.group.batches[0].start
        self.begun.append(start)
        if self.failures:
            raise self.failures.pop(0)
        self.most_at_once = max(self.most_at_once, len(self.begun) - len(self.done))
        await self.gate.wait()
        self.done.append(start)
        return ReplayCounts(batches=1, changes=10, duplicate=10)

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        self.acts.append(act)
        return len(self.acts)


@asynccontextmanager
async def replay_workers(client: Client, steps: ScriptedReplay) -> AsyncIterator[None]:
    """Workers that serve all workflows, with the scripted steps; those that are under way end with
    them.
    """
    activities: list[Callable[..., Any]] = [steps.size_replay, steps.find_batches, steps.redrive_batches]
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(client, task_queue=names.BATCH_QUEUE, activities=[steps.record_act]),
        _steps_worker(client, activities),
    ):
        yield


def _steps_worker(client: Client, activities: list[Callable[..., Any]]) -> Worker:
    return Worker(
        client,
        task_queue=names.REPLAY_QUEUE,
        activities=activities,
        interceptors=[ErrorTranslationInterceptor()],
        graceful_shutdown_timeout=timedelta(0),
    )
