"""An engine in the test's process: every workflow and the batch road's activities, on real parts and a served org."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Worker

from activities.apply.applier import Applier
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import Batches
from activities.audit import Acts
from activities.backfill.plan import PlanBackfill
from activities.backfill.rates import BackfillRates
from activities.backfill.read_part import ReadPart
from activities.backfill.read_records import ReadRecords
from activities.ingest.land_rows import RowLandings
from activities.repair.find_deleted import FindDeleted
from activities.repair.rereads import Rereads
from activities.runtime.error_interceptor import ErrorBoundary
from clients.database.audit_log import AuditLog
from clients.storage.objects import ObjectStore
from clients.temporal.backfills import start_backfill
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.org.faults.faults import FaultRule
from schemas import names
from schemas.backfill import BackfillInput, BackfillState
from schemas.catalogue import Catalogue, default_catalogue
from tests.support.builders.bus import protector
from tests.support.engines.served_org import ServedOrg
from transforms.pii import Protector
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS

BULK_REFUSES = FaultRule(
    point="http",
    kind="status",
    match="POST /services/data/v67.0/jobs/query",
    status=400,
    code="INVALIDENTITY",
    message="Entity 'Account' is not supported by the Bulk API.",
)
"""Bulk API does not take the object."""


@dataclass
class SmallEngine:
    """The parts of the engine. A test may set the activities' attributes before they are used."""

    client: Client
    served: ServedOrg
    store: ObjectStore
    warehouse: PostgresWarehouse
    database: str
    org: str
    catalogue: Catalogue = field(default_factory=default_catalogue)

    def __post_init__(self) -> None:
        self.protector: Protector = protector(self.catalogue)
        self.audit = AuditLog(self.database)
        self.landings = RowLandings(self.client, self.store, self.protector)
        self.read_part = ReadPart(
            self.served.http,
            self.landings,
            lambda: self.catalogue,
            visibility_delay=timedelta(seconds=1),
            waits=(0.05, 0.2),
        )
        self.read_records = ReadRecords(
            self.served.http, self.landings, lambda: self.catalogue, visibility_delay=timedelta(seconds=1)
        )
        self.plan_backfill = PlanBackfill(self.served.http, self.store, lambda: self.catalogue)
        self.rates = BackfillRates(self.store)
        self.rereads = Rereads(self.client, self.warehouse, self.store, self.catalogue, patience=timedelta(0))
        self.find_deleted = FindDeleted(
            self.served.http, self.store, lambda: self.catalogue, settles_after=timedelta(0)
        )
        self.applier = Applier(self.warehouse, self.store, self.catalogue)
        self.batches = Batches(self.store, self.catalogue, GroupCommit(self.applier.apply))

    async def start_backfill(
        self, object_name: str, window: str = "all", **asked: Any
    ) -> WorkflowHandle[Any, BackfillState]:
        """Start a backfill."""
        request = BackfillInput(org=self.org, object=object_name, window=window, **asked)
        return (await start_backfill(self.client, request)).handle

    async def backfill(self, object_name: str, window: str = "all", **asked: Any) -> BackfillState:
        """Run a backfill to its end."""
        return await (await self.start_backfill(object_name, window, **asked)).result()

    async def failed_backfill(self, object_name: str, window: str = "all", **asked: Any) -> str:
        """Run a backfill that fails; returns the error's own words."""
        try:
            await self.backfill(object_name, window, **asked)
        except WorkflowFailureError as error:
            cause: BaseException | None = error
            while cause is not None and cause.__cause__ is not None:
                cause = cause.__cause__
            return str(cause)
        raise AssertionError("it did not fail")

    async def jobs_kept(self) -> list[str]:
        """Keys of the query jobs that lanes have."""
        keys = await asyncio.to_thread(lambda: list(self.store.keys(f"jobs/{self.org}/")))
        return [key for key in keys if key.endswith("/job.json")]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with psycopg.connect(self.database) as connection:
            return connection.execute(query.encode()).fetchall()

    def workers(self) -> dict[str, list[Any]]:
        """Activities by task queue."""
        return {
            names.BATCH_QUEUE: [
                self.batches.stage_batch,
                self.batches.apply_batch,
                Acts(self.audit).record_act,
                self.rereads.find_rereads,
                self.rereads.close_rereads,
            ],
            names.BACKFILL_QUEUE: [
                self.plan_backfill.plan_backfill,
                self.read_part.read_part,
                self.read_part.drop_job,
                self.rates.keep_rate,
                self.read_records.read_records,
                self.find_deleted.find_deleted,
            ],
        }


def curated(engine: SmallEngine, table: str) -> dict[str, tuple[Any, ...]]:
    """Of each record by its id: whether it is deleted, whether it is complete, its name."""
    rows = engine.rows(f"SELECT record_id, is_deleted, is_complete, name FROM curated.{table}_current")
    return {row[0]: row[1:] for row in rows}


@asynccontextmanager
async def serving_engine(engine: SmallEngine) -> AsyncIterator[SmallEngine]:
    """Make the tables, and run the engine's workers until left."""
    engine.warehouse.ensure_tables(engine.catalogue)
    engine.audit.ensure_tables()
    async with AsyncExitStack() as stack:
        stack.callback(engine.audit.close)
        workflows = Worker(
            engine.client,
            task_queue=names.WORKFLOW_QUEUE,
            workflows=WORKFLOWS,
            workflow_runner=sandboxed_runner(),
        )
        await stack.enter_async_context(workflows)
        for queue, activities in engine.workers().items():
            worker = Worker(
                engine.client,
                task_queue=queue,
                activities=activities,
                interceptors=[ErrorBoundary()],
                max_heartbeat_throttle_interval=timedelta(seconds=0.1),
            )
            await stack.enter_async_context(worker)
        yield engine
