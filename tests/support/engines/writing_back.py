"""An engine that writes back, in the test's process: intake, queue and steps, on real parts and a
served org.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities import writeback
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from activities.writeback.bulk import BulkJobConfig
from activities.writeback.config import WritebackConfig
from activities.writeback.echoes import EchoSteps
from activities.writeback.preview import PreviewSteps
from activities.writeback.send import WritebackSteps
from clients.writeback.intake import WritebackIntake
from clients.writeback.store import WritebackStore
from clients.writeback.tables import WRITEBACK, WRITEBACK_BATCH, WRITEBACK_CLAIM
from schemas import names
from schemas.ids import writeback_queue_id
from schemas.settings.writeback import WritebackSettings
from schemas.writeback.messages import Accepted, Intake, QueueInput
from tests.support.builders.waiting import until
from tests.support.builders.writebacks import asked, checks
from tests.support.engines.bounded import bounded
from tests.support.engines.small_engine import SmallEngine
from tests.support.engines.wiring import owner
from transforms.writeback.batching import BatchingConfig
from workflows import WritebackQueueWorkflow

AT_ONCE = WritebackSettings(
    linger=timedelta(0),
    abandoned_call_timeout=timedelta(seconds=1),
    change_log_timeout=timedelta(seconds=3),
)
"""Nothing waits for company, and an org of a test is over with a call soon."""
SOON = timedelta(seconds=0.2)
"""Until what could not be sent is tried again."""


@dataclass(repr=False)
class WritingEngine:
    """The parts that write back."""

    engine: SmallEngine
    store: WritebackStore
    intake: WritebackIntake
    steps: WritebackSteps
    echoes: EchoSteps
    previews: PreviewSteps
    queues: list[WorkflowHandle[Any, Any]] = field(default_factory=list)

    def __repr__(self) -> str:
        return "the engine"  # what fails says what it was given

    def submit(self, *items: dict[str, Any], caller: str = "tests") -> Intake:
        """Hand in writebacks; those that name none have a key of their own."""
        return self.intake.submit(caller, [asked(**item) for item in items])

    def accepted(self, *items: dict[str, Any]) -> list[Accepted]:
        """As `submit`, all of which must be accepted."""
        told = self.submit(*items)
        assert told.refused == ()
        return list(told.accepted)

    async def start(self, object_name: str = "Case", **other: Any) -> WorkflowHandle[Any, Any]:
        """Start the object's queue."""
        org = self.engine.org
        handle = await self.engine.client.start_workflow(
            WritebackQueueWorkflow.run,
            QueueInput(org=org, object=object_name, **other),
            id=writeback_queue_id(org, object_name),
            task_queue=names.WORKFLOW_QUEUE,
        )
        self.queues.append(handle)
        return handle

    async def end(self) -> None:
        """End the queues: the next test's workers would serve them, and they would look after its
        batches.
        """
        for queue in self.queues:
            with suppress(RPCError):
                await queue.terminate("end of the test")

    def rows(self) -> list[sa.Row[Any]]:
        """Every writeback, in the order of acceptance."""
        with self.store.begin() as connection:
            return list(connection.execute(sa.select(WRITEBACK).order_by(WRITEBACK.c.number)))

    def states(self) -> list[str]:
        """Their states."""
        return [row.state for row in self.rows()]

    def batches(self) -> list[sa.Row[Any]]:
        """Every batch, in the order of their forming."""
        with self.store.begin() as connection:
            return list(connection.execute(sa.select(WRITEBACK_BATCH).order_by(WRITEBACK_BATCH.c.formed_at)))

    def claims(self) -> list[str]:
        """The entries of open batches."""
        with self.store.begin() as connection:
            return list(connection.execute(sa.select(WRITEBACK_CLAIM.c.name)).scalars())

    async def settled(self, seconds: float = 30) -> list[sa.Row[Any]]:
        """Every writeback, once none is waiting or open and every batch is closed."""

        async def is_settled() -> bool:
            return await asyncio.to_thread(self._is_settled)

        await until(is_settled, seconds=seconds)
        return self.rows()

    def _is_settled(self) -> bool:
        # Asked 30 times a second: the rows themselves would cost more than sending them.
        under_way = sa.exists().where(WRITEBACK.c.state.in_(("waiting", "open")))
        with self.store.begin() as connection:
            found = connection.execute(sa.select(under_way, sa.exists(sa.select(WRITEBACK_CLAIM.c.name))))
            return found.one() == (False, False)


async def _quiet(store: WritebackStore) -> None:
    """A worker that is stopped does not wait for the threads of its steps."""

    async def is_quiet() -> bool:
        return store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]

    await until(is_quiet)


@asynccontextmanager
async def writing(engine: SmallEngine, settings: WritebackSettings = AT_ONCE) -> AsyncIterator[WritingEngine]:
    """Run the steps' worker until left."""
    store = WritebackStore(engine.database)
    activities = writeback.activities(
        engine.clients,
        engine.way,
        store,
        batching=BatchingConfig(linger=settings.linger),
        sending=WritebackConfig(
            newer=settings.conflict_policy,
            settled_after=settings.abandoned_call_timeout,
            patience=settings.change_log_timeout,
            come_again=SOON,
        ),
        jobs=BulkJobConfig(patience=settings.job_stall_timeout, come_again=SOON),
    )
    worker = Worker(
        engine.client,
        task_queue=names.WRITEBACK_QUEUE,
        activities=activities,
        interceptors=[ErrorTranslationInterceptor()],
        max_heartbeat_throttle_interval=timedelta(seconds=0.1),
        # A step that is cut short leaves its thread, and the thread a connection that nobody
        # closes.
        graceful_shutdown_timeout=timedelta(seconds=3),
    )
    intake = WritebackIntake(engine.database, lambda: checks(engine.catalogue))
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        stack.callback(intake.close)
        stack.push_async_callback(_quiet, store)
        await stack.enter_async_context(bounded(worker))
        writer = WritingEngine(
            engine,
            store,
            intake,
            steps=owner(activities, WritebackSteps),
            echoes=owner(activities, EchoSteps),
            previews=owner(activities, PreviewSteps),
        )
        stack.push_async_callback(writer.end)
        yield writer
