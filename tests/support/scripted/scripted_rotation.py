"""Rotations whose activities do what a test says, under the names of the real ones."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.ingest.messages import Act
from schemas.security.keys import (
    BeginRotationInput,
    ReencryptCounts,
    Reencrypted,
    ReencryptInput,
    RotationPlan,
)
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS


@dataclass
class ScriptedRotation:
    """Two objects; the change log of the first takes two stretches."""

    failures: list[Exception] = field(default_factory=list)
    """Raised by the first attempts at the tables."""
    calls: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    @activity.defn(name=names.BEGIN_ROTATION)
    async def begin_rotation(self, request: BeginRotationInput) -> RotationPlan:
        self.calls.append("a new key" if request.makes_key else "no new key")
        return RotationPlan(key_id="2", objects=("Contact", "Case"))

    @activity.defn(name=names.REENCRYPT_TABLES)
    async def reencrypt_tables(self, request: ReencryptInput) -> Reencrypted:
        if self.failures:
            raise self.failures.pop(0)
        self.calls.append(f"tables of {request.object}")
        return Reencrypted(after="", is_done=True, counts=ReencryptCounts(records=1, tokens=2))

    @activity.defn(name=names.REENCRYPT_LOG)
    async def reencrypt_log(self, request: ReencryptInput) -> Reencrypted:
        self.calls.append(f"log of {request.object} after {request.after or 'the beginning'}")
        is_done = request.object != "Contact" or bool(request.after)
        counts = ReencryptCounts(records=1, tokens=3)
        return Reencrypted(
            after="" if is_done else "audit.contact_change 003", is_done=is_done, counts=counts
        )

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        self.acts.append(act)
        return len(self.acts)


@asynccontextmanager
async def rotation_workers(client: Client, script: ScriptedRotation) -> AsyncIterator[None]:
    """Workers for rotations."""
    steps: list[Callable[..., Any]] = [
        script.begin_rotation,
        script.reencrypt_tables,
        script.reencrypt_log,
    ]
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(
            client,
            task_queue=names.BACKFILL_QUEUE,
            activities=steps,
            interceptors=[ErrorTranslationInterceptor()],
        ),
        Worker(client, task_queue=names.BATCH_QUEUE, activities=[script.record_act]),
    ):
        yield
