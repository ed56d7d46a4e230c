"""The batches that the warehouse names: those of one record, and those that quarantine holds
changes of.
"""

from clients.storage.chain import Chain
from clients.storage.landed_batches import BatchPage
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.sql import replay as sql
from schemas.catalogue import Catalogue
from schemas.ids import batch_of_name
from schemas.ingest.raw import Manifest
from schemas.replay import ReplayCursor, ReplaySelection


class NamedBatches:
    """The batches of a selection by record or by quarantine, in the order of their names."""

    def __init__(
        self, store: ObjectStore, warehouse: Warehouse, catalogue: Catalogue, selection: ReplaySelection
    ) -> None:
        self._store = store
        self._warehouse = warehouse
        self._catalogue = catalogue
        self._selection = selection

    def page(self, cursor: ReplayCursor, most: int) -> BatchPage:
        """The next `most` batches after `cursor`."""
        if self._selection.is_by_record:
            names = [name for name in sorted(self._of_record()) if name > cursor.after][:most]
        else:
            names = self._quarantined(cursor, most)
        following = ReplayCursor(after=names[-1]) if len(names) == most else None
        found = [self._manifest(name) for name in names if self._is_of_lane(name)]
        manifests = [manifest for manifest in found if manifest is not None]
        return BatchPage(manifests, following, missing=len(found) - len(manifests))

    def _of_record(self) -> list[str]:
        spec, record = self._catalogue.object(self._selection.object or ""), self._selection.record
        with self._warehouse.transaction() as transaction:
            rows = transaction.fetch(sql.find_batches_of_record(spec), [record, spec.name, record])
        return [name for (name,) in rows]

    def _quarantined(self, cursor: ReplayCursor, most: int) -> list[str]:
        """In the warehouse's own order, by which it also goes on."""
        with self._warehouse.transaction() as transaction:
            rows = transaction.fetch(sql.find_quarantined_batches(most), self._parameters(cursor))
        return [name for (name,) in rows]

    def _parameters(self, cursor: ReplayCursor) -> list[str]:
        choice = self._selection.quarantine
        wanted = (
            (choice.reason if choice else None) or "",
            self._selection.object or "",
            (choice.batch if choice else None) or "",
        )
        return [cursor.after, *(value for each in wanted for value in (each, each))]

    def _is_of_lane(self, batch: str) -> bool:
        return self._selection.lane is None or batch_of_name(batch)[0] == self._selection.lane

    def _manifest(self, batch: str) -> Manifest | None:
        """None when raw has the batch no more: it is kept for thirteen months."""
        lane, start = batch_of_name(batch)
        return Chain(self._store, org=self._selection.org, lane=lane).find(start)
