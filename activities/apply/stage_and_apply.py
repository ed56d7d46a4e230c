"""stage_batch, apply_objects and apply_batch: a landed batch becomes typed files, then warehouse
rows.
"""

import asyncio
import os
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from temporalio import activity

from activities.apply.copied_commit import Commits
from activities.apply.staged_share import StagedShare
from activities.runtime.heartbeat import heartbeating
from clients.metrics.changes import timed
from clients.metrics.work import BATCH_SECONDS
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from clients.telemetry.spans import SpanRef, first_span_of, is_on, link_span
from schemas import names
from schemas.catalogue import Catalogue
from schemas.errors import LedgerImbalanceError
from schemas.ids import refused_key, staged_key, writeback_batch_id
from schemas.ingest.messages import (
    ApplyInput,
    ApplyObjectsInput,
    ApplyObjectsResult,
    ApplyResult,
    StagedObject,
    StageInput,
    StageResult,
)
from schemas.ingest.raw import Manifest
from transforms.erasure.raw import erase_raw
from transforms.ingest.stage import stage_batch
from transforms.pii import Protector
from transforms.writeback.echo import batch_of_origin

_PART_BYTES = 8 * 1024**2
"""Size in memory of the part of a page that is staged at a time."""
_STAGED_AT_ONCE = (os.cpu_count() or 1) + 1
"""Batches that are decoded at a time. Each holds its events several times over, and the interpreter
decodes one: more of them take memory and save no time.
"""


@dataclass
class BatchActivities:
    """The activities of a batch and what they need; one for a process."""

    store: ObjectStore
    catalogue: Catalogue
    group_commit: Commits
    protector: Protector | None = None
    """Names the erased records; None: nobody was erased."""
    personal_sample: int = 0
    """Changes of an object in a batch whose clear texts are searched for personal data. 0 = none
    is.
    """
    _staging: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_STAGED_AT_ONCE))

    @activity.defn(name=names.STAGE_BATCH)
    async def stage_batch(self, request: StageInput) -> StageResult:
        """Decode, fan out and check the batch's raw file; write its typed and refused changes by
        object.
        """
        async with heartbeating(), self._staging:
            with timed(BATCH_SECONDS, "stage"):
                return await asyncio.to_thread(self._stage, request.manifest)

    @activity.defn(name=names.APPLY_BATCH)
    async def apply_batch(self, request: ApplyInput) -> ApplyResult:
        """Apply one object of the batch, together with whatever else waits to be applied."""
        async with heartbeating():
            with timed(BATCH_SECONDS, "apply"):
                return await self.group_commit.submit(request)

    @activity.defn(name=names.APPLY_OBJECTS)
    async def apply_objects(self, request: ApplyObjectsInput) -> ApplyObjectsResult:
        """Apply the objects of the batch. One that cannot be applied is left out: its own step says
        why, and has its own retries.
        """
        shares = [ApplyInput(manifest=request.manifest, staged=each) for each in request.staged]
        async with heartbeating():
            with timed(BATCH_SECONDS, "apply"):
                outcomes = await asyncio.gather(
                    *map(self.group_commit.submit, shares), return_exceptions=True
                )
        return ApplyObjectsResult(applied=tuple(each for each in outcomes if isinstance(each, ApplyResult)))

    def _stage(self, manifest: Manifest) -> StageResult:
        shares: dict[str, StagedShare] = {}
        chain = Chain(self.store, org=manifest.org, lane=manifest.lane)
        for raw in chain.raw_parts(manifest, _PART_BYTES):
            if self.protector is not None:
                raw = erase_raw(raw, manifest, self.catalogue, self.protector, self.protector.erased).raw
            for name, part in stage_batch(raw, manifest, self.catalogue).items():
                shares.setdefault(name, StagedShare(self.personal_sample)).add(part)
                if part.changes is not None:
                    link_span(_writebacks_of(manifest.org, name, part.changes))
        for name in manifest.landed.keys() - shares.keys():
            raise imbalance(manifest, name, typed=0, refused=0)
        return StageResult(
            # A share is released once it is written.
            objects=tuple(self._write(manifest, name, shares.pop(name)) for name in list(shares))
        )

    def _write(self, manifest: Manifest, name: str, share: StagedShare) -> StagedObject:
        refused = share.refused.rows
        if share.landed != manifest.landed.get(name) or share.landed != share.typed + refused:
            raise imbalance(manifest, name, typed=share.typed, refused=refused)
        where = None
        if share.typed:
            spec = self.catalogue.object(name)
            where = staged_key(manifest.org, manifest.lane, manifest.start, spec.table)
            self.store.put(where, share.changes(spec))
        refused_where = None
        if refused:
            refused_where = refused_key(manifest.org, manifest.lane, manifest.start, name or "unreadable")
            self.store.put(refused_where, share.refused.body())
        return StagedObject(
            object=name,
            staged_key=where,
            refused_key=refused_where,
            landed=share.landed,
            staged=share.typed,
            refused=refused,
        )


def imbalance(manifest: Manifest, name: str, *, typed: int, refused: int) -> LedgerImbalanceError:
    """Law 8 does not hold between a raw file and its manifest."""
    return LedgerImbalanceError(
        batch=manifest.batch,
        object_name=name,
        landed=manifest.landed.get(name, 0),
        applied=typed,
        duplicate=0,
        quarantined=refused,
    )


def _writebacks_of(org: str, name: str, changes: pa.Table) -> list[SpanRef]:
    """First spans of our own batches of writebacks whose changes these are, by their origin."""
    if not is_on():
        return []
    origins = pc.unique(changes["change_origin"]).to_pylist()
    batches = {batch for origin in origins if (batch := batch_of_origin(origin or ""))}
    return [first_span_of(writeback_batch_id(org, name, batch)) for batch in sorted(batches)]
