"""Third step of the sender: pack the batch for its carrier, and record in the store that it is
about to be sent.

The store gives the permit once. A process that finds the batch sent looks up what became of it.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from activities.writeback.bisect import PAUSED
from activities.writeback.bulk import IngestJobs
from activities.writeback.collections import Collections, Outcomes
from activities.writeback.entries import protected
from activities.writeback.open_batch import OpenBatch
from activities.writeback.weigh_entries import Decision
from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Deadline
from clients.writeback.batch_queries import FoundRecord
from clients.writeback.batches import WritebackBatches
from schemas.governor import LeaseClass
from schemas.writeback.messages import BatchState, Carrier
from transforms.pii import Protector


@dataclass(frozen=True)
class Packed:
    """A decision whose entries to send fit their carrier."""

    decision: Decision
    job: str | None
    """The ingest job that is filled, and needs only to be closed. None = the batch goes by
    collections, or nothing is sent.
    """


@dataclass(frozen=True)
class Permit:
    """The store's word that a batch is being sent."""

    batch: OpenBatch
    """As the store has it now, with the entries that are sent."""
    not_after: Deadline
    """No call of the batch is begun later."""


@dataclass(frozen=True)
class Paused:
    """The batch must not be sent."""

    outcomes: Outcomes
    """Of every entry."""


async def pack(batch: OpenBatch, decision: Decision, collections: Collections, jobs: IngestJobs) -> Packed:
    """Make and fill the ingest job of a batch that goes by one. Entries that do not fit wait for
    another batch.
    """
    if not decision.send:
        return Packed(decision, None)
    if batch.stored.carrier is Carrier.BULK:
        filled = await jobs.fill(batch.spec, batch.key_field, decision.send, batch.stored)
        return Packed(_without(decision, filled.left), filled.job or None)
    return Packed(_without(decision, collections.left(batch.spec, decision.send)), None)


async def begin(
    batch: OpenBatch,
    packed: Packed,
    *,
    batches: WritebackBatches,
    org: OrgHttp,
    protector: Protector,
    send_within: timedelta,
) -> Permit | Paused:
    """Tell the store that the batch is about to be sent.

    Args:
        batch: The batch.
        packed: Its entries that are sent; at least one.
        batches: The store.
        org: Asked for its time, by which a look-up tells changes before the batch from changes
            by it.
        protector: Encrypts what an undo goes back to.
        send_within: The permit's time, from now on.

    Raises `UnavailableError` when another process has begun.
    """
    not_after, decision = Deadline.within(send_within), packed.decision
    may_send = await asyncio.to_thread(
        batches.begin_sending,
        batch.stored.batch,
        sent_at=await org.ask_time(LeaseClass.WRITEBACK),
        before=_before(batch, decision, protector),
        settled=decision.skip,
        job=packed.job,
    )
    if not may_send:
        return Paused({**dict.fromkeys(batch.records, PAUSED), **decision.skip})
    job = packed.job or batch.stored.job
    stored = replace(batch.stored, state=BatchState.SENT, job=job)
    return Permit(replace(batch, stored=stored, entries=decision.send), not_after)


def _without(decision: Decision, left: Outcomes) -> Decision:
    send = tuple(entry for entry in decision.send if entry.record not in left)
    return replace(decision, send=send, skip={**decision.skip, **left})


def _before(batch: OpenBatch, decision: Decision, protector: Protector) -> dict[str, FoundRecord]:
    """The records that are there, with the values of the fields that are written, as the store
    keeps them.
    """
    found, references = {}, batch.references
    for entry in decision.send:
        seen = decision.seen.get(entry.external_id)
        if seen is not None:
            stored = [references.get(name, name) for name in entry.fields]
            values = {name: seen.values[name] for name in stored if name in seen.values}
            kept = protected(values, batch.spec, protector)
            found[entry.record] = FoundRecord(seen.record_id, seen.foreign, kept)
    return found
