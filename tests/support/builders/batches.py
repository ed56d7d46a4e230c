"""A batch's road without Temporal: protect, land, stage and apply, on real parts."""

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.apply.applier import Applier
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import BatchActivities
from activities.ingest.landing_buffer import BatchLimits, LandingBuffer
from clients.salesforce.streaming.stream import StreamMessage
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql.apply import LEDGER, QUALITY, QUARANTINE, TABLES_OF_OPS, tables_of
from schemas.catalogue import Catalogue, default_catalogue
from schemas.ids import ORIGIN
from schemas.ingest.messages import ApplyInput, ApplyResult, StageInput
from schemas.ingest.raw import Manifest
from tests.support.builders.bus import protector
from transforms.pii import Protector


@dataclass
class Road:
    """One lane's batches, one after the other."""

    store: ObjectStore
    warehouse: Warehouse
    catalogue: Catalogue = field(default_factory=default_catalogue)
    lane: str = field(default_factory=lambda: uuid.uuid4().hex)
    position: str = ORIGIN
    org: str = "road"

    @property
    def batches(self) -> BatchActivities:
        return BatchActivities(self.store, self.catalogue, GroupCommit(self.applier(self.warehouse).apply))

    def protector(self) -> Protector:
        """Of the follower."""
        return protector(self.catalogue)

    def applier(self, warehouse: Warehouse) -> Applier:
        return Applier(warehouse, self.store, self.catalogue, self.protector())

    def land(self, events: Sequence[dict[str, Any]], *, received_ms: int | None = None) -> Manifest:
        """Land the events (their `data`) as the lane's next batch. `received_ms` None: a while
        ago.
        """
        buffer = LandingBuffer(self.protector(), BatchLimits())
        # A last event that is fresh might still get company.
        received_ms = received_ms or time.time_ns() // 1_000_000 - 5_000
        last = 0
        for data in events:
            last = int((data.get("event") or {}).get("replayId", last))
            buffer.add([StreamMessage(last, data, received_ms)])
        chain = Chain(self.store, org=self.org, lane=self.lane)
        manifest, _ = chain.land(buffer.peek(), start=self.position)
        self.position = manifest.end
        return manifest

    async def stage(self, manifest: Manifest) -> dict[str, ApplyInput]:
        """Stage the batch; what is to be applied, by object."""
        staged = await ActivityEnvironment().run(self.batches.stage_batch, StageInput(manifest=manifest))
        return {share.object: ApplyInput(manifest=manifest, staged=share) for share in staged.objects}

    async def send(
        self, events: Sequence[dict[str, Any]], *, received_ms: int | None = None
    ) -> dict[str, ApplyResult]:
        """All of it; the results by object."""
        items = await self.stage(self.land(events, received_ms=received_ms))
        return {name: self.applier(self.warehouse).apply([item])[0] for name, item in items.items()}


_OF_THE_RUN = {
    "applied_at",
    "committed_at",
    "quarantined_at",
    "received_at",
    "first_received_at",
    "last_received_at",
    "first_seen_at",
    "last_seen_at",
    "resolved_at",
}


def contents(warehouse: Warehouse, catalogue: Catalogue, *, clock: bool = True) -> dict[str, list[str]]:
    """Every row of every table that has any, as sorted texts; `clock` False leaves out the run's
    own times.
    """
    tables = {table: TABLES_OF_OPS[table] for table in (LEDGER, QUARANTINE, QUALITY)}
    for spec in catalogue.objects.values():
        tables |= tables_of(spec)
    left_out = set() if clock else _OF_THE_RUN
    found: dict[str, list[str]] = {}
    with warehouse.reading() as reading:
        for table in _filled(reading, tables):
            columns = tables[table]
            kept = sorted((each for each in columns if each.name not in left_out), key=lambda each: each.name)
            names = [column.name for column in kept]
            rows = reading.fetch(f"SELECT {', '.join(column.sql for column in kept)} FROM {table}")
            found[table] = sorted(str(list(zip(names, map(_plain, row), strict=True))) for row in rows)
    return found


def _filled(reading: Transaction, tables: Iterable[str]) -> list[str]:
    """The tables that have a row, by one query: there are ninety, and most are empty."""
    names = list(tables)
    # By number: a quoted name is another text than the name.
    counts = (f"SELECT {number}, COUNT(*) FROM {name}" for number, name in enumerate(names))
    return [names[number] for number, count in reading.fetch(" UNION ALL ".join(counts)) if count]


def _plain(value: Any) -> Any:
    """The value as a text that is read back as itself."""
    return value if value is None or isinstance(value, (str, int, float)) else str(value)
