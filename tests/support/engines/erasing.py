"""An erasure's road without Temporal: its steps, one after the other, in this process."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.testing import ActivityEnvironment

from activities.erasure.archive import EraseArchive
from activities.erasure.files import EraseFiles
from activities.erasure.raw import EraseRaw
from activities.erasure.scope import ScopeErasure
from activities.erasure.tables import EraseTables
from activities.erasure.writebacks import EraseWritebacks
from clients.retention.subject_keys import SubjectKeys
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.shadow.schemas import shadow_prefix
from clients.writeback.store import WritebackStore
from schemas.security.erasure import (
    ErasedPlaces,
    ErasureInput,
    ErasureScope,
    ErasureStep,
    StoreCount,
    put_together,
)
from schemas.security.ids import erasure_scope_key
from tests.support.builders.batches import Road
from tests.support.builders.bus import protector
from transforms.pii import Protector


@dataclass
class Erasures:
    """Erasures of a road's records."""

    road: Road
    dsn: str
    org: str = "road"
    key: str = "ids-1"
    files_at_once: int = 3
    keys: SubjectKeys | None = None
    """Of archived records."""
    writebacks: WritebackStore | None = None
    """With it and the keys also writebacks and the archive are gone through."""

    def __post_init__(self) -> None:
        road = self.road
        self.protector: Protector = protector(road.catalogue)
        self.scoping = ScopeErasure(road.warehouse, road.store, road.catalogue, self.protector)
        self.raw = EraseRaw(road.store, road.warehouse, road.catalogue, self.protector, self.files_at_once)
        self.files = EraseFiles(road.store, self.protector)
        self.tables = EraseTables(
            road.warehouse,
            road.store,
            road.catalogue,
            self.protector,
            lambda name: PostgresWarehouse(self.dsn, prefix=shadow_prefix(name)),
        )

        self.steps = [self.files.erase_files, self.raw.erase_raw, self.tables.erase_tables]
        if self.keys is not None and self.writebacks is not None:
            beside = EraseWritebacks(self.writebacks, road.store, self.protector)
            archive = EraseArchive(self.keys, self.writebacks, road.store, self.protector)
            self.steps = [beside.erase_writebacks, *self.steps, archive.erase_archive]

    async def scope(self, *record_ids: str, with_related: bool = True) -> ErasureScope:
        """Name the records."""
        request = ErasureInput(org=self.org, key=self.key, records=record_ids, with_related=with_related)
        return await ActivityEnvironment().run(self.scoping.scope_erasure, request)

    async def once(self, *, is_dry: bool = False) -> dict[str, StoreCount]:
        """One pass; what each store had."""
        stores: tuple[StoreCount, ...] = ()
        began_at = datetime.now(UTC)
        for step in self.steps:
            after: str | None = ""
            while after is not None:
                request = ErasureStep(
                    org=self.org, key=self.key, is_dry=is_dry, after=after, pass_began_at=began_at
                )
                found: ErasedPlaces = await ActivityEnvironment().run(step, request)
                stores, after = put_together(stores, found.stores), found.after
        return {each.store: each for each in stores}

    async def erase(self, *record_ids: str, with_related: bool = True) -> dict[str, StoreCount]:
        """The whole of it; the first pass's counts. The second pass finds nothing."""
        await self.scope(*record_ids, with_related=with_related)
        first = await self.once()
        second = await self.once()
        assert {name: each.rewritten for name, each in second.items() if each.rewritten} == {}
        # As the certificate's step does.
        self.road.store.purge(erasure_scope_key(self.org, self.key))
        return first
