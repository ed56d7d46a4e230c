"""The steps of a batch of writebacks: it is sent once, and when nobody knows what became of it, it is looked up.

Each is safe to repeat. `send_batch` says in the store that it is about to send before it does; found again in that state it sends
nothing.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import SystemRandom

from temporalio import activity

from activities.heartbeats import heartbeating
from activities.writeback_carriers import Collections, Outcomes
from activities.writeback_entries import entries_to_send, protected
from activities.writeback_evidence import ChangeLog, Log
from clients.call_count import CallCount, counting_calls
from clients.org_http import OrgHttp, Sessions
from clients.polling import VISIBILITY_DELAY
from clients.records_by_key import RecordsByKey
from clients.write_window import Stopwatch
from clients.writebacks.batches import Batches, FoundRecord, StoredBatch
from clients.writebacks.forming import Forming
from clients.writebacks.pauses import Pauses
from schemas import names
from schemas.budgets import LeaseClass
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import CallRefusedError, RateLimitedError, TransientError, UnknownOutcomeError
from schemas.writebacks import (
    CLIENT_PREFIX,
    BatchState,
    Formed,
    FormInput,
    LookUpInput,
    NewerChange,
    SentBatch,
    SetPauseInput,
    WritebackBatchInput,
    WritebackState,
    client_name,
)
from transforms.protect import Protector
from transforms.writeback_decisions import (
    Guard,
    LoggedChange,
    Outcome,
    SeenRecord,
    SentAt,
    ToSend,
    is_recent,
    look_up,
    paths,
    weigh,
)

SETTLED_AFTER = timedelta(minutes=2)
LOG_PATIENCE = timedelta(minutes=4)
SEND_WITHIN = timedelta(seconds=20)
_CLOCKS = timedelta(seconds=2)
"""By how much the org's clock may be ahead of ours when an own write is told by its time."""
_COME_AGAIN = timedelta(seconds=5)
"""Until a batch that could not be sent is tried again, when nothing says otherwise."""
_SPREAD = 0.5
"""Waits are longer by up to this share, so that rows which met one another do not meet again."""
_RANDOM = SystemRandom()


@dataclass(frozen=True)
class WritebackTerms:
    """How writebacks are sent."""

    newer: Mapping[str, NewerChange] = field(default_factory=dict)
    """`Object` or `Object.Field` -> what a newer change in Salesforce does; others: it holds."""
    settled_after: timedelta = SETTLED_AFTER
    """The org is taken to be still at a call that was given up for so long."""
    send_within: timedelta = SEND_WITHIN
    """A call that is not begun so soon after the store was told of it is not made. With what a call may take (connecting, sending,
    waiting: each less than 20 seconds) it is over before `settled_after` is."""
    patience: timedelta = LOG_PATIENCE
    """How long the change log may take to tell whose a change was."""

    def policy(self, object_name: str) -> Callable[[str], NewerChange]:
        """What is configured for an object's field, else for the object."""
        usual = self.newer.get(object_name, NewerChange.HOLDS)
        return lambda name: self.newer.get(f"{object_name}.{name}", usual)


@dataclass
class WritebackSteps:
    """The activities and what they need."""

    org: OrgHttp
    sessions: Sessions
    forming: Forming
    batches: Batches
    pauses: Pauses
    collections: Collections
    records: RecordsByKey
    change_log: ChangeLog
    catalogue: Callable[[], Catalogue]
    protector: Protector
    terms: WritebackTerms = field(default_factory=WritebackTerms)

    @activity.defn(name=names.FORM_WRITEBACKS)
    async def form_writebacks(self, request: FormInput) -> Formed:
        """Form the batches that are due."""
        return await asyncio.to_thread(self.forming.form, request)

    @activity.defn(name=names.SEND_WRITEBACKS)
    async def send_writebacks(self, request: WritebackBatchInput) -> SentBatch:
        """Send a batch that was not sent. After a loss of the worker nothing is known of one that perhaps was."""
        job = await self._open(request.batch)
        if job is None:
            return SentBatch(is_known=True)
        if job.batch.state is BatchState.SENT:
            return SentBatch(is_known=False)
        async with heartbeating():
            with counting_calls() as job.count:
                return await self._send(job)

    @activity.defn(name=names.LOOK_UP_WRITEBACKS)
    async def look_up_writebacks(self, request: LookUpInput) -> SentBatch:
        """Find out what became of a batch; `is_known` False when not all of it can be told yet."""
        job = await self._open(request.batch.batch)
        if job is None:
            return SentBatch(is_known=True)
        if job.batch.state is BatchState.FORMED:
            return await self._keep(job, job.all_again("not_sent", "Nothing was sent.", timedelta(0)))
        async with heartbeating():
            with counting_calls() as job.count:
                outcomes = await self._look_up(job, is_over=request.is_over)
            return await self._keep(job, outcomes, is_over=request.is_over)

    @activity.defn(name=names.SET_WRITEBACK_PAUSE)
    async def set_writeback_pause(self, request: SetPauseInput) -> None:
        """Pause, resume or drain, on record."""
        await asyncio.to_thread(self.pauses.set, request)

    async def _send(self, job: "_Job") -> SentBatch:
        """Read the records, decide, say that the batch is about to be sent, and send it."""
        settled = await self._weigh(job)
        going = [entry for entry in job.entries if entry.record not in settled]
        if not going:
            return await self._keep(job, settled)
        job.watch = Stopwatch()
        may_send = await asyncio.to_thread(
            self.batches.begin_sending,
            job.batch.batch,
            sent_at=await self.org.ask_time(LeaseClass.WRITEBACK),
            before=self._before(job, going),
            settled=settled,
        )
        if may_send:
            job.batch = replace(job.batch, state=BatchState.SENT)
        else:
            paused = Outcome(
                WritebackState.WAITING, "paused", "A pause came before it was sent.", is_try=False
            )
            return await self._keep(job, {**dict.fromkeys(job.records, paused), **settled})
        job.entries = [
            replace(entry, record_id=job.seen[entry.external_id].record_id)
            if entry.external_id in job.seen
            else entry
            for entry in going
        ]
        return await self._carry(job)

    async def _carry(self, job: "_Job") -> SentBatch:
        try:
            with job.watch.writing_within(self.terms.send_within):
                outcomes = await self.collections.send(job.spec, job.key_field, job.entries, job.batch.batch)
        except UnknownOutcomeError as error:
            return SentBatch(is_known=False, is_over=error.is_over)
        except RateLimitedError as error:
            outcomes = job.all_again("not_sent", str(error), error.retry_after)
        except TransientError as error:
            outcomes = job.all_again("not_sent", str(error), _COME_AGAIN)
        except CallRefusedError as error:
            outcomes = dict.fromkeys(job.records, Outcome(WritebackState.DEAD, error.code, str(error)))
        return await self._keep(job, outcomes, is_over=True)

    async def _weigh(self, job: "_Job") -> Outcomes:
        """Outcomes of what is not sent."""
        guard = await self._guard(job.spec)
        job.seen = await self._told_apart(await self._seen(job), job, guard.us)
        recent = [entry for entry in job.entries if is_recent(entry, job.seen.get(entry.external_id), guard)]
        log = await self._log(job, recent, (entry.first_accepted for entry in recent))
        now = datetime.now(UTC)
        weighed = {
            entry.record: weigh(
                entry, record := job.seen.get(entry.external_id), _logged(log, record), guard, now
            )
            for entry in job.entries
        }
        return {record: outcome for record, outcome in weighed.items() if outcome is not None}

    async def _look_up(self, job: "_Job", *, is_over: bool) -> Outcomes:
        """Outcomes of what can be told."""
        job.seen = await self._seen(job, with_bin=True)
        now = await self.org.ask_time(LeaseClass.WRITEBACK)
        sent = SentAt(
            at=job.batch.sent_at or now,
            now=now,
            client=client_name(job.batch.batch),
            settled_after=min(VISIBILITY_DELAY, self.terms.settled_after)
            if is_over
            else self.terms.settled_after,
            patience=self.terms.patience,
        )
        changed = [
            entry
            for entry in job.entries
            if entry.external_id in job.seen and job.seen[entry.external_id].touched_at >= sent.second
        ]
        log = await self._log(job, changed, [sent.second])
        guard = await self._guard(job.spec)
        found = {
            entry.record: look_up(
                entry, record := job.seen.get(entry.external_id), _logged(log, record), guard, sent
            )
            for entry in job.entries
        }
        return {record: outcome for record, outcome in found.items() if outcome is not None}

    async def _keep(self, job: "_Job", outcomes: Outcomes, *, is_over: bool = False) -> SentBatch:
        """Write what is known; the batch is closed when that is all."""
        spaced = {record: _spaced(outcome) for record, outcome in outcomes.items()}
        step = self.batches.close if job.records <= outcomes.keys() else self.batches.settle
        await asyncio.to_thread(step, job.batch.batch, spaced, calls=job.count.calls, state=job.batch.state)
        return SentBatch(is_known=job.records <= outcomes.keys(), is_over=is_over)

    async def _open(self, batch: str) -> "_Job | None":
        """The batch with its entries that are open; None when it is closed."""
        stored, rows = await asyncio.to_thread(self.batches.load, batch)
        if stored.state is BatchState.CLOSED:
            return None
        catalogue = self.catalogue()
        entries = entries_to_send(rows, catalogue, stored.object, self.protector)
        key_field = rows[0].key_field if rows else ""
        return _Job(stored, catalogue.object(stored.object), key_field, entries)

    async def _seen(self, job: "_Job", *, with_bin: bool = False) -> dict[str, SeenRecord]:
        """External id -> the record. One in the recycle bin is none, since an upsert does not find it, unless asked for `with_bin`."""
        found = await self.records.read(job.spec, job.key_field, job.external_ids, job.asked_fields)
        return {
            external_id: SeenRecord(
                seen.record_id,
                seen.values,
                seen.modified_at,
                seen.modified_by,
                deleted_at=seen.system_modstamp if seen.is_deleted else None,
            )
            for external_id, seen in found.items()
            if with_bin or not seen.is_deleted
        }

    async def _told_apart(self, seen: dict[str, SeenRecord], job: "_Job", us: str) -> dict[str, SeenRecord]:
        """The records, with what is known of when somebody else may have changed them: our own last write is no such change."""
        own = await asyncio.to_thread(self.batches.own_writes, sorted(job.records)) if us else {}
        found = dict(seen)
        for entry in job.entries:
            record, write = seen.get(entry.external_id), own.get(entry.record)
            if record is None or write is None or record.modified_by != us:
                continue
            if write.sent_at.replace(microsecond=0) <= record.modified_at <= write.done_at + _CLOCKS:
                foreign_at = write.foreign_at or datetime.fromtimestamp(0, UTC)
                found[entry.external_id] = replace(record, foreign_at=foreign_at)
        return found

    async def _guard(self, spec: ObjectSpec) -> Guard:
        us = (await self.sessions.session()).user_id

        def is_ours(change: LoggedChange) -> bool:
            by_job = bool(us) and change.user[:15] == us[:15] and "bulkapi" in change.origin
            return by_job or f"client={CLIENT_PREFIX}" in change.origin

        return Guard(spec, self.terms.policy(spec.name), us, is_ours)

    async def _log(self, job: "_Job", entries: Sequence[ToSend], times: Iterable[datetime]) -> Log:
        ids = {job.seen[entry.external_id].record_id for entry in entries}
        if not ids:
            return {}
        return await self.change_log.since(job.spec, ids, min(times).replace(microsecond=0))

    def _before(self, job: "_Job", going: Sequence[ToSend]) -> dict[str, FoundRecord]:
        """The records that are there, with the values of the fields that are written, as the store keeps them."""
        found = {}
        for entry in going:
            seen = job.seen.get(entry.external_id)
            if seen is not None:
                values = {name: seen.values.get(name) for name in entry.fields if name in seen.values}
                kept = protected(values, job.spec, self.protector)
                found[entry.record] = FoundRecord(seen.record_id, seen.foreign, kept)
        return found


@dataclass
class _Job:
    """A batch in hand."""

    batch: StoredBatch
    spec: ObjectSpec
    key_field: str
    entries: list[ToSend]
    seen: Mapping[str, SeenRecord] = field(default_factory=dict)
    """External id -> the record."""
    count: CallCount = field(default_factory=CallCount)
    watch: Stopwatch = field(default_factory=Stopwatch)
    """Since the store was told that it is sent."""

    @property
    def records(self) -> set[str]:
        return {entry.record for entry in self.entries}

    @property
    def external_ids(self) -> list[str]:
        return [entry.external_id for entry in self.entries]

    @property
    def asked_fields(self) -> list[str]:
        """What is written or compared. A field that the org has no more is for the org to refuse."""
        named = [pair for entry in self.entries for pair in (*entry.fields.items(), *entry.only_if.items())]
        asked = {path for name, value in named for path in paths(self.spec, name, value)}
        return sorted(
            path for path in asked if path not in self.spec.fields or not self.spec.fields[path].held
        )

    def all_again(self, code: str, reason: str, wait: timedelta) -> Outcomes:
        outcome = Outcome(WritebackState.WAITING, code, reason, retry_in=wait, is_try=False)
        return dict.fromkeys(self.records, outcome)


def _logged(log: Log, record: SeenRecord | None) -> list[LoggedChange]:
    return [] if record is None else log.get(record.record_id, [])


def _spaced(outcome: Outcome) -> Outcome:
    return replace(outcome, retry_in=outcome.retry_in * (1 + _SPREAD * _RANDOM.random()))
