"""Find the landed batches of a selection: by listing keys and reading manifests many at a time.

A chain is a linked list, and walking thirteen months of it one object after the other takes
hours. But its keys sort as the lane does, and raw files lie in folders by day, so a range is a
listing: by position of the chain, by time of the raw files.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from itertools import islice
from typing import NamedTuple

from clients.storage.objects import ObjectStore
from schemas.ids import ORIGIN, chain_prefix, manifest_key, padded, raw_day, raw_prefix
from schemas.ingest.raw import Manifest
from schemas.replay import ReplayCursor, ReplaySelection

_READERS = 16
"""Manifests that are read at once."""
_BEFORE_ORIGIN = ":"
"""Sorts after every digit and before `origin`."""
_LAST = "~"
"""Sorts after everything that a key of ours holds."""
_SPANS = [10**4, 10**6, 10**8, 10**11, 10**20]
"""The number of batches searched backwards for a position, one after the other: a batch is short.
"""
_DAY = timedelta(days=1)


class BatchPage(NamedTuple):
    """Some batches of a selection."""

    manifests: list[Manifest]
    cursor: ReplayCursor | None
    """Where to go on; None when these were the last."""
    missing: int = 0
    """Batches that the warehouse names and raw has no more."""


class LandedBatches:
    """The batches of a selection, by position or by time, lane after lane."""

    def __init__(self, store: ObjectStore, selection: ReplaySelection) -> None:
        self._store = store
        self._selection = selection

    def page(self, cursor: ReplayCursor, most: int) -> BatchPage:
        """The batches among the next `most` keys after `cursor`."""
        lane, after = cursor.lane or self._next_lane(""), cursor.after
        keys: list[str] = []
        while lane:
            some = list(islice(self._keys(lane, after), most - len(keys)))
            keys += some
            if len(keys) == most:
                return BatchPage(self._read(keys), ReplayCursor(lane=lane, after=some[-1] if some else after))
            lane, after = self._next_lane(lane), ""
        return BatchPage(self._read(keys), None)

    def lanes(self) -> Iterator[str]:
        """Every lane of the org that has landed anything, one question each."""
        lane = ""
        while lane := self._lane_after(lane):
            yield lane

    def _next_lane(self, lane: str) -> str:
        """The lane that sorts after `lane`; empty when there is none."""
        if self._selection.lane is not None:
            return "" if lane else self._selection.lane
        return self._lane_after(lane)

    def _lane_after(self, lane: str) -> str:
        prefix = chain_prefix(self._selection.org)
        after = f"{prefix}{lane}/{_LAST}" if lane else ""
        key = next(self._store.keys(prefix, after=after), "")
        return key.removeprefix(prefix).rpartition("/")[0]

    def _keys(self, lane: str, after: str) -> Iterator[str]:
        if self._selection.since is None and self._selection.until is None:
            return self._by_position(lane, after)
        return self._by_time(lane, after)

    def _by_position(self, lane: str, after: str) -> Iterator[str]:
        """Keys of manifests. The chain's first, `origin`, sorts last; it is given first."""
        selection = self._selection
        prefix, first = chain_prefix(selection.org, lane), manifest_key(selection.org, lane, ORIGIN)
        lower = prefix
        upper = f"{prefix}{padded(selection.to_position)}" if selection.to_position else prefix + _LAST
        if not after:
            holder = first if selection.from_position is None else self._holder(lane, selection.from_position)
            lower = prefix if holder == first else holder
            if holder == first or holder < upper:
                yield holder
        elif after != first:
            lower = after
        for key in self._store.keys(prefix, after=lower):
            if key >= upper or key >= f"{prefix}{_BEFORE_ORIGIN}":
                return
            yield key

    def _holder(self, lane: str, position: str) -> str:
        """Key of the batch that holds what comes after the position: it starts there or begins
        before.
        """
        org = self._selection.org
        exact, prefix = manifest_key(org, lane, position), chain_prefix(org, lane)
        if position == ORIGIN or self._store.find(exact) is not None:
            return exact
        number = int(position.partition("-")[0])
        for span in _SPANS:
            low = max(0, number - span)
            before = ""
            for key in self._store.keys(prefix, after=f"{prefix}{low:020d}"):
                if key >= exact:
                    break
                before = key
            if before:
                return before
            if not low:
                break
        return manifest_key(org, lane, ORIGIN)

    def _by_time(self, lane: str, after: str) -> Iterator[str]:
        """Keys of raw files. A batch lies in the folder of the day on which its first change was
        received.
        """
        since, until = self._selection.since, self._selection.until
        prefix = raw_prefix(self._selection.org, lane)
        lower = prefix if since is None else f"{prefix}{raw_day(since.astimezone(UTC) - _DAY)}/"
        upper = prefix + (_LAST if until is None else raw_day(until.astimezone(UTC)) + _LAST)
        for key in self._store.keys(prefix, after=after or lower):
            if key > upper:
                return
            yield key

    def _read(self, keys: list[str]) -> list[Manifest]:
        """The selected batches among those of the keys, in their order."""
        with ThreadPoolExecutor(_READERS, thread_name_prefix="manifests") as pool:
            found = pool.map(self._manifest, keys)
            return [manifest for manifest in found if manifest is not None and self._takes(manifest)]

    def _manifest(self, key: str) -> Manifest | None:
        """The manifest at a key, or of the raw file at a key; None for a raw file that is no link
        of the chain.
        """
        is_raw = not key.endswith(".json")
        found = self._store.find(manifest_key_of_raw(key) if is_raw else key)
        if found is None:
            return None
        manifest = Manifest.model_validate_json(found)
        return manifest if not is_raw or manifest.raw_key == key else None

    def _takes(self, manifest: Manifest) -> bool:
        selection = self._selection
        if selection.object is not None and selection.object not in manifest.landed:
            return False
        if selection.since is not None and manifest.last_received_at < selection.since:
            return False
        return selection.until is None or manifest.first_received_at < selection.until


def manifest_key_of_raw(raw: str) -> str:
    """Of a raw file's key the key of its batch's manifest: raw/ORG/LANE/dt=DAY/START-DIGEST.parquet
    -> chain/ORG/LANE/START.json.
    """
    _, org, lane, _, name = raw.split("/")
    return f"{chain_prefix(org, lane)}{name.rpartition('-')[0]}.json"
