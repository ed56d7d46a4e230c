"""Activities of repairs that do what a test says, under the names of the real ones; the backfills
in between are real workflows.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.backfill import (
    BackfillCounts,
    BackfillInput,
    BackfillPlan,
    Part,
    PartInput,
    ReadSlice,
    RecordsInput,
)
from schemas.ingest.messages import Act
from schemas.repair import (
    CloseInput,
    FindDeletedInput,
    FindDeletedResult,
    FindInput,
    FindResult,
    Repair,
    RepairInput,
)
from tests.support.scripted.scripted import MOMENT
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS, RepairWorkflow

BY_IDS = Repair(
    object="Case", window="repair-1", ids_key="ids/o/1.json", after=MOMENT, stands_at=MOMENT, asked=3
)
BY_WINDOW = Repair(
    object="Account", window="repair-2", since=MOMENT - timedelta(minutes=10), after=MOMENT, asked=1
)
DELETED = "ids/o/deleted.json"
_DONE = ReadSlice(position="1", done=True, counts=BackfillCounts(rows=1, changes=1, applied=1, batches=1))


@dataclass
class ScriptedRepairs:
    """Gives the repairs one look each, and remembers what was read and closed."""

    looks: list[list[Repair]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    """Raised by read_records, one a call, before it succeeds."""
    busy: list[tuple[str, ...]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    @activity.defn(name=names.FIND_REREADS)
    async def find_rereads(self, request: FindInput) -> FindResult:
        self.busy.append(request.busy)
        return FindResult(repairs=tuple(self.looks.pop(0)) if self.looks else ())

    @activity.defn(name=names.CLOSE_REREADS)
    async def close_rereads(self, request: CloseInput) -> None:
        self.closed.append(request.repair.window)

    @activity.defn(name=names.FIND_DELETED)
    async def find_deleted(self, request: FindDeletedInput) -> FindDeletedResult:
        return FindDeletedResult(ids_key=DELETED, ids=1)

    @activity.defn(name=names.PLAN_BACKFILL)
    async def plan_backfill(self, request: BackfillInput) -> BackfillPlan:
        return BackfillPlan(parts=(Part(number=0, since=request.since),))

    @activity.defn(name=names.READ_PART)
    async def read_part(self, request: PartInput) -> ReadSlice:
        self.read.append(request.window)
        return _DONE

    @activity.defn(name=names.READ_RECORDS)
    async def read_records(self, request: RecordsInput) -> ReadSlice:
        self.read.append(f"{request.window} {request.ids_key}")
        if self.failures:
            raise self.failures.pop(0)
        return _DONE

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        return 1

    async def has_closed(self, count: int) -> bool:
        return len(self.closed) >= count


@asynccontextmanager
async def serving_repairs(client: Client, script: ScriptedRepairs) -> AsyncIterator[None]:
    """Workers that serve all workflows, with the scripted activities."""
    steps: list[Callable[..., Any]] = [script.find_rereads, script.close_rereads, script.record_act]
    reading: list[Callable[..., Any]] = [
        script.find_deleted,
        script.plan_backfill,
        script.read_part,
        script.read_records,
    ]
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(
            client,
            task_queue=names.BATCH_QUEUE,
            activities=steps,
            interceptors=[ErrorTranslationInterceptor()],
        ),
        Worker(
            client,
            task_queue=names.BACKFILL_QUEUE,
            activities=reading,
            interceptors=[ErrorTranslationInterceptor()],
        ),
    ):
        yield


async def start_repairs(client: Client, name: str) -> WorkflowHandle[RepairWorkflow, None]:
    short = timedelta(milliseconds=200)
    return await client.start_workflow(
        RepairWorkflow.run,
        RepairInput(org=name, look_every=short, gather=short / 4),
        id=f"repair/{name}",
        task_queue=names.WORKFLOW_QUEUE,
    )
