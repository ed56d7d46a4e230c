"""A small engine that reconciles, too."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

from activities import reconcile
from activities.reconcile.compare_buckets import BucketComparison
from activities.reconcile.compare_digests import DigestComparison
from activities.reconcile.read_digests import DigestReads
from activities.reconcile.verify_fold import FoldChecks
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.ids import reconcile_workflow_id
from schemas.reconcile import ReconcileInput, ReconcileState
from tests.support.engines.served_org import served_org
from tests.support.engines.small_engine import SmallEngine, serving_engine
from tests.support.engines.wiring import owner
from transforms.reconcile.cost import ReconcileCostConfig

SETTLE = timedelta(0)
"""Nothing is on its way in these tests unless they say so; a timer of the server takes a second,
however short.
"""


BEHIND = timedelta(days=4)
"""Faults are spread over hours of the org's clock, and nothing may come from ours' future."""


@dataclass
class ReconcilingEngine(SmallEngine):
    """Its activities look at an org whose rows are seen after a second at the latest."""

    def __post_init__(self) -> None:
        super().__post_init__()
        delay, terms = timedelta(seconds=1), ReconcileCostConfig(waits=(0.05, 0.2))
        steps = reconcile.activities(self.clients, self.way, terms, visibility_delay=delay)
        self.log_checks = owner(steps, FoldChecks)
        self.bucket_looks = owner(steps, BucketComparison)
        self.fact_reads = owner(steps, DigestReads)
        self.fact_comparisons = owner(steps, DigestComparison)
        self.steps += steps

    async def reconcile(self, object_name: str, window: str = "all", **asked: Any) -> ReconcileState:
        """Run a reconciliation to its end."""
        request = ReconcileInput(
            org=self.org, object=object_name, window=window, **({"settle": SETTLE} | asked)
        )
        state: ReconcileState = await self.client.execute_workflow(
            names.RECONCILE_WORKFLOW,
            request,
            id=reconcile_workflow_id(self.org, object_name, window),
            task_queue=names.WORKFLOW_QUEUE,
            result_type=ReconcileState,
        )
        return state


@asynccontextmanager
async def reconciling_engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, folder: Path
) -> AsyncIterator[ReconcilingEngine]:
    """An engine at work, and an org whose clock is behind."""
    async with served_org(folder, None, BEHIND) as served:
        made = ReconcilingEngine(client, served, store, warehouse, database, org=f"r{uuid.uuid4().hex[:10]}")
        async with serving_engine(made):
            yield made
