"""The steps of an erasure as a test says, under the names of the real ones; what they do has tests
of its own, on real parts.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.erasure.messages import (
    Certified,
    CertifyInput,
    ErasedPlaces,
    ErasureInput,
    ErasureScope,
    ErasureStep,
    StoreCount,
)
from schemas.ingest.messages import Act
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS

MOMENT = datetime(2026, 11, 28, 9, tzinfo=UTC)


@dataclass
class ScriptedErasure:
    """Steps over three pages of raw files; each pass finds as many values as the test says."""

    left: list[int] = field(default_factory=lambda: [4, 1])
    """Values that the passes find in raw, one after the other; then none."""
    failures: list[Exception] = field(default_factory=list)
    """Raised by erase_tables, one a call, before it succeeds."""
    calls: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    certified: list[CertifyInput] = field(default_factory=list)

    @activity.defn(name=names.SCOPE_ERASURE)
    async def scope_erasure(self, request: ErasureInput) -> ErasureScope:
        self.calls.append("scope")
        return ErasureScope(records=len(request.records), related={"Case": 3})

    @activity.defn(name=names.ERASE_WRITEBACKS)
    async def erase_writebacks(self, request: ErasureStep) -> ErasedPlaces:
        return self._found("writebacks", request, 0)

    @activity.defn(name=names.ERASE_FILES)
    async def erase_files(self, request: ErasureStep) -> ErasedPlaces:
        return self._found("files", request, 0)

    @activity.defn(name=names.ERASE_RAW)
    async def erase_raw(self, request: ErasureStep) -> ErasedPlaces:
        page = int(request.after or 0) + 1
        taken = self.left.pop(0) if page == 3 and self.left else 0
        return self._found("raw", request, taken, after=str(page) if page < 3 else None)

    @activity.defn(name=names.ERASE_TABLES)
    async def erase_tables(self, request: ErasureStep) -> ErasedPlaces:
        if self.failures:
            self.calls.append("failed")
            raise self.failures.pop(0)
        return self._found("tables", request, 0)

    @activity.defn(name=names.ERASE_ARCHIVE)
    async def erase_archive(self, request: ErasureStep) -> ErasedPlaces:
        return self._found("archive", request, 0)

    @activity.defn(name=names.CERTIFY_ERASURE)
    async def certify_erasure(self, request: CertifyInput) -> Certified:
        self.calls.append("certify")
        self.certified.append(request)
        return Certified(digest="" if request.state.is_dry else "d" * 64, at=MOMENT)

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        self.acts.append(act)
        return len(self.acts)

    def _found(self, store: str, request: ErasureStep, taken: int, after: str | None = None) -> ErasedPlaces:
        self.calls.append(f"{store} {request.after}".strip())
        return ErasedPlaces(stores=(StoreCount(store=store, places=5, rewritten=taken),), after=after)

    @property
    def steps(self) -> list[Callable[..., Any]]:
        """The activities of the erasure's queue."""
        return [
            self.scope_erasure,
            self.erase_writebacks,
            self.erase_files,
            self.erase_raw,
            self.erase_tables,
            self.erase_archive,
            self.certify_erasure,
        ]


@asynccontextmanager
async def erasure_workers(client: Client, script: ScriptedErasure) -> AsyncIterator[None]:
    """Workers that serve all workflows, with the scripted steps."""
    async with (
        Worker(
            client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
        ),
        Worker(client, task_queue=names.BATCH_QUEUE, activities=[script.record_act]),
        Worker(
            client,
            task_queue=names.ERASURE_QUEUE,
            activities=script.steps,
            interceptors=[ErrorTranslationInterceptor()],
        ),
    ):
        yield
