"""A stand-in for Redshift with a read copy in PostgreSQL, and batches that are applied to both as
a worker applies them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from temporalio.testing import ActivityEnvironment

from activities import apply
from activities.apply.stage_and_apply import BatchActivities
from clients.dependencies import Clients
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.read_copy.beside import CopiedWarehouse
from clients.warehouse.read_copy.books import TABLES_OF_COPY
from clients.warehouse.redshift import RedshiftWarehouse
from schemas.ingest.messages import ApplyInput, ApplyResult
from tests.support.builders.batches import Road, contents
from tests.support.engines.wiring import owner

OF_RECORDS = ("curated.", "audit.")


def copied(redshift: RedshiftWarehouse, copy_dsn: str) -> CopiedWarehouse:
    """The warehouse with a copy in another database."""
    return CopiedWarehouse(redshift, PostgresWarehouse(copy_dsn, more_tables=TABLES_OF_COPY))


@dataclass
class CopiedRoad(Road):
    """A road whose batches are applied by the activity, so to the copy and to the warehouse."""

    def clients(self) -> Clients:
        """Of a worker, without Temporal and audit log."""
        nothing = cast("Any", None)
        return Clients(nothing, self.store, self.warehouse, self.catalogue, nothing, self.protector())

    async def apply(self, item: ApplyInput) -> ApplyResult:
        """Apply one object of a batch."""
        steps = owner(apply.activities(self.clients()), BatchActivities)
        return await ActivityEnvironment().run(steps.apply_batch, item)

    async def send(
        self, events: Sequence[dict[str, Any]], *, received_ms: int | None = None
    ) -> dict[str, ApplyResult]:
        """Land, stage and apply events as one batch; the results by object."""
        items = await self.stage(self.land(events, received_ms=received_ms))
        return {name: await self.apply(item) for name, item in items.items()}

    async def both(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The rows of tables of records, without the run's own times: the copy's, the
        warehouse's.
        """
        of_copy, own = [
            await asyncio.to_thread(contents, each, self.catalogue, clock=False)
            for each in self.warehouse.with_copy()
        ]
        return _of_records(of_copy), _of_records(own)


def _of_records(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {table: rows for table, rows in found.items() if table.startswith(OF_RECORDS)}
