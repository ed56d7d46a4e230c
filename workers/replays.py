"""Estimate a replay."""

from collections.abc import Iterator

from activities.replay.select_batches import selected_batches, sized
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from schemas.catalogue import Catalogue
from schemas.replay import ReplayCursor, ReplaySelection, ReplaySize

_AT_ONCE = 1_000


def count_replay(
    store: ObjectStore, warehouse: Warehouse, catalogue: Catalogue, selection: ReplaySelection
) -> Iterator[ReplaySize]:
    """The count so far, repeatedly; the last one is complete. Reads keys and manifests, no raw
    file.
    """
    batches = selected_batches(store, warehouse, catalogue, selection)
    size, cursor = ReplaySize(), ReplayCursor()
    while True:
        page = batches.page(cursor, _AT_ONCE)
        size = sized(page, selection, size)
        yield size
        if page.cursor is None:
            return
        cursor = page.cursor
