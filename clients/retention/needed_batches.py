"""Which landed batches are still needed: those that are not applied whole, and those with changes
that wait in quarantine.

An object that is held keeps its batches out of the ledger, so they are not applied.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.sql import retention as sql
from schemas.ids import batch_name, chain_prefix
from schemas.ingest.raw import Manifest

_READERS = 16
_AT_ONCE = 500


class NeededBatches:
    """Tells for batches whether their files may go. Its methods block."""

    def __init__(self, store: ObjectStore, warehouse: Warehouse, org: str) -> None:
        self._store = store
        self._warehouse = warehouse
        self._org = org

    def needed(self, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """(lane, padded start) -> why its files are needed, of those that are.

        A place without a manifest is no link of the chain: its files were landed by a follower that
        lost, or died before the manifest, and are needed by nobody.
        """
        found: dict[tuple[str, str], str] = {}
        wanted = iter(dict.fromkeys(places))
        while some := list(islice(wanted, _AT_ONCE)):
            found |= self._needed(some)
        return found

    def _needed(self, places: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
        with ThreadPoolExecutor(_READERS, thread_name_prefix="manifests") as pool:
            read = dict(zip(places, pool.map(self._manifest, places), strict=True))
        manifests = {place: manifest for place, manifest in read.items() if manifest is not None}
        names = [batch_name(each.lane, each.start) for each in manifests.values()]
        if not names:
            return {}
        with self._warehouse.reading() as reading:
            applied = set(reading.fetch(sql.find_applied(len(names)), names))
            waiting = {row[0] for row in reading.fetch(sql.find_waiting(len(names)), names)}
        return dict(_reasons(manifests, applied, waiting))

    def _manifest(self, place: tuple[str, str]) -> Manifest | None:
        lane, start = place
        found = self._store.find(f"{chain_prefix(self._org, lane)}{start}.json")
        return None if found is None else Manifest.model_validate_json(found)


def _reasons(
    manifests: Mapping[tuple[str, str], Manifest], applied: set[tuple[str, str]], waiting: set[str]
) -> Iterator[tuple[tuple[str, str], str]]:
    for place, manifest in manifests.items():
        name = batch_name(manifest.lane, manifest.start)
        if any((name, each) not in applied for each in manifest.landed):
            yield place, "not applied whole"
        elif name in waiting:
            yield place, "changes wait in quarantine"
