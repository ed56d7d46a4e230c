"""The activities of a batch of writebacks: it is sent once, and looked up when nobody knows what
became of it.

A batch goes through a pipeline of values that do not change:

    open_batch -> OpenBatch -> decide -> Decision -> pack, begin -> Permit | Paused
    -> deliver -> outcomes -> record

Each activity is safe to repeat. `send_writebacks` tells the store before it sends; it sends
nothing of a batch that it finds sent.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from activities.writeback.begin import Packed, Paused, begin, pack
from activities.writeback.bulk import IngestJobs
from activities.writeback.change_log import ChangeLog
from activities.writeback.collections import Collections, Outcomes, not_sent
from activities.writeback.config import WritebackConfig
from activities.writeback.deliver import deliver
from activities.writeback.open_batch import OpenBatch, open_batch
from activities.writeback.record import record
from activities.writeback.record_facts import FactSources
from activities.writeback.resolve import Resolver
from activities.writeback.weigh_entries import decide
from clients.concurrency import run_to_completion
from clients.salesforce.call_count import CallCount, counting_calls
from clients.salesforce.http import OrgHttp, Sessions
from clients.salesforce.records_by_external_id import RecordsByKey
from clients.salesforce.request import Deadline
from clients.telemetry.spans import link_span
from clients.writeback.batch_former import BatchFormer
from clients.writeback.batches import WritebackBatches
from clients.writeback.pauses import Pauses
from schemas import names
from schemas.catalogue import Catalogue
from schemas.errors import UnavailableError
from schemas.security.acting import Origin
from schemas.writeback.messages import (
    BatchState,
    Carrier,
    Formed,
    FormInput,
    LookUpInput,
    SentBatch,
    SetPauseInput,
    WritebackBatchInput,
)
from transforms.pii import Protector

_CLOCKS_AGREE = timedelta(seconds=5)
"""By how much our clock may differ from the org's `Date` headers, which are of whole seconds."""


@dataclass
class WritebackSteps:
    """The activities and what they need."""

    org: OrgHttp
    sessions: Sessions
    forming: BatchFormer
    batches: WritebackBatches
    pauses: Pauses
    collections: Collections
    jobs: IngestJobs
    records: RecordsByKey
    change_log: ChangeLog
    catalogue: Catalogue
    protector: Protector
    terms: WritebackConfig = field(default_factory=WritebackConfig)

    @activity.defn(name=names.FORM_WRITEBACKS)
    async def form_writebacks(self, request: FormInput) -> Formed:
        """Form the batches that are due."""
        async with heartbeating():
            return await run_to_completion(asyncio.to_thread(self.forming.form, request))

    @activity.defn(name=names.SEND_WRITEBACKS)
    async def send_writebacks(self, request: WritebackBatchInput) -> SentBatch:
        """Send a batch that was not sent. `is_known` False = it was perhaps sent, by a worker
        that is lost.
        """
        batch = await self._open(request.batch)
        if batch is None:
            return SentBatch(is_known=True)
        link_span(batch.accepted_in)
        if batch.stored.state is BatchState.SENT:
            return SentBatch(is_known=False)
        async with heartbeating():
            with counting_calls() as count:
                return await self._send(batch, count)

    @activity.defn(name=names.LOOK_UP_WRITEBACKS)
    async def look_up_writebacks(self, request: LookUpInput) -> SentBatch:
        """Find the outcome of a batch. `is_known` is False while some of it is unknown."""
        batch, is_over = await self._open(request.batch.batch), request.is_over
        if batch is None:
            return SentBatch(is_known=True)
        if batch.stored.state is BatchState.FORMED:
            nothing = dict.fromkeys(batch.records, not_sent("Nothing was sent."))
            return await self._record(batch, nothing, CallCount())
        async with heartbeating():
            with counting_calls() as count:
                outcomes = await self._resolver.resolve(batch, is_over=is_over)
            return await self._record(batch, outcomes, count, is_over=is_over)

    @activity.defn(name=names.SET_WRITEBACK_PAUSE)
    async def set_writeback_pause(self, request: SetPauseInput) -> None:
        """Pause, resume or drain, on record."""
        # The queue that ran this, and not the one that the request names, must be in the proof.
        asked = {"queue": activity.info().workflow_id or "", "origin": request.origin or Origin()}
        await asyncio.to_thread(self.pauses.set, request.model_copy(update=asked))

    async def _open(self, batch: str) -> OpenBatch | None:
        return await open_batch(
            batch, batches=self.batches, catalogue=self.catalogue, protector=self.protector
        )

    async def _send(self, batch: OpenBatch, count: CallCount) -> SentBatch:
        packed = await self._packed(batch)
        if not packed.decision.send:
            return await self._record(batch, packed.decision.skip, count)
        begun = await begin(
            batch,
            packed,
            batches=self.batches,
            org=self.org,
            protector=self.protector,
            send_within=self.terms.send_within,
        )
        if isinstance(begun, Paused):
            if packed.job:
                await self.jobs.abort(packed.job)
            return await self._record(batch, begun.outcomes, count)
        carried = await deliver(
            begun,
            collections=self.collections,
            batches=self.batches,
            resolver=self._resolver,
            come_again=self.terms.come_again,
        )
        return await self._record(begun.batch, carried.outcomes, count, is_over=carried.is_over)

    async def _record(
        self, batch: OpenBatch, outcomes: Outcomes, count: CallCount, *, is_over: bool = False
    ) -> SentBatch:
        # Ours has parts of a second, which the figures of status need.
        ours, orgs = datetime.now(UTC), self.org.time()
        now = ours if abs(ours - orgs) <= _CLOCKS_AGREE else orgs
        return await record(batch, outcomes, self.batches, now=now, calls=count.calls, is_over=is_over)

    async def _packed(self, batch: OpenBatch) -> Packed:
        """Read the records, decide, and pack what is sent; all of it before what was read is too
        old.
        """
        is_by_job = batch.stored.carrier is Carrier.BULK
        limit = self.terms.read_within_by_job if is_by_job else self.terms.read_within
        still_true = Deadline.within(limit)
        decision = decide(batch, await self._sources.before_sending(batch), self.org.time())
        packed = await pack(batch, decision, self.collections, self.jobs)
        if packed.decision.send and still_true.is_past:
            # A process that was stopped in between would overwrite what was changed meanwhile.
            # Tried again, it reads again.
            raise UnavailableError(system="the batch", detail=f"{batch.stored.batch} was read too long ago")
        return packed

    @property
    def _sources(self) -> FactSources:
        return FactSources(self.records, self.sessions, self.change_log, self.batches, self.terms)

    @property
    def _resolver(self) -> Resolver:
        return Resolver(self.org, self.jobs, self._sources, self.terms)
