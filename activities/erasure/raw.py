"""erase_raw: take the records' values out of raw files, and out of what was staged from them.

Every raw file from the first day of the records on is looked at, not only those that the change
log names: a change that came twice is logged once, and lies in two files. A file that is
rewritten has a new key; the batch's manifest names it then, and says which erasure did it. Files
that no manifest names are left by followers that were not first or died; what they hold of the
records goes with them.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
from temporalio import activity

from activities.erasure.scope import Scope, read_scope
from activities.runtime.heartbeat import heartbeating
from clients.storage.chain import Chain
from clients.storage.landed_batches import manifest_key_of_raw
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.sql import erasure as sql
from schemas import names
from schemas.catalogue import Catalogue
from schemas.errors import ObjectMissingError
from schemas.ids import raw_day, refused_key, staged_key
from schemas.ingest.raw import UNREADABLE_OBJECT, Form, Manifest, RawErasure
from schemas.security.erasure import ErasedPlaces, ErasureStep, StoreCount
from transforms.erasure.changes import erase_changes
from transforms.erasure.events import DETAIL, erase_quarantined
from transforms.erasure.raw import erase_raw
from transforms.pii import Protector

FILES_AT_ONCE = 200
"""Raw files of one step."""
_ORPHANED_AFTER = timedelta(hours=1)
"""A file without a manifest is then of a follower that died: a landing takes seconds."""
_DAY = timedelta(days=1)


@dataclass
class EraseRaw:
    """The activity and what it needs; one for a process."""

    store: ObjectStore
    warehouse: Warehouse
    catalogue: Catalogue
    protector: Protector
    files_at_once: int = FILES_AT_ONCE

    @activity.defn(name=names.ERASE_RAW)
    async def erase_raw(self, request: ErasureStep) -> ErasedPlaces:
        """Look at the next raw files, and rewrite those that hold something of the records."""
        async with heartbeating():
            return await asyncio.to_thread(self._erase, request)

    def _erase(self, request: ErasureStep) -> ErasedPlaces:
        scope = read_scope(self.store, self.protector, request.org, request.key)
        keys = list(islice(self._keys(request, scope), self.files_at_once))
        counts = _Counts()
        work = _Files(self, scope, request, counts)
        for key in keys:
            work.take(key)
        after = keys[-1] if len(keys) == self.files_at_once else None
        return ErasedPlaces(stores=counts.counts(), after=after)

    def _keys(self, request: ErasureStep, scope: Scope) -> Iterator[str]:
        """Raw files after the cursor, from the day before the records' first on."""
        first = "" if scope.since is None else raw_day(scope.since.astimezone(UTC) - _DAY)
        for key in self.store.keys(f"raw/{request.org}/", after=request.after):
            if key.split("/")[3] >= first:
                yield key


@dataclass
class _Counts:
    raw: int = 0
    rewritten: int = 0
    staged: int = 0
    staged_rewritten: int = 0
    orphans: int = 0

    def counts(self) -> tuple[StoreCount, ...]:
        return (
            StoreCount(store="raw files", places=self.raw, rewritten=self.rewritten),
            StoreCount(store="staged files", places=self.staged, rewritten=self.staged_rewritten),
            StoreCount(store="raw files of no batch", places=self.orphans, rewritten=self.orphans),
        )


@dataclass
class _Files:
    """One step's files."""

    parent: EraseRaw
    scope: Scope
    request: ErasureStep
    counts: _Counts

    def take(self, key: str) -> None:
        """Look at one raw file."""
        found = self.parent.store.find(manifest_key_of_raw(key))
        manifest = None if found is None else Manifest.model_validate_json(found)
        if manifest is None or manifest.raw_key != key:
            self._orphan(key, manifest)
        elif self._may_hold(manifest) and not self._is_of_this_pass(manifest):
            self._batch(manifest)

    def _may_hold(self, manifest: Manifest) -> bool:
        # An object that the catalogue lacked was landed under its name; what was unreadable under
        # none.
        return not manifest.landed.keys().isdisjoint({*self.scope.records, UNREADABLE_OBJECT})

    def _is_of_this_pass(self, manifest: Manifest) -> bool:
        """True when this pass has rewritten the file: its new key may come behind the former
        one.
        """
        began_at = self.request.pass_began_at
        return began_at is not None and any(
            each.erasure == self.request.key and each.at >= began_at for each in manifest.erasures
        )

    def _batch(self, manifest: Manifest) -> None:
        parent, request = self.parent, self.request
        chain = Chain(parent.store, org=manifest.org, lane=manifest.lane)
        try:
            raw = chain.read_raw(manifest)
        except ObjectMissingError:
            return  # its time was over
        erased = erase_raw(raw, manifest, parent.catalogue, parent.protector, self.scope.ids)
        self.counts.raw += erased.changes
        self.counts.rewritten += erased.rewritten
        if not erased.changes:
            return
        if erased.rewritten and not request.is_dry:
            note = RawErasure(
                erasure=request.key,
                at=datetime.now(UTC),
                changes=erased.rewritten,
                former_sha256=manifest.raw_sha256,
            )
            manifest = chain.replace_raw(manifest, erased.raw, note)
        if manifest.erasures and not request.is_dry:
            self._move_ledger(manifest)
        self._staged(manifest)

    def _move_ledger(self, manifest: Manifest) -> None:
        for each in self.parent.warehouse.with_copy():
            with each.transaction() as transaction:
                transaction.execute(sql.move_raw_file(), [manifest.raw_key, manifest.batch, manifest.raw_key])

    def _orphan(self, key: str, manifest: Manifest | None) -> None:
        """A file of no batch: deleted when it holds something of the records, and nobody can make a
        batch of it any more.
        """
        store = self.parent.store
        written_at = store.modified_at(key)
        if written_at is None:
            return
        if manifest is None and datetime.now(UTC) - written_at < _ORPHANED_AFTER:
            return  # a landing under way; the next pass finds it with its manifest
        body = store.find(key)
        if body is None or not self._names_one(body):
            return
        self.counts.orphans += 1
        if not self.request.is_dry:
            store.purge(key)

    def _names_one(self, body: bytes) -> bool:
        raw = pq.read_table(pa.BufferReader(body))
        form = Form.EVENTS if "event" in raw.column_names else Form.ROWS
        names_ = [*self.scope.records] if form is Form.ROWS else [UNREADABLE_OBJECT]
        known = {
            "org": "",
            "lane": "",
            "start": "",
            "end": "",
            "raw_key": "",
            "raw_sha256": "",
            "raw_bytes": 0,
        }
        now = datetime.now(UTC)
        manifest = Manifest(
            **known,
            events=len(raw),
            landed={names_[0]: len(raw)},
            first_received_at=now,
            last_received_at=now,
            form=form,
        )
        parent = self.parent
        return bool(erase_raw(raw, manifest, parent.catalogue, parent.protector, self.scope.ids).changes)

    def _staged(self, manifest: Manifest) -> None:
        """The staged files of the batch that are still there."""
        org, lane, start = manifest.org, manifest.lane, manifest.start
        for name in manifest.landed:
            spec = self.parent.catalogue.objects.get(name)
            if spec is not None and name in self.scope.records:
                self._rewrite(staged_key(org, lane, start, spec.table), name, is_refused=False)
            self._rewrite(refused_key(org, lane, start, name or "unreadable"), name, is_refused=True)

    def _rewrite(self, key: str, name: str, *, is_refused: bool) -> None:
        body = self.parent.store.find(key)
        if body is None:
            return
        table = pq.read_table(pa.BufferReader(body))
        after = self._refused(table, name) if is_refused else self._typed(table, name)
        changed = 0 if after.equals(table) else _differing(table, after)
        mine = table.filter(
            pa.compute.is_in(table["record_id"], pa.array(sorted(self.scope.ids), table["record_id"].type))
        )
        self.counts.staged += max(len(mine), changed)
        self.counts.staged_rewritten += changed
        if changed and not self.request.is_dry:
            sink = pa.BufferOutputStream()
            pq.write_table(after, sink, compression="lz4", use_dictionary=False, write_statistics=False)
            self.parent.store.put(key, bytes(sink.getvalue()))
            self.parent.store.drop_former_versions(key)

    def _typed(self, table: pa.Table, name: str) -> pa.Table:
        return erase_changes(table, self.parent.catalogue.object(name), self.scope.ids)

    def _refused(self, table: pa.Table, name: str) -> pa.Table:
        spec, rows = self.parent.catalogue.objects.get(name), table.to_pylist()
        for row in rows:
            event = erase_quarantined(row["event"], row["record_id"], spec, self.scope.ids, self._opens)
            if event != row["event"]:
                row |= {"event": event, "detail": DETAIL}
        return pa.Table.from_pylist(rows, schema=table.schema)

    def _opens(self, token: str) -> str:
        return str(self.parent.protector.decrypt("unknown", token))


def _differing(before: pa.Table, after: pa.Table) -> int:
    return sum(one != other for one, other in zip(before.to_pylist(), after.to_pylist(), strict=True))
