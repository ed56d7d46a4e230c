"""Read the records of a batch: from the org, the change log and the store."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from activities.writeback.change_log import ChangeLog, Log
from activities.writeback.config import WritebackConfig
from activities.writeback.open_batch import OpenBatch
from activities.writeback.own_writes import exclude_own_writes
from clients.salesforce.http import Sessions
from clients.salesforce.records_by_external_id import RecordsByKey
from clients.writeback.batch_queries import OwnWrite
from clients.writeback.batches import WritebackBatches
from schemas.catalogue import ObjectSpec
from schemas.writeback.messages import CLIENT_PREFIX
from transforms.writeback.decide import Guard, is_by_job, is_recent
from transforms.writeback.facts import OtherChange, SeenRecord, ToSend, whole_second


@dataclass(frozen=True)
class RecordFacts:
    """The records as they were before the write."""

    seen: Mapping[str, SeenRecord]
    """External id -> the record as the org has it now."""
    own: Mapping[str, OwnWrite]
    """Record -> our own last write of it."""
    log: Log
    """Changes since the acceptance, of records that were changed since."""
    guard: Guard


@dataclass(frozen=True)
class FactSources:
    """Where the facts are read."""

    records: RecordsByKey
    sessions: Sessions
    change_log: ChangeLog
    batches: WritebackBatches
    terms: WritebackConfig

    async def before_sending(self, batch: OpenBatch) -> RecordFacts:
        """Read the facts by which a batch is decided about: the org, the store, and the change
        log where it is needed.
        """
        guard = await self.guard(batch.spec)
        found = await self.seen(batch)
        own = await asyncio.to_thread(self.batches.own_writes, sorted(batch.records))
        seen = exclude_own_writes(found, batch.entries, guard.us, own)
        recent = [entry for entry in batch.entries if is_recent(entry, seen.get(entry.external_id), guard)]
        log = await self.log(batch.spec, seen, recent, (entry.first_accepted for entry in recent))
        return RecordFacts(seen, own, log, guard)

    async def seen(self, batch: OpenBatch, *, with_bin: bool = False) -> dict[str, SeenRecord]:
        """External id -> the record. `with_bin`: also one in the recycle bin, which an upsert
        does not find.
        """
        found = await self.records.read(batch.spec, batch.key_field, batch.external_ids, batch.asked_fields)
        return {
            external_id: SeenRecord(
                seen.record_id,
                seen.values,
                seen.modified_at,
                seen.modified_by,
                deleted_at=seen.system_modstamp if seen.is_deleted else None,
                is_ambiguous=seen.is_ambiguous,
            )
            for external_id, seen in found.items()
            if with_bin or not seen.is_deleted
        }

    async def guard(self, spec: ObjectSpec) -> Guard:
        """The rules of an object, and how changes of ours are recognised."""
        us = (await self.sessions.session()).user_id

        def is_ours(change: OtherChange) -> bool:
            return is_by_job(change, us) or f"client={CLIENT_PREFIX}" in change.origin

        return Guard(spec, self.terms.policy(spec.name), us, is_ours)

    async def log(
        self,
        spec: ObjectSpec,
        seen: Mapping[str, SeenRecord],
        entries: Sequence[ToSend],
        times: Iterable[datetime],
    ) -> Log:
        """Changes of the entries' records since the earliest of the times. Without entries
        nothing is asked.
        """
        if not entries:
            return {}
        ids = {seen[entry.external_id].record_id for entry in entries}
        return await self.change_log.since(spec, ids, whole_second(min(times)))


def logged(log: Log, record: SeenRecord | None) -> list[OtherChange]:
    """The changes of a record in the log. None = no record, no changes."""
    return [] if record is None else log.get(record.record_id, [])
