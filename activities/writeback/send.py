"""The steps of a batch of writebacks: it is sent once, and when nobody knows what became of it, it
is looked up.

Each is safe to repeat. `send_batch` says in the store that it is about to send before it does;
found again in that state it sends nothing.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import SystemRandom

from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from activities.runtime.threads import to_its_end
from activities.writeback.bisect import PAUSED, carry
from activities.writeback.bulk import Filled, IngestJobs
from activities.writeback.change_log import ChangeLog, Log
from activities.writeback.collections import Collections, Outcomes, not_sent
from activities.writeback.config import WritebackTerms
from activities.writeback.entries import entries_to_send, protected
from activities.writeback.open_batch import BatchInHand, logged
from activities.writeback.own_writes import UNSEEN, is_unseen, told_apart
from clients.salesforce.call_count import counting_calls
from clients.salesforce.http import OrgHttp, Sessions
from clients.salesforce.polling import VISIBILITY_DELAY
from clients.salesforce.records_by_external_id import RecordsByKey
from clients.salesforce.write_window import Stopwatch
from clients.writeback.batch_former import Forming
from clients.writeback.batches import Batches, FoundRecord
from clients.writeback.pauses import Pauses
from schemas import names
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import UnavailableError
from schemas.governor import LeaseClass
from schemas.writeback.messages import (
    CLIENT_PREFIX,
    BatchState,
    Carrier,
    Formed,
    FormInput,
    LookUpInput,
    SentBatch,
    SetPauseInput,
    WritebackBatchInput,
    client_name,
)
from transforms.pii import Protector
from transforms.writeback.decide import Guard, is_by_job, is_recent, look_up, weigh
from transforms.writeback.facts import LoggedChange, Outcome, SeenRecord, SentAt, ToSend, whole_second

_SPREAD = 0.5
"""Waits are longer by up to this share, so that rows which met one another do not meet again."""
_RANDOM = SystemRandom()


@dataclass
class WritebackSteps:
    """The activities and what they need."""

    org: OrgHttp
    sessions: Sessions
    forming: Forming
    batches: Batches
    pauses: Pauses
    collections: Collections
    jobs: IngestJobs
    records: RecordsByKey
    change_log: ChangeLog
    catalogue: Callable[[], Catalogue]
    protector: Protector
    terms: WritebackTerms = field(default_factory=WritebackTerms)

    @activity.defn(name=names.FORM_WRITEBACKS)
    async def form_writebacks(self, request: FormInput) -> Formed:
        """Form the batches that are due."""
        async with heartbeating():
            return await to_its_end(self.forming.form, request)

    @activity.defn(name=names.SEND_WRITEBACKS)
    async def send_writebacks(self, request: WritebackBatchInput) -> SentBatch:
        """Send a batch that was not sent. After a loss of the worker nothing is known of one that
        perhaps was.
        """
        hand = await self._open(request.batch)
        if hand is None:
            return SentBatch(is_known=True)
        if hand.batch.state is BatchState.SENT:
            return SentBatch(is_known=False)
        async with heartbeating():
            with counting_calls() as hand.count:
                return await self._send(hand)

    @activity.defn(name=names.LOOK_UP_WRITEBACKS)
    async def look_up_writebacks(self, request: LookUpInput) -> SentBatch:
        """Find out the outcome of a batch; `is_known` False when not all of it is known yet."""
        hand = await self._open(request.batch.batch)
        if hand is None:
            return SentBatch(is_known=True)
        if hand.batch.state is BatchState.FORMED:
            return await self._keep(hand, dict.fromkeys(hand.records, not_sent("Nothing was sent.")))
        async with heartbeating():
            with counting_calls() as hand.count:
                if hand.batch.carrier is Carrier.BULK:
                    outcomes = await self._ask_job(hand)
                else:
                    outcomes = await self._look_up(hand, is_over=request.is_over)
            return await self._keep(hand, outcomes, is_over=request.is_over)

    @activity.defn(name=names.SET_WRITEBACK_PAUSE)
    async def set_writeback_pause(self, request: SetPauseInput) -> None:
        """Pause, resume or drain, on record."""
        await asyncio.to_thread(self.pauses.set, request)

    async def _send(self, hand: "BatchInHand") -> SentBatch:
        """Read the records, decide, say that the batch is about to be sent, and send it."""
        reading = Stopwatch()
        settled = await self._weigh(hand)
        filled = await self._filled(hand, [entry for entry in hand.entries if entry.record not in settled])
        settled |= filled.left
        going = [entry for entry in hand.entries if entry.record not in settled]
        if not going:
            return await self._keep(hand, settled)
        if reading.passed > (self.terms.read_within_by_job if filled.job else self.terms.read_within):
            # A process that was stopped in between would overwrite what was changed meanwhile.
            # Tried again, it reads again.
            raise UnavailableError(system="the batch", detail=f"{hand.batch.batch} was read too long ago")
        hand.watch = Stopwatch()
        may_send = await asyncio.to_thread(
            self.batches.begin_sending,
            hand.batch.batch,
            sent_at=await self.org.ask_time(LeaseClass.WRITEBACK),
            before=self._before(hand, going),
            settled=settled,
            job=filled.job or None,
        )
        if not may_send:
            if filled.job:
                await self.jobs.abort(filled.job)
            return await self._keep(hand, {**dict.fromkeys(hand.records, PAUSED), **settled})
        hand.batch = replace(hand.batch, state=BatchState.SENT)
        hand.entries = going
        if filled.job:
            hand.batch = replace(hand.batch, job=filled.job)
            await self.jobs.close(filled.job)
            return await self._keep(hand, await self._ask_job(hand), is_over=True)
        carried = await carry(hand, self.collections, self.batches, self.terms)
        return await self._keep(hand, carried.outcomes, is_over=carried.is_over)

    async def _filled(self, hand: "BatchInHand", going: Sequence[ToSend]) -> Filled:
        """The ingest job, if the batch goes by one, and what has to wait for another batch."""
        if going and hand.batch.carrier is Carrier.BULK:
            return await self.jobs.fill(hand.spec, hand.key_field, going, hand.batch)
        return Filled("", self.collections.left(hand.spec, going) if going else {})

    async def _ask_job(self, hand: "BatchInHand") -> Outcomes:
        """Outcomes by the ingest job that carries the batch. What it does not tell of is looked
        up.
        """
        told = await self.jobs.outcomes(hand.spec, hand.key_field, hand.entries, hand.batch.job or "")
        rest = [entry for entry in hand.entries if told is not None and entry.record not in told]
        if told is None or not rest:
            return told or {}
        return told | await self._look_up(replace(hand, entries=rest), is_over=True)

    async def _weigh(self, hand: "BatchInHand") -> Outcomes:
        """Outcomes of what is not sent; the others get to know their record."""
        guard = await self._guard(hand.spec)
        seen = await self._seen(hand)
        own = await asyncio.to_thread(self.batches.own_writes, sorted(hand.records))
        hand.seen = told_apart(seen, hand, guard.us, own)
        recent = [
            entry for entry in hand.entries if is_recent(entry, hand.seen.get(entry.external_id), guard)
        ]
        log = await self._log(hand, recent, (entry.first_accepted for entry in recent))
        now = datetime.now(UTC)
        weighed = {
            entry.record: UNSEEN
            if is_unseen(hand.spec, hand.seen.get(entry.external_id), own.get(entry.record), now)
            else weigh(entry, record := hand.seen.get(entry.external_id), logged(log, record), guard, now)
            for entry in hand.entries
        }
        hand.entries = [
            replace(entry, record_id=hand.seen[entry.external_id].record_id, existed=True)
            if entry.external_id in hand.seen
            else entry
            for entry in hand.entries
        ]
        return {record: outcome for record, outcome in weighed.items() if outcome is not None}

    async def _look_up(self, hand: "BatchInHand", *, is_over: bool) -> Outcomes:
        """The outcomes that are known."""
        # Before the records are read: what they show must not be older than the time at which a
        # call counts as over.
        now = await self.org.ask_time(LeaseClass.WRITEBACK)
        hand.seen = await self._seen(hand, with_bin=True)
        sent = SentAt(
            at=hand.batch.sent_at or now,
            now=now,
            # Changes by an ingest job come back without a client's name.
            client="" if hand.batch.carrier is Carrier.BULK else client_name(hand.batch.batch),
            settled_after=min(VISIBILITY_DELAY, self.terms.settled_after)
            if is_over
            else self.terms.settled_after,
            patience=self.terms.patience,
        )
        changed = [
            entry
            for entry in hand.entries
            if entry.external_id in hand.seen and hand.seen[entry.external_id].touched_at >= sent.second
        ]
        log = await self._log(hand, changed, [sent.second])
        guard = await self._guard(hand.spec)
        found = {
            entry.record: look_up(
                entry, record := hand.seen.get(entry.external_id), logged(log, record), guard, sent
            )
            for entry in hand.entries
        }
        return {record: outcome for record, outcome in found.items() if outcome is not None}

    async def _keep(self, hand: "BatchInHand", outcomes: Outcomes, *, is_over: bool = False) -> SentBatch:
        """Write what is known; the batch is closed when that is all."""
        spaced = {record: _spaced(outcome) for record, outcome in outcomes.items()}
        step = self.batches.close if hand.records <= outcomes.keys() else self.batches.settle
        await asyncio.to_thread(
            step, hand.batch.batch, spaced, calls=hand.count.calls, state=hand.batch.state
        )
        return SentBatch(is_known=hand.records <= outcomes.keys(), is_over=is_over)

    async def _open(self, batch: str) -> "BatchInHand | None":
        """The batch with its entries that are open; None when it is closed. What nobody can send
        any more is settled: it would keep the others from being sent.
        """
        stored, rows = await asyncio.to_thread(self.batches.load, batch)
        if stored.state is BatchState.CLOSED:
            return None
        catalogue = self.catalogue()
        entries, left = await asyncio.to_thread(
            entries_to_send, rows, catalogue, stored.object, self.protector
        )
        if left:
            step = self.batches.settle if entries else self.batches.close
            told = _in_doubt(left) if stored.state is BatchState.SENT else left
            await asyncio.to_thread(step, batch, told, calls=0, state=stored.state)
        if left and not entries:
            return None
        key_field = rows[0].key_field if rows else ""
        return BatchInHand(stored, catalogue.object(stored.object), key_field, entries)

    async def _seen(self, hand: "BatchInHand", *, with_bin: bool = False) -> dict[str, SeenRecord]:
        """External id -> the record. One in the recycle bin is none, since an upsert does not find
        it, unless asked for `with_bin`.
        """
        found = await self.records.read(hand.spec, hand.key_field, hand.external_ids, hand.asked_fields)
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

    async def _guard(self, spec: ObjectSpec) -> Guard:
        us = (await self.sessions.session()).user_id

        def is_ours(change: LoggedChange) -> bool:
            return is_by_job(change, us) or f"client={CLIENT_PREFIX}" in change.origin

        return Guard(spec, self.terms.policy(spec.name), us, is_ours)

    async def _log(self, hand: "BatchInHand", entries: Sequence[ToSend], times: Iterable[datetime]) -> Log:
        ids = {hand.seen[entry.external_id].record_id for entry in entries}
        if not ids:
            return {}
        return await self.change_log.since(hand.spec, ids, whole_second(min(times)))

    def _before(self, hand: "BatchInHand", going: Sequence[ToSend]) -> dict[str, FoundRecord]:
        """The records that are there, with the values of the fields that are written, as the store
        keeps them.
        """
        found, references = {}, hand.references
        for entry in going:
            seen = hand.seen.get(entry.external_id)
            if seen is not None:
                stored = [references.get(name, name) for name in entry.fields]
                values = {name: seen.values[name] for name in stored if name in seen.values}
                kept = protected(values, hand.spec, self.protector)
                found[entry.record] = FoundRecord(seen.record_id, seen.foreign, kept)
        return found


def _in_doubt(left: Outcomes) -> Outcomes:
    """Outcomes of what was perhaps written, and can be looked up no more."""
    said = "Whether it was written is not known."
    return {
        record: replace(outcome, code="unknown_outcome", reason=f"{said} {outcome.reason}")
        for record, outcome in left.items()
    }


def _spaced(outcome: Outcome) -> Outcome:
    return replace(outcome, retry_in=outcome.retry_in * (1 + _SPREAD * _RANDOM.random()))
