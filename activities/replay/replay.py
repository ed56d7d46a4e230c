"""size_replay, find_batches, redrive_batches: which landed batches a replay takes, and taking them
through the present code.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from temporalio import activity

from activities.apply.ledger import BatchSlice
from activities.replay.redrive import Redriver
from activities.replay.restage import Landed, Restager
from activities.replay.select_batches import groups_of, selected_batches, sized
from activities.replay.skip_unchanged import headers_of, settled_shares
from activities.runtime.heartbeat import heartbeating
from clients.storage.landed_batches import BatchPage
from clients.storage.objects import ObjectStore
from clients.telemetry.spans import Sampling, SpanSpec, is_on, record_span
from clients.warehouse import Warehouse
from schemas import names
from schemas.catalogue import Catalogue
from schemas.ingest.raw import Manifest
from schemas.replay import (
    FindBatchesInput,
    FoundBatches,
    RedriveInput,
    ReplayCounts,
    ReplayCursor,
    ReplaySelection,
    ReplaySize,
)
from transforms.pii import Protector
from transforms.replay.reencrypt import Reprotector

_LOOKED_AT = 1_000
"""Batches of one look, when they are only counted."""
_READERS = 12
"""Raw files that are read at once: at quiet times batches are small, and the object store is what
takes the time.
"""

_APPLIERS = 3
"""Objects that are applied at once."""


@dataclass
class ReplaySteps:
    """The activities of a replay and what they need; one for a process."""

    store: ObjectStore
    warehouse: Warehouse
    catalogue: Catalogue
    reprotector: Reprotector
    protector: Protector
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
        groups = tuple(groups_of(page.manifests, request.selection))
        return FoundBatches(groups=groups, cursor=page.cursor, missing=page.missing)

    @activity.defn(name=names.REDRIVE_BATCHES)
    async def redrive_batches(self, request: RedriveInput) -> ReplayCounts:
        """Stage the group's raw files again and apply them, object by object."""
        async with heartbeating():
            return await asyncio.to_thread(self._redrive, request)

    def _page(self, selection: ReplaySelection, cursor: ReplayCursor, most: int) -> BatchPage:
        return selected_batches(self.store, self.warehouse, self.catalogue, selection).page(cursor, most)

    def _redrive(self, request: RedriveInput) -> ReplayCounts:
        self.catalogue.follow()
        if request.shadow is None:
            *copies, own = self.warehouse.with_copy()
            for each in copies:
                self._redrive_into(each, request, record=request.selection.record)
            return self._redrive_into(own, request, record=request.selection.record)
        with closing(self.open_shadow(request.shadow)) as warehouse:
            warehouse.ensure_tables(self.catalogue)
            # Of a batch a shadow's ledger has what is taken of it, and no more.
            return self._redrive_into(warehouse, request, record=None)

    def _redrive_into(self, warehouse: Warehouse, request: RedriveInput, record: str | None) -> ReplayCounts:
        with ThreadPoolExecutor(_READERS, thread_name_prefix="raw") as pool:
            read = partial(self._restager.read, request.selection.org, only=request.selection.object)
            landed = list(pool.map(read, request.group.batches))
            settled: dict[tuple[str, str], int] = {}
            if request.shadow is None and record is None:
                settled = settled_shares(warehouse, self.catalogue, list(pool.map(headers_of, landed)))
            by_object: dict[str, list[BatchSlice]] = {}
            for shares in pool.map(partial(self._shares, request, settled), landed):
                for name, share in shares.items():
                    by_object.setdefault(name, []).append(share)
        began_ns, known = time.time_ns(), sum(settled.values())
        counts = ReplayCounts(batches=len(landed), changes=known, duplicate=known)
        redrive = partial(Redriver(warehouse, self.catalogue, self.protector).redrive, record=record)
        # An object's transaction waits for the warehouse most of the time, and for no other
        # object's.
        with ThreadPoolExecutor(_APPLIERS, thread_name_prefix="redrive") as pool:
            for some in pool.map(redrive, by_object.values()):
                counts = counts.plus(some)
        _record_spans([each.manifest for each in landed], request, began_ns)
        return counts

    def _shares(
        self, request: RedriveInput, settled: dict[tuple[str, str], int], landed: Landed
    ) -> dict[str, BatchSlice]:
        batch, selection = landed.manifest.batch, request.selection
        return self._restager.shares(
            landed,
            only=selection.object,
            without={name for name in landed.manifest.landed if (batch, name) in settled},
            record=selection.record if request.shadow else None,
        )

    @property
    def _restager(self) -> Restager:
        return Restager(self.store, self.catalogue, self.reprotector)


def _record_spans(manifests: Sequence[Manifest], request: RedriveInput, began_ns: int) -> None:
    """A span a batch, in the batch's own trace; it links to the step at hand."""
    ended_ns = time.time_ns()
    for manifest in manifests if is_on() else ():
        spec = SpanSpec(
            "batch.redrive",
            {"tidegate.batch": manifest.batch, "tidegate.into_shadow": request.shadow is not None},
            workflow_id=manifest.workflow_id,
            sampling=Sampling.PAGES,
            began_ns=began_ns,
        )
        record_span(spec, ended_ns)
