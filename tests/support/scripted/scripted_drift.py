"""Checks of the schema and refreshes whose activities do what a test says, under the names of the
real ones.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorBoundary
from schemas import names
from schemas.catalogue import FieldSpec
from schemas.drift import (
    DriftInput,
    DriftKind,
    DriftResult,
    Effect,
    FieldDrift,
    FieldsInput,
    FieldsResult,
    Fill,
    RefreshCounts,
    RefreshGroup,
    RefreshInput,
    RefreshPlan,
    RefreshState,
)
from schemas.ingest.messages import Act
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS

GRADE = FieldDrift(
    object="Case",
    field="Grade__c",
    kind=DriftKind.ADDED,
    effect=Effect.ADDED,
    now="string(20)",
    spec=FieldSpec(type="string", length=20, added=True),
)


@dataclass
class ScriptedSchema:
    """The first check finds a new field; it has one fill of two stretches, and nothing waits
    afterwards.
    """

    calls: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    @activity.defn(name=names.CHECK_DRIFT)
    async def check_drift(self, request: DriftInput) -> DriftResult:
        first = "check" not in self.calls
        self.calls.append("check")
        fills = (Fill(object="Case", fields=("Grade__c",), revision=1),)
        return DriftResult(checked=1, calls=2, found=(GRADE,) if first else (), fills=fills)

    @activity.defn(name=names.PLAN_REFRESH)
    async def plan_refresh(self, request: RefreshInput) -> RefreshPlan:
        self.calls.append("plan")
        return RefreshPlan(groups=(RefreshGroup(fields=request.fields),), expected_calls=2)

    @activity.defn(name=names.READ_FIELDS)
    async def read_fields(self, request: FieldsInput) -> FieldsResult:
        self.calls.append(f"read {','.join(request.fields)} from {request.position}")
        counts = RefreshCounts(read=10, differed=3, applied=3, calls=1)
        return FieldsResult(position="1795000000000", done=request.position != "origin", counts=counts)

    @activity.defn(name=names.END_REFRESH)
    async def end_refresh(self, state: RefreshState) -> None:
        self.calls.append(f"end {state.counts.differed}")

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        self.acts.append(act)
        return len(self.acts)


@asynccontextmanager
async def schema_workers(client: Client, script: ScriptedSchema) -> AsyncIterator[None]:
    """Workers for checks and refreshes."""
    steps: list[Callable[..., Any]] = [
        script.check_drift,
        script.plan_refresh,
        script.read_fields,
        script.end_refresh,
    ]
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(client, task_queue=names.BACKFILL_QUEUE, activities=steps, interceptors=[ErrorBoundary()]),
        Worker(client, task_queue=names.BATCH_QUEUE, activities=[script.record_act]),
    ):
        yield
