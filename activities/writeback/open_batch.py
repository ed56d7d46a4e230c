"""First step of the sender: a batch of the store, opened. Its entries have their values in
clear, so it stays in memory (law 7).
"""

import asyncio
from dataclasses import dataclass, replace

from activities.writeback.collections import Outcomes
from activities.writeback.entries import entries_to_send
from clients.telemetry.spans import SpanRef, parse_traceparent
from clients.writeback.batch_queries import StoredBatch
from clients.writeback.batches import WritebackBatches
from schemas.catalogue import Catalogue, FieldType, ObjectSpec, relationship_name
from schemas.writeback.messages import BatchState
from transforms.pii import Protector
from transforms.writeback.equality import paths
from transforms.writeback.facts import ToSend


@dataclass(frozen=True)
class OpenBatch:
    """A batch that is not closed, and its entries that are open."""

    stored: StoredBatch
    spec: ObjectSpec
    key_field: str
    """The external id field by which the entries are written."""
    entries: tuple[ToSend, ...]
    accepted_in: tuple[SpanRef, ...] = ()
    """Spans in which the entries were accepted, each once."""

    @property
    def records(self) -> set[str]:
        """The records of the entries, by the store's name of a record."""
        return {entry.record for entry in self.entries}

    @property
    def external_ids(self) -> list[str]:
        """In the order of the entries."""
        return [entry.external_id for entry in self.entries]

    @property
    def asked_fields(self) -> list[str]:
        """Fields that are written or compared. Of a parent by its external id: the reference, which
        an undo goes back to, and that id.

        A field that the org has no more is for the org to refuse.
        """
        named = [pair for entry in self.entries for pair in (*entry.fields.items(), *entry.only_if.items())]
        references = self.references
        stored = {references.get(name, name) for name, _ in named} & self.spec.fields.keys()
        compared = {path for name, value in named for path in paths(self.spec, name, value)}
        held = {name for name, each in self.spec.fields.items() if each.held}
        return sorted((stored | compared) - held)

    @property
    def references(self) -> dict[str, str]:
        """Relationship -> the field that holds the parent's id."""
        return {
            relationship: name
            for name, each in self.spec.fields.items()
            if each.type is FieldType.REFERENCE and (relationship := relationship_name(name)) is not None
        }


async def open_batch(
    batch: str, *, batches: WritebackBatches, catalogue: Catalogue, protector: Protector
) -> OpenBatch | None:
    """Open a batch. None = it is closed.

    Entries that nobody can send any more are settled here: they would keep the others from being
    sent.
    """
    stored, rows = await asyncio.to_thread(batches.load, batch)
    if stored.state is BatchState.CLOSED:
        return None
    entries, left = await asyncio.to_thread(entries_to_send, rows, catalogue, stored.object, protector)
    if left:
        step = batches.settle if entries else batches.close
        told = _in_doubt(left) if stored.state is BatchState.SENT else left
        await asyncio.to_thread(step, batch, told, calls=0, state=stored.state)
    if left and not entries:
        return None
    key_field = rows[0].key_field if rows else ""
    traces = (parse_traceparent(row.traceparent) for row in rows)
    accepted_in = tuple(dict.fromkeys(each for each in traces if each is not None))
    return OpenBatch(stored, catalogue.object(stored.object), key_field, tuple(entries), accepted_in)


def _in_doubt(left: Outcomes) -> Outcomes:
    """Outcomes of entries that were perhaps written, and can be looked up no more."""
    said = "Whether it was written is not known."
    return {
        record: replace(outcome, code="unknown_outcome", reason=f"{said} {outcome.reason}")
        for record, outcome in left.items()
    }
