"""size_replay, find_batches, redrive_batches: which landed batches a replay takes, and taking them through the present code."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from temporalio import activity

from activities.applier import Share
from activities.batches import imbalance
from activities.heartbeats import heartbeating
from activities.redrive import Redriver
from clients.chain import Chain
from clients.landed_batches import BatchPage, LandedBatches
from clients.named_batches import NamedBatches
from clients.objectstore import ObjectStore
from clients.warehouse import Warehouse
from schemas import names
from schemas.catalogue import Catalogue
from schemas.errors import ChainBrokenError
from schemas.messages import ApplyInput, StagedObject
from schemas.raw import Form, Manifest
from schemas.replays import (
    BatchGroup,
    BatchRef,
    FindBatchesInput,
    FoundBatches,
    RedriveInput,
    ReplayCounts,
    ReplayCursor,
    ReplaySelection,
    ReplaySize,
)
from transforms.reprotect import Reprotector
from transforms.stage import ObjectShare, events_of
from transforms.stage_forms import stage_batch

GROUP_CHANGES = 20_000
"""Changes that are read and applied together: enough to share a commit, few enough to hold in memory."""
_LOOKED_AT = 1_000
"""Batches of one look, when they are only counted."""
_READERS = 4


@dataclass
class ReplaySteps:
    """The activities of a replay and what they need; one for a process."""

    store: ObjectStore
    warehouse: Warehouse
    catalogue: Catalogue
    reprotector: Reprotector
    open_shadow: Callable[[str], Warehouse]
    """The warehouse of a shadow, by its name; its tables need not exist."""

    @activity.defn(name=names.SIZE_REPLAY)
    async def size_replay(self, selection: ReplaySelection) -> ReplaySize:
        """Count what the selection is. Goes on where an earlier attempt was."""
        size, cursor = ReplaySize(), ReplayCursor()
        if details := activity.info().heartbeat_details:
            size, cursor = (
                ReplaySize.model_validate_json(details[0]),
                ReplayCursor.model_validate_json(details[1]),
            )

        def reached() -> tuple[str, ...]:
            return (size.model_dump_json(), cursor.model_dump_json())

        async with heartbeating(reached):
            while True:
                page = await asyncio.to_thread(self._page, selection, cursor, _LOOKED_AT)
                size = sized(page, selection, size)
                if page.cursor is None:
                    return size
                cursor = page.cursor

    @activity.defn(name=names.FIND_BATCHES)
    async def find_batches(self, request: FindBatchesInput) -> FoundBatches:
        """The selection's next batches, in groups."""
        async with heartbeating():
            page = await asyncio.to_thread(self._page, request.selection, request.cursor, request.most)
        groups = tuple(_groups(page.manifests, request.selection))
        return FoundBatches(groups=groups, cursor=page.cursor, missing=page.missing)

    @activity.defn(name=names.REDRIVE_BATCHES)
    async def redrive_batches(self, request: RedriveInput) -> ReplayCounts:
        """Stage the group's raw files anew and apply them, object by object."""
        async with heartbeating():
            return await asyncio.to_thread(self._redrive, request)

    def _page(self, selection: ReplaySelection, cursor: ReplayCursor, most: int) -> BatchPage:
        return selected_batches(self.store, self.warehouse, self.catalogue, selection).page(cursor, most)

    def _redrive(self, request: RedriveInput) -> ReplayCounts:
        if request.shadow is None:
            return self._redrive_into(self.warehouse, request, record=request.selection.record)
        with closing(self.open_shadow(request.shadow)) as warehouse:
            warehouse.ensure_tables(self.catalogue)
            # Of a batch a shadow's ledger has what is taken of it, and no more.
            return self._redrive_into(warehouse, request, record=None)

    def _redrive_into(self, warehouse: Warehouse, request: RedriveInput, record: str | None) -> ReplayCounts:
        redriver = Redriver(warehouse, self.catalogue)
        counts = ReplayCounts(batches=len(request.group.batches))
        for shares in self._shares(request).values():
            counts = counts.plus(redriver.redrive(shares, record=record))
        return counts

    def _shares(self, request: RedriveInput) -> dict[str, list[Share]]:
        """The group's shares by object, in the order of the batches."""
        by_object: dict[str, list[Share]] = {}
        with ThreadPoolExecutor(_READERS, thread_name_prefix="raw") as pool:
            for shares in pool.map(lambda ref: self._stage(request, ref), request.group.batches):
                for name, share in shares.items():
                    by_object.setdefault(name, []).append(share)
        return by_object

    def _stage(self, request: RedriveInput, ref: BatchRef) -> dict[str, Share]:
        selection = request.selection
        chain = Chain(self.store, org=selection.org, lane=ref.lane)
        manifest = chain.find(ref.start)
        if manifest is None:
            raise ChainBrokenError(lane=ref.lane, detail=f"the manifest at {ref.start} vanished")
        raw = chain.read_raw(manifest)
        if selection.object is not None and manifest.form is Form.EVENTS:
            raw = events_of(raw, selection.object)
        staged = self._staged(raw, manifest)
        wanted = (
            {selection.object} if selection.object is not None else manifest.landed.keys() | staged.keys()
        )
        only = selection.record if request.shadow else None
        shares = {}
        for name in wanted:
            share = staged.get(name) or ObjectShare(0, None, pa.table({}))
            landed, typed = manifest.landed.get(name, 0), len(share.changes or ())
            if not share.landed == landed == typed + len(share.refused):
                raise imbalance(manifest, name, typed=typed, refused=len(share.refused))
            shares[name] = _share(manifest, name, share if only is None else _only(share, only))
        return shares

    def _staged(self, raw: pa.Table, manifest: Manifest) -> dict[str, ObjectShare]:
        """The raw file's shares; what was encrypted or clear under an older catalogue is brought up to this one first."""
        if manifest.form is Form.ROWS:
            (name,) = manifest.landed
            return stage_batch(self.reprotector.page(raw, name), manifest, self.catalogue)
        raw = self.reprotector.opened(raw)
        staged = stage_batch(raw, manifest, self.catalogue)
        refused = {event for share in staged.values() for event in share.refused["event"].to_pylist()}
        if not refused:
            return staged
        closed = self.reprotector.closed(raw, refused)
        return staged if closed is raw else stage_batch(closed, manifest, self.catalogue)


def selected_batches(
    store: ObjectStore, warehouse: Warehouse, catalogue: Catalogue, selection: ReplaySelection
) -> LandedBatches | NamedBatches:
    """What finds the selection's batches."""
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
    """Changes that the selection takes of a batch; of one record it is not known beforehand, and the object's are read."""
    if selection.object is None:
        return manifest.changes
    return manifest.landed.get(selection.object, 0)


def _groups(manifests: Iterable[Manifest], selection: ReplaySelection) -> Iterator[BatchGroup]:
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


def _only(share: ObjectShare, record: str) -> ObjectShare:
    """The share as if nothing but one record had landed."""
    changes, refused = (
        None if table is None else table.filter(pc.equal(table["record_id"], record))
        for table in (share.changes, share.refused)
    )
    return ObjectShare(len(changes or ()) + len(refused or ()), changes, refused)


def _share(manifest: Manifest, name: str, staged: ObjectShare) -> Share:
    described = StagedObject(
        object=name,
        staged_key=None,
        refused_key=None,
        landed=staged.landed,
        staged=len(staged.changes or ()),
        refused=len(staged.refused),
    )
    return Share(ApplyInput(manifest=manifest, staged=described), staged.changes, staged.refused)
