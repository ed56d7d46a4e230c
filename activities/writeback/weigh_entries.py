"""Second step of the sender: the entries of a batch that are sent, and what becomes of the
others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from activities.writeback.collections import Outcomes
from activities.writeback.open_batch import OpenBatch
from activities.writeback.own_writes import OWN_WRITE_PENDING, is_own_write_pending
from activities.writeback.record_facts import RecordFacts, logged
from transforms.writeback.decide import weigh
from transforms.writeback.facts import Outcome, SeenRecord, ToSend


@dataclass(frozen=True)
class Decision:
    """The decision about each entry of a batch."""

    send: tuple[ToSend, ...]
    """Each with the id of its record, when there is one."""
    skip: Outcomes
    """Outcomes of entries that are not sent."""
    seen: Mapping[str, SeenRecord]
    """External id -> the record that the decision is about."""


def decide(batch: OpenBatch, facts: RecordFacts, now: datetime) -> Decision:
    """Decide about every entry by what is known of its record."""
    outcomes = {entry.record: _outcome(batch, entry, facts, now) for entry in batch.entries}
    return Decision(
        send=tuple(_found(entry, facts) for entry in batch.entries if outcomes[entry.record] is None),
        skip={record: outcome for record, outcome in outcomes.items() if outcome is not None},
        seen=facts.seen,
    )


def _outcome(batch: OpenBatch, entry: ToSend, facts: RecordFacts, now: datetime) -> Outcome | None:
    record = facts.seen.get(entry.external_id)
    if is_own_write_pending(batch.spec, record, facts.own.get(entry.record), now):
        return OWN_WRITE_PENDING
    return weigh(entry, record, logged(facts.log, record), facts.guard, now)


def _found(entry: ToSend, facts: RecordFacts) -> ToSend:
    record = facts.seen.get(entry.external_id)
    return entry if record is None else replace(entry, record_id=record.record_id, existed=True)
