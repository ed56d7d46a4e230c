"""An engine in the test's process: every workflow and the batch road's activities, on real parts
and a served org.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Worker

from activities import apply, audit, backfill, repair
from activities.apply.applier import Applier
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import BatchActivities
from activities.backfill.plan import PlanBackfill
from activities.backfill.read_part import ReadPart
from activities.repair.find_deleted import FindDeleted
from activities.repair.rereads import Rereads
from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from clients.database.audit_log import AuditLog
from clients.dependencies import Clients, OrgClients
from clients.storage.objects import ObjectStore
from clients.temporal.run_kinds import BACKFILL
from clients.temporal.runs import run_handle, start_run
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.org.faults.faults import FaultRule
from schemas import names
from schemas.backfill import BackfillInput, BackfillState
from schemas.catalogue import Catalogue, default_catalogue
from tests.support.builders.bus import protector
from tests.support.engines.bounded import bounded
from tests.support.engines.served_org import ServedOrg
from tests.support.engines.wiring import by_queue, owner
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
    """The parts of the engine. A test may set the attributes of the activities' objects, and add to
    `steps`, before they are used.
    """

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
        clients = self.clients = Clients(
            self.client, self.store, self.warehouse, self.catalogue, self.audit, self.protector
        )
        way = self.way = OrgClients(self.org, self.served.sessions, self.served.http)
        self.steps = [
            *apply.activities(clients),
            *audit.activities(clients),
            *repair.activities(clients),
            *repair.org_activities(clients, way),
            *backfill.activities(clients, way, visibility_delay=timedelta(seconds=1)),
        ]
        self.read_part = owner(self.steps, ReadPart)
        self.read_part.waits = (0.05, 0.2)
        self.landings = self.read_part.landings
        self.plan_backfill = owner(self.steps, PlanBackfill)
        self.rereads = owner(self.steps, Rereads)
        self.rereads.patience = timedelta(0)
        owner(self.steps, FindDeleted).settles_after = timedelta(0)
        commits = owner(self.steps, BatchActivities).group_commit
        assert isinstance(commits, GroupCommit)
        self.applier = owner([commits.apply], Applier)

    async def start_backfill(
        self, object_name: str, window: str = "all", **asked: Any
    ) -> WorkflowHandle[Any, BackfillState]:
        """Start a backfill."""
        request = BackfillInput(org=self.org, object=object_name, window=window, **asked)
        return run_handle(self.client, BACKFILL, await start_run(self.client, BACKFILL, request))

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

    def in_plaintext(self, object_name: str, field_name: str, value: Any) -> Any:
        """A value of a column as the org has it: decrypted where the catalogue protects the
        field.
        """
        spec = self.catalogue.object(object_name).fields[field_name]
        if value is None or not spec.is_protected:
            return value
        return self.protector.decrypt(f"{object_name}.{field_name}", value)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with psycopg.connect(self.database) as connection:
            return connection.execute(query.encode()).fetchall()


def curated(engine: SmallEngine, table: str) -> dict[str, tuple[Any, ...]]:
    """Of each record by its id: whether it is deleted, whether it is complete, its name."""
    [spec] = [each for each in engine.catalogue.objects.values() if each.table == table]
    rows = engine.rows(f"SELECT record_id, is_deleted, is_complete, name FROM curated.{table}_current")
    return {
        record_id: (*state, engine.in_plaintext(spec.name, "Name", name)) for record_id, *state, name in rows
    }


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
        for queue, activities in by_queue(engine.steps).items():
            worker = Worker(
                engine.client,
                task_queue=queue,
                activities=activities,
                interceptors=[ErrorTranslationInterceptor()],
                max_heartbeat_throttle_interval=timedelta(seconds=0.1),
            )
            await stack.enter_async_context(bounded(worker))
        yield engine
