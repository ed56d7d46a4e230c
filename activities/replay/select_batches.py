"""Choose the batches of a replay, count them, and group them."""

from collections.abc import Iterable, Iterator

from clients.storage.landed_batches import BatchPage, LandedBatches
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.batch_index import NamedBatches
from schemas.catalogue import Catalogue
from schemas.ingest.raw import Manifest
from schemas.replay import BatchGroup, BatchRef, ReplaySelection, ReplaySize

GROUP_CHANGES = 20_000
"""Changes that are read and applied together: enough to share a commit, few enough to hold in
memory.
"""


def selected_batches(
    store: ObjectStore, warehouse: Warehouse, catalogue: Catalogue, selection: ReplaySelection
) -> LandedBatches | NamedBatches:
    """The finder of the selection's batches."""
    if selection.quarantine is not None or selection.is_by_record:
        return NamedBatches(store, warehouse, catalogue, selection)
    return LandedBatches(store, selection)


def sized(page: BatchPage, selection: ReplaySelection, before: ReplaySize) -> ReplaySize:
    """The size with a page more."""
    return ReplaySize(
        batches=before.batches + len(page.manifests),
        changes=before.changes + sum(_taken(each, selection) for each in page.manifests),
        raw_bytes=before.raw_bytes + sum(each.raw_bytes for each in page.manifests),
        missing=before.missing + page.missing,
    )


def _taken(manifest: Manifest, selection: ReplaySelection) -> int:
    """Changes that the selection takes of a batch; of one record it is not known beforehand, and
    the object's are read.
    """
    if selection.object is None:
        return manifest.changes
    return manifest.landed.get(selection.object, 0)


def groups_of(manifests: Iterable[Manifest], selection: ReplaySelection) -> Iterator[BatchGroup]:
    """The batches in groups of so many changes that they are applied together."""
    batches: list[BatchRef] = []
    changes = 0
    for manifest in manifests:
        taken = _taken(manifest, selection)
        if batches and changes + taken > GROUP_CHANGES:
            yield BatchGroup(batches=tuple(batches), changes=changes)
            batches, changes = [], 0
        batches.append(BatchRef(lane=manifest.lane, start=manifest.start))
        changes += taken
    if batches:
        yield BatchGroup(batches=tuple(batches), changes=changes)
