"""Our own last write of a record, beside the record as a query shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from clients.salesforce.polling import VISIBILITY_DELAY
from clients.writeback.batch_queries import OwnWrite
from schemas.catalogue import ObjectSpec
from schemas.writeback.messages import WritebackState
from transforms.writeback.equality import same
from transforms.writeback.facts import Outcome, SeenRecord, ToSend, whole_second

_CLOCKS = timedelta(seconds=2)
"""How far the org's clock may be ahead of ours when an own write is recognized by its time."""
UNSEEN = Outcome(
    WritebackState.WAITING,
    "change_under_way",
    "The record was just written from here, and queries do not show it yet.",
    retry_in=timedelta(seconds=1),
    is_try=False,
)


def told_apart(
    seen: Mapping[str, SeenRecord], entries: Sequence[ToSend], us: str, own: Mapping[str, OwnWrite]
) -> dict[str, SeenRecord]:
    """The records, with what is known of when somebody else may have changed them: our own last
    write is no such change.
    """
    found = dict(seen)
    for entry in entries:
        record, write = seen.get(entry.external_id), own.get(entry.record)
        if not us or record is None or write is None or record.modified_by != us:
            continue
        if whole_second(write.sent_at) <= record.modified_at <= write.done_at + _CLOCKS:
            foreign_at = write.foreign_at or datetime.fromtimestamp(0, UTC)
            found[entry.external_id] = replace(record, foreign_at=foreign_at)
    return found


def is_unseen(spec: ObjectSpec, seen: SeenRecord | None, write: OwnWrite | None, now: datetime) -> bool:
    """True when our own last write may be younger than what a query shows: the record would be
    taken for what it was before.

    Times alone do not tell, since `sent_at` is the org's time or somewhat before it.
    """
    if write is None or now - write.done_at > VISIBILITY_DELAY:
        return False
    if seen is None or seen.modified_at < whole_second(write.sent_at):
        return True
    told = (
        (name, value)
        for name, value in write.fields.items()
        if name in seen.values and not spec.fields[name].is_protected
    )
    return not all(same(spec, name, value, seen.values) for name, value in told)
