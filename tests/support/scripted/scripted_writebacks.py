"""The steps of writebacks as a test says, under the names of the real ones; what they do has tests
of its own, on real parts.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.writeback.messages import (
    Carrier,
    EchoCounts,
    EchoInput,
    Formed,
    FormInput,
    LookUpInput,
    PauseChange,
    SentBatch,
    SetPauseInput,
    WritebackBatchInput,
)
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS


def batch(name: str) -> WritebackBatchInput:
    """A batch of ten cases."""
    return WritebackBatchInput(org="o", object="Case", batch=name, carrier=Carrier.COLLECTIONS, size=10)


@dataclass
class ScriptedWritebacks:
    """The store as far as the queue sees it, and an org with scripted answers."""

    open: list[str] = field(default_factory=list)
    """Batches that are not closed."""
    unknown: set[str] = field(default_factory=set)
    """Batches whose call has no answer; the second look tells."""
    failures: list[Exception] = field(default_factory=list)
    """Raised by send_writebacks, one a call, before it succeeds."""
    paused_because: str = ""
    sent: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    changes: list[SetPauseInput] = field(default_factory=list)
    lacks_echo: bool = False
    """Until the first look for echoes."""
    echoes: int = 0
    """Looks."""

    @activity.defn(name=names.FORM_WRITEBACKS)
    async def form_writebacks(self, request: FormInput) -> Formed:
        batches = () if self.paused_because else tuple(map(batch, self.open[: request.most_open]))
        return Formed(
            batches=batches,
            waiting=len(self.open),
            next_at=None,
            paused_because=self.paused_because,
            lacks_echo=self.lacks_echo,
        )

    @activity.defn(name=names.SEND_WRITEBACKS)
    async def send_writebacks(self, request: WritebackBatchInput) -> SentBatch:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(request.batch)
        if request.batch in self.unknown:
            return SentBatch(is_known=False)
        self.open.remove(request.batch)
        return SentBatch(is_known=True)

    @activity.defn(name=names.LOOK_UP_WRITEBACKS)
    async def look_up_writebacks(self, request: LookUpInput) -> SentBatch:
        self.looked.append(request.batch.batch)
        if len(self.looked) % 2:
            return SentBatch(is_known=False)
        self.open.remove(request.batch.batch)
        return SentBatch(is_known=True)

    @activity.defn(name=names.SET_WRITEBACK_PAUSE)
    async def set_writeback_pause(self, request: SetPauseInput) -> None:
        self.changes.append(request)
        self.paused_because = (
            "" if request.change is PauseChange.RESUME else f"paused by {request.control.by}"
        )

    @activity.defn(name=names.FIND_ECHOES)
    async def find_echoes(self, request: EchoInput) -> EchoCounts:
        self.echoes += 1
        self.lacks_echo = False
        return EchoCounts(looked=10, found=10)

    async def is_through(self) -> bool:
        """Every batch is closed."""
        return not self.open


@asynccontextmanager
async def writeback_workers(client: Client, script: ScriptedWritebacks) -> AsyncIterator[None]:
    """Serve the workflows and the scripted steps until left."""
    workflows = Worker(
        client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
    )
    steps = Worker(
        client,
        task_queue=names.WRITEBACK_QUEUE,
        activities=[
            script.form_writebacks,
            script.send_writebacks,
            script.look_up_writebacks,
            script.set_writeback_pause,
            script.find_echoes,
        ],
        interceptors=[ErrorTranslationInterceptor()],
        max_heartbeat_throttle_interval=timedelta(seconds=0.1),
    )
    async with workflows, steps:
        yield
