"""Steps of writebacks during faults: a process dies at any moment, or lives on while another one
has taken its place.

What a workflow does with the steps is done here without waiting: a step that ends without a
result is begun again, and what is unknown is looked up. Time passes as fast as the org allows.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
import sqlalchemy as sa
from temporalio.testing import ActivityEnvironment

from clients.writeback.tables import WRITEBACK
from schemas.writeback.messages import FormInput, LookUpInput, SentBatch, WritebackBatchInput
from tests.support.engines.writing_back import WritingEngine

Step = Callable[[Any], Awaitable[SentBatch]]


@dataclass(frozen=True)
class Mishap:
    """The outcome of one attempt at a step."""

    kind: str
    """`cancel`: its process dies; `abandon`: its process goes on while another one begins again;
    `none`.
    """
    seconds: float = 0.0
    """How far into the attempt."""


@dataclass
class Troubled:
    """Drives one engine's batches until every writeback of the store is settled."""

    writer: WritingEngine
    mishaps: list[Mishap]
    """One for each attempt; later attempts have none."""
    zombies: list[asyncio.Task[SentBatch | None]] = field(default_factory=list)
    begun: dict[str, float] = field(default_factory=dict)
    """Batch -> when it was first opened, in epoch seconds of the org's clock."""

    async def settle(self) -> None:
        """Return when nothing waits, is open or runs any more."""
        while await self._is_unsettled():
            await self._hurry()
            formed = await self._formed()
            await asyncio.gather(*(self._bring(batch) for batch in formed))
            await asyncio.sleep(0.1)
        await asyncio.gather(*self.zombies)

    async def _is_unsettled(self) -> bool:
        try:
            return bool({"waiting", "open"} & set(await asyncio.to_thread(self.writer.states)))
        except Exception:
            return True

    async def _formed(self) -> tuple[WritebackBatchInput, ...]:
        request = FormInput(org=self.writer.engine.org, object="Case", most_open=3)
        while True:
            try:
                return (await asyncio.to_thread(self.writer.steps.forming.form, request)).batches
            except Exception:
                await asyncio.sleep(0.05)

    async def _bring(self, batch: WritebackBatchInput) -> None:
        self.begun.setdefault(batch.batch, self.writer.engine.served.org.clock.seconds())
        sent = await self._until_told(self.writer.steps.send_writebacks, batch)
        question = LookUpInput(batch=batch, is_over=sent.is_over)
        while not sent.is_known:
            await asyncio.sleep(0.1)
            sent = await self._until_told(self.writer.steps.look_up_writebacks, question)

    async def _until_told(self, step: Step, request: Any) -> SentBatch:
        while (told := await self._attempt(step, request)) is None:  # noqa: ASYNC110 -- a process that died sets no event
            await asyncio.sleep(0.05)
        return told

    async def _attempt(self, step: Step, request: Any) -> SentBatch | None:
        mishap = self.mishaps.pop(0) if self.mishaps else Mishap("none")
        task = asyncio.create_task(_tried(step, request))
        if mishap.kind == "none":
            return await task
        done, _ = await asyncio.wait({task}, timeout=mishap.seconds)
        if done:
            return task.result()
        if mishap.kind == "cancel":
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            self.zombies.append(task)
        return None

    async def _hurry(self) -> None:
        """Waiting for a time is not needed."""
        try:
            await asyncio.to_thread(self._forget_waits)
        except Exception:
            return

    def _forget_waits(self) -> None:
        with self.writer.store.begin() as connection:
            connection.execute(WRITEBACK.update().values(not_before=sa.func.now()))


async def _tried(step: Step, request: Any) -> SentBatch | None:
    """The step's result; None when it failed, as it would be tried again."""
    try:
        told: SentBatch = await ActivityEnvironment().run(step, request)
    except Exception:
        return None
    return told


def cut_connections(dsn: str) -> None:
    """End every connection to a database but this one."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
