"""A landed batch as the shares that the present code makes of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from activities.apply.ledger import BatchSlice
from activities.apply.stage_and_apply import imbalance
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from schemas.catalogue import Catalogue
from schemas.errors import ChainBrokenError
from schemas.ingest.messages import ApplyInput, StagedObject
from schemas.ingest.raw import Form, Manifest
from schemas.replay import BatchRef
from transforms.ingest.stage import stage_batch
from transforms.ingest.stage_events import ObjectSlice, events_of
from transforms.replay.reencrypt import Reprotector


class Landed(NamedTuple):
    """A batch as it lies in raw."""

    manifest: Manifest
    raw: pa.Table
    """Of some objects only, when only they are wanted and the raw file holds events."""


@dataclass
class Restager:
    """Reads landed batches and stages them again. Its methods block, and may run in several
    threads.
    """

    store: ObjectStore
    catalogue: Catalogue
    reprotector: Reprotector

    def read(self, org: str, ref: BatchRef, only: str | None) -> Landed:
        """The batch, or one object's events of it. Raises `ChainBrokenError` when its file is not
        what was landed.
        """
        chain = Chain(self.store, org=org, lane=ref.lane)
        manifest = chain.find(ref.start)
        if manifest is None:
            raise ChainBrokenError(lane=ref.lane, detail=f"the manifest at {ref.start} vanished")
        raw = self.reprotector.erased(chain.read_raw(manifest), manifest, self.catalogue)
        if only is not None and manifest.form is Form.EVENTS:
            raw = events_of(raw, {only})
        return Landed(manifest, raw)

    def shares(
        self, landed: Landed, *, only: str | None, without: set[str], record: str | None
    ) -> dict[str, BatchSlice]:
        """The batch's shares by object; raises `LedgerImbalanceError` when a change of them is
        unaccounted for.

        Args:
            landed: The batch.
            only: One object; None: all of them.
            without: Objects that are left out.
            record: The shares are as if nothing but this record's changes had landed; None: all
                did.
        """
        manifest, raw = landed
        names = {only} if only is not None else manifest.landed.keys()
        wanted = names - without
        if not wanted:
            return {}
        if without and manifest.form is Form.EVENTS:
            raw = events_of(raw, wanted)
        staged = self._staged(raw, manifest)
        shares = {}
        for name in wanted if without or only is not None else wanted | staged.keys():
            share = staged.get(name) or ObjectSlice(0, None, pa.table({}))
            number, typed = manifest.landed.get(name, 0), len(share.changes or ())
            if not share.landed == number == typed + len(share.refused):
                raise imbalance(manifest, name, typed=typed, refused=len(share.refused))
            shares[name] = _share(manifest, name, share if record is None else _of_record(share, record))
        return shares

    def _staged(self, raw: pa.Table, manifest: Manifest) -> dict[str, ObjectSlice]:
        """The raw file's shares; what was encrypted or clear under an older catalogue is brought up
        to this one first.
        """
        if manifest.form is Form.ROWS:
            (name,) = manifest.landed
            return self._judged(self.reprotector.page(raw, name), manifest)
        raw = self.reprotector.opened(raw)
        staged = self._judged(raw, manifest)
        refused = {event for share in staged.values() for event in share.refused["event"].to_pylist()}
        doubtful = {name for name, share in staged.items() if self._lacks_protected(name, share)}
        if not refused and not doubtful:
            return staged
        closed = self.reprotector.closed(raw, refused, doubtful)
        return staged if closed is raw else self._judged(closed, manifest)

    def _judged(self, raw: pa.Table, manifest: Manifest) -> dict[str, ObjectSlice]:
        return stage_batch(raw, manifest, self.catalogue, judged_at=datetime.now(UTC))

    def _lacks_protected(self, name: str, share: ObjectSlice) -> bool:
        """True when a value of a protected field did not fit: it may have landed in plaintext,
        before the field was declared personal.
        """
        spec = self.catalogue.objects.get(name)
        if spec is None or share.changes is None:
            return False
        protected = {spec.columns[field] for field, each in spec.fields.items() if each.is_protected}
        texts = pc.unique(share.changes["isolated_fields"]).to_pylist()
        return any(not protected.isdisjoint(text.split(",")) for text in texts if text)


def _of_record(share: ObjectSlice, record: str) -> ObjectSlice:
    changes, refused = (
        None if table is None else table.filter(pc.equal(table["record_id"], record))
        for table in (share.changes, share.refused)
    )
    return ObjectSlice(len(changes or ()) + len(refused or ()), changes, refused)


def _share(manifest: Manifest, name: str, staged: ObjectSlice) -> BatchSlice:
    described = StagedObject(
        object=name,
        staged_key=None,
        refused_key=None,
        landed=staged.landed,
        staged=len(staged.changes or ()),
        refused=len(staged.refused),
    )
    return BatchSlice(ApplyInput(manifest=manifest, staged=described), staged.changes, staged.refused)
