"""Group writebacks into batches: entries a record, batches that share no record and no parent, and
their carrier.

Records below one parent lock it, and one another, while they are written (Record Locking Cheat
Sheet). So all that wait below one parent go into one batch, and what shares a name with a batch
that is open waits until that is closed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from schemas.salesforce.limits import COLLECTION_MAX_ROWS, COMPOSITE_MAX_QUERIES
from schemas.settings.writeback import BATCH_LINGER
from schemas.writeback.messages import Carrier, Mode

CALL_ROWS = COLLECTION_MAX_ROWS * COMPOSITE_MAX_QUERIES
"""Rows that one composite call writes: five collections of 200."""
BULK_ROWS = 50_000
"""Entries of an ingest job at most."""
JOB_CALLS = 14
"""API calls of an ingest job whatever its size: made, filled, closed, polled, its three results
fetched; measured with 20,000 rows against the sandbox org.
"""
_CALLS_OF_A_BATCH = 2
"""One reads up to a thousand records, one writes them."""


@dataclass(frozen=True)
class Waiting:
    """A writeback that may be sent now."""

    number: int
    record: str
    """Its lock in the store: `Case.ExternalId__c=C-1`."""
    parents: tuple[str, ...]
    mode: Mode
    priority: int
    accepted_at: datetime
    deadline: datetime
    ready_at: datetime | None = None
    """Before when it may not be sent, after a try; None: since it was accepted."""
    needs_call: bool = False
    """An ingest job cannot carry it: it may not create, or has a value that no CSV has a place for.
    """
    key_field: str = ""
    """The external id field that names its record."""


@dataclass(frozen=True)
class BatchEntry:
    """A batch's data for one record."""

    members: tuple[Waiting, ...]
    """In the order of acceptance; several only when all of them may be merged."""

    @property
    def names(self) -> frozenset[str]:
        """The record and its parents: no two open batches have one of them in common."""
        return frozenset({self.members[0].record}).union(*(each.parents for each in self.members))

    @property
    def deadline(self) -> datetime:
        """The earliest of its members."""
        return min(each.deadline for each in self.members)

    @property
    def needs_call(self) -> bool:
        """As of its members."""
        return any(each.needs_call for each in self.members)

    @property
    def key_field(self) -> str:
        """As of its members, which name one record."""
        return self.members[0].key_field

    @property
    def urgency(self) -> tuple[int, datetime, int]:
        """Batches with less go first."""
        first = self.members[0]
        return min(each.priority for each in self.members), self.deadline, first.number


@dataclass
class BatchDraft:
    """A batch to be. A call and a job upsert by one external id field, so its entries are named by
    one.
    """

    carrier: Carrier
    key_field: str = ""
    entries: list[BatchEntry] = field(default_factory=list)

    @property
    def room(self) -> int:
        """Entries that it may still take."""
        most = BULK_ROWS if self.carrier is Carrier.BULK else CALL_ROWS
        return most - len(self.entries)


@dataclass(frozen=True)
class BatchingConfig:
    """How batches are formed."""

    linger: timedelta = BATCH_LINGER
    """The longest that a batch waits to become full; less when a deadline is near."""
    job_time: timedelta = timedelta(seconds=90)
    """Assumed duration of an ingest job whatever its size."""
    job_rows: int = 300
    """Rows that an ingest job is taken to write in a second."""
    job_calls: int = JOB_CALLS
    """Assumed cost of an ingest job in calls, beside the reading of the records."""


def batch_entries(waiting: Sequence[Waiting]) -> list[BatchEntry]:
    """One entry a record: its first writeback, with those after it as long as all may be merged."""
    found = []
    for _, of_record in groupby(
        sorted(waiting, key=lambda each: (each.record, each.number)), key=lambda each: each.record
    ):
        members = list(of_record)
        if members[0].mode is Mode.ORDERED:
            members = members[:1]
        merged = next((at for at, each in enumerate(members) if each.mode is not Mode.MERGED), len(members))
        found.append(BatchEntry(tuple(members[: max(merged, 1)])))
    return sorted(found, key=lambda entry: entry.urgency)


def draft_batches(
    waiting: Sequence[Waiting],
    claimed: Collection[str],
    *,
    most: int,
    now: datetime,
    terms: BatchingConfig,
    formed_at: datetime | None = None,
) -> list[BatchDraft]:
    """The batches to form now, at most `most`, the most urgent first.

    Args:
        waiting: What may be sent, all of it that is known.
        claimed: Records and parents of open batches.
        most: Batches that may be opened.
        now: The time.
        terms: How long to wait, and what an ingest job takes.
        formed_at: When the object's last batch was formed; None: there was none.
    """
    taken = frozenset(claimed)
    free = [entry for entry in batch_entries(waiting) if not entry.names & taken]
    usual = carrier_for([entry for entry in free if not entry.needs_call], now, terms)
    drafts: list[BatchDraft] = []
    for family in _families(free):
        carrier, family = _carried(family, usual)
        kind = carrier, family[0].key_field
        fitting = (
            each for each in drafts if (each.carrier, each.key_field) == kind and each.room >= len(family)
        )
        draft = next(fitting, None)
        if draft is None:
            if len(drafts) == most:
                continue  # a smaller family may still find room
            draft = BatchDraft(*kind)
            drafts.append(draft)
        draft.entries += family[: draft.room]
    return [draft for draft in drafts if _is_due(draft, now, terms, formed_at)]


def _carried(family: list[BatchEntry], usual: Carrier) -> tuple[Carrier, list[BatchEntry]]:
    """The part of a family that goes now, and its carrier: those that need a call first, and those
    of one external id field; the others when these have released its names.
    """
    carrier, going = usual, family
    if usual is Carrier.BULK and (called := [entry for entry in family if entry.needs_call]):
        carrier, going = Carrier.COLLECTIONS, called
    return carrier, [entry for entry in going if entry.key_field == going[0].key_field]


def carrier_for(entries: Sequence[BatchEntry], now: datetime, terms: BatchingConfig) -> Carrier:
    """The cheapest carrier in calls that is there before the deadlines."""
    if not entries:
        return Carrier.COLLECTIONS
    rows = min(len(entries), BULK_ROWS)
    reads = -(-rows // CALL_ROWS)
    is_cheaper = terms.job_calls + reads < _CALLS_OF_A_BATCH * reads
    takes = terms.job_time + timedelta(seconds=rows / terms.job_rows)
    return (
        Carrier.BULK
        if is_cheaper and now + takes <= min(entry.deadline for entry in entries)
        else Carrier.COLLECTIONS
    )


def merged_fields(members: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The data sent for writebacks that go as one: of a field that several name, the last one's
    value.
    """
    return {name: value for fields in members for name, value in fields.items()}


def _is_due(draft: BatchDraft, now: datetime, terms: BatchingConfig, formed_at: datetime | None) -> bool:
    """A batch that is full goes at once; others wait for company, a thirtieth of the time that they
    have at most. After another batch they wait as long once more: what had to wait for that one's
    records would else go alone.
    """
    if draft.room <= 0:
        return True
    members = (each for entry in draft.entries for each in entry.members)
    return any(_has_waited(each, now, terms, formed_at) for each in members)


def _has_waited(each: Waiting, now: datetime, terms: BatchingConfig, formed_at: datetime | None) -> bool:
    # What is tried again waits for company once more: the few that met a lock would else make a
    # call of their own, time after time.
    since = max(each.accepted_at, each.ready_at or each.accepted_at)
    waits = min(terms.linger, (each.deadline - since) / 30)
    if formed_at is None or now - since >= 2 * waits:
        return now - since >= waits
    return now - max(since, formed_at) >= waits


def _families(entries: Sequence[BatchEntry]) -> Iterator[list[BatchEntry]]:
    """Entries that share a name, directly or through others, together; families by their most
    urgent entry.
    """
    leader: dict[int, int] = {}

    def find(at: int) -> int:
        while leader.setdefault(at, at) != at:
            leader[at] = leader[leader[at]]
            at = leader[at]
        return at

    holder: dict[str, int] = {}
    for at, entry in enumerate(entries):
        for name in entry.names:
            first = find(holder.setdefault(name, at))
            leader[max(first, find(at))] = min(first, find(at))
    families: dict[int, list[BatchEntry]] = {}
    for at, entry in enumerate(entries):
        families.setdefault(find(at), []).append(entry)
    yield from families.values()
