"""Activities of a backfill that do what a test says, under the names of the real ones."""

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
from schemas.backfill import (
    BackfillCounts,
    BackfillInput,
    BackfillPlan,
    BackfillRate,
    Part,
    PartInput,
    ReadSlice,
    RecordsInput,
)
from schemas.ingest.messages import Act
from workers.roles import sandboxed_runner
from workflows import BackfillWorkflow

LOST = "The query job of l is lost: the org has it no more."
ROWS = 1_000
"""Of a stretch; a part has two."""


@dataclass
class ScriptedReader:
    """plan_backfill, read_part, read_records, drop_job, keep_rate and record_act."""

    parts: int = 2
    failures: list[Exception] = field(default_factory=list)
    """Raised by read_part, one a call, before it succeeds."""
    lost: int = 0
    """How many query jobs will be lost."""
    is_held: bool = False
    """A reader waits as long as this is true."""
    read: list[PartInput] = field(default_factory=list)
    records: list[RecordsInput] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    rates: list[BackfillRate] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    at_work: int = 0
    most_at_work: int = 0

    @activity.defn(name=names.PLAN_BACKFILL)
    async def plan_backfill(self, _: BackfillInput) -> BackfillPlan:
        parts = tuple(Part(number=number, expected_rows=2 * ROWS) for number in range(self.parts))
        return BackfillPlan(parts=parts, expected_rows=2 * ROWS * self.parts)

    @activity.defn(name=names.READ_PART)
    async def read_part(self, request: PartInput) -> ReadSlice:
        self.read.append(request)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            await asyncio.sleep(0.05)
            while self.is_held:
                activity.heartbeat()
                await asyncio.sleep(0.05)
        finally:
            self.at_work -= 1
        if self.failures:
            raise self.failures.pop(0)
        if self.lost:
            self.lost -= 1
            return ReadSlice(position=request.position, done=False, counts=BackfillCounts(calls=1), lost=LOST)
        counts = BackfillCounts(rows=ROWS, changes=ROWS, applied=ROWS, batches=1, bytes=9, calls=2)
        position = "end" if request.position == "middle" else "middle"
        return ReadSlice(position=position, done=position == "end", counts=counts)

    @activity.defn(name=names.READ_RECORDS)
    async def read_records(self, request: RecordsInput) -> ReadSlice:
        self.records.append(request)
        counts = BackfillCounts(rows=ROWS, changes=ROWS, applied=ROWS, batches=1, bytes=9, calls=2)
        return ReadSlice(position="end", done=True, counts=counts)

    @activity.defn(name=names.DROP_JOB)
    async def drop_job(self, request: PartInput) -> None:
        self.dropped.append(request.part.number)

    @activity.defn(name=names.KEEP_RATE)
    async def keep_rate(self, rate: BackfillRate) -> None:
        self.rates.append(rate)

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        self.acts.append(act)
        return len(self.acts)

    async def is_reading(self) -> bool:
        """True while a part is read."""
        return self.at_work > 0


@asynccontextmanager
async def backfill_workers(client: Client, script: ScriptedReader) -> AsyncIterator[None]:
    """Workers of the backfill workflow and its scripted activities."""
    steps: list[Callable[..., Any]] = [
        script.plan_backfill,
        script.read_part,
        script.drop_job,
        script.keep_rate,
    ]
    async with (
        Worker(
            client,
            task_queue=names.WORKFLOW_QUEUE,
            workflows=[BackfillWorkflow],
            workflow_runner=sandboxed_runner(),
        ),
        Worker(client, task_queue=names.BATCH_QUEUE, activities=[script.record_act]),
        Worker(
            client,
            task_queue=names.BACKFILL_QUEUE,
            activities=steps,
            interceptors=[ErrorTranslationInterceptor()],
            # A cancelled activity hears of it with its next heartbeat.
            max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        ),
    ):
        yield
