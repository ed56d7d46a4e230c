"""Find the outcome of a batch that was perhaps carried out: its ingest job is asked, and its
records are looked up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from activities.writeback.bulk import IngestJobs
from activities.writeback.collections import Outcomes
from activities.writeback.config import WritebackConfig
from activities.writeback.open_batch import OpenBatch
from activities.writeback.record_facts import FactSources, logged
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import VISIBILITY_DELAY
from schemas.governor import LeaseClass
from schemas.writeback.messages import Carrier, client_name
from transforms.writeback.decide import look_up
from transforms.writeback.facts import SeenRecord, SentAt, ToSend


@dataclass(frozen=True)
class Resolver:
    """Tells what has become of batches that were sent."""

    org: OrgHttp
    jobs: IngestJobs
    sources: FactSources
    terms: WritebackConfig

    async def resolve(self, batch: OpenBatch, *, is_over: bool) -> Outcomes:
        """Outcomes of the entries that are known by now. `is_over`: the org is
        done with every call.
        """
        if batch.stored.carrier is Carrier.BULK:
            return await self._ask_job(batch)
        return await self._look_up(batch, is_over=is_over)

    async def close_job(self, batch: OpenBatch) -> Outcomes:
        """Close the ingest job that carries the batch, which sends it, and ask what became of
        it.
        """
        await self.jobs.close(batch.stored.job or "")
        return await self._ask_job(batch)

    async def _ask_job(self, batch: OpenBatch) -> Outcomes:
        """Outcomes by the ingest job that carries the batch. Entries that it does not tell of
        are looked up.
        """
        told = await self.jobs.outcomes(batch.spec, batch.key_field, batch.entries, batch.stored.job or "")
        if told is None:
            return {}
        rest = tuple(entry for entry in batch.entries if entry.record not in told)
        return told | await self._look_up(replace(batch, entries=rest), is_over=True) if rest else told

    async def _look_up(self, batch: OpenBatch, *, is_over: bool) -> Outcomes:
        # Before the records are read: what they show must not be older than the time at which a
        # call counts as over.
        now = await self.org.ask_time(LeaseClass.WRITEBACK)
        seen = await self.sources.seen(batch, with_bin=True)
        sent = self._sent_at(batch, now, is_over=is_over)
        log = await self.sources.log(
            batch.spec, seen, _changed_since(batch, seen, sent.second), [sent.second]
        )
        guard = await self.sources.guard(batch.spec)
        found = {
            entry.record: look_up(
                entry, record := seen.get(entry.external_id), logged(log, record), guard, sent
            )
            for entry in batch.entries
        }
        return {record: outcome for record, outcome in found.items() if outcome is not None}

    def _sent_at(self, batch: OpenBatch, now: datetime, *, is_over: bool) -> SentAt:
        return SentAt(
            at=batch.stored.sent_at or now,
            now=now,
            # Changes by an ingest job come back without a client's name.
            client="" if batch.stored.carrier is Carrier.BULK else client_name(batch.stored.batch),
            settled_after=self._settled_after(is_over=is_over),
            patience=self.terms.patience,
        )

    def _settled_after(self, *, is_over: bool) -> timedelta:
        usual = self.terms.settled_after
        return min(VISIBILITY_DELAY, usual) if is_over else usual


def _changed_since(batch: OpenBatch, seen: Mapping[str, SeenRecord], second: datetime) -> list[ToSend]:
    return [
        entry
        for entry in batch.entries
        if entry.external_id in seen and seen[entry.external_id].touched_at >= second
    ]
