"""The decision which entries of a batch are sent and which are skipped, by values alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, strategies as st

from activities.writeback.open_batch import OpenBatch
from activities.writeback.own_writes import OWN_WRITE_PENDING
from activities.writeback.record_facts import RecordFacts
from activities.writeback.weigh_entries import Decision, decide
from clients.writeback.batch_queries import OwnWrite, StoredBatch
from schemas.catalogue import default_catalogue
from schemas.writeback.messages import BatchState, Carrier, ConflictPolicy, WritebackState
from transforms.writeback.decide import Guard
from transforms.writeback.facts import SeenRecord, ToSend

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
OLD = NOW - timedelta(hours=1)
SPEC = default_catalogue().object("Case")
BATCH = StoredBatch("b", "Case", Carrier.COLLECTIONS, BatchState.FORMED, None, None)
US, THEM = "005000000000001AAA", "005000000000002AAA"


def entry(number: int, **changed: Any) -> ToSend:
    values = {"Subject": f"s{number}"}
    accepted = dict.fromkeys(values, NOW)
    return ToSend(
        (number,), f"Case=c-{number}", f"C-{number}", values, accepted, NOW + timedelta(hours=1), **changed
    )


def seen(number: int, at: datetime = OLD, by: str = THEM) -> SeenRecord:
    return SeenRecord(f"500{number:015d}", {"Subject": "before"}, at, by)


def decided(
    entries: list[ToSend], records: dict[str, SeenRecord], own: dict[str, OwnWrite] | None = None
) -> Decision:
    guard = Guard(SPEC, lambda _: ConflictPolicy.HOLDS, US, lambda _: False)
    batch = OpenBatch(BATCH, SPEC, "ExternalId__c", tuple(entries))
    return decide(batch, RecordFacts(records, own or {}, {}, guard), NOW)


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["missing", "old", "newer"])), min_size=1, max_size=8)
)
def test_each_entry_is_sent_or_has_an_outcome_and_never_both(rows: list[tuple[bool, str]]) -> None:
    entries = [entry(number, may_create=may_create) for number, (may_create, _) in enumerate(rows)]
    records = {
        f"C-{number}": seen(number, OLD if state == "old" else NOW)
        for number, (_, state) in enumerate(rows)
        if state != "missing"
    }
    found = decided(entries, records)
    sent = [each.record for each in found.send]
    assert sorted([*sent, *found.skip]) == sorted(each.record for each in entries)
    # in the order of the batch
    assert sent == [each.record for each in entries if each.record in sent]


def test_what_is_sent_has_the_id_of_its_record() -> None:
    found = decided([entry(1), entry(2)], {"C-1": seen(1)})
    assert [(each.record_id, each.existed) for each in found.send] == [(seen(1).record_id, True), ("", False)]


def test_a_record_that_must_exist_and_does_not_is_not_sent() -> None:
    found = decided([entry(1, may_create=False)], {})
    assert (found.send, found.skip["Case=c-1"].state) == ((), WritebackState.DEAD)


def test_an_own_write_that_queries_do_not_show_yet_is_waited_for() -> None:
    just_now = NOW - timedelta(seconds=1)
    own = {"Case=c-1": OwnWrite(just_now, just_now, None, {"Subject": "ours"})}
    found = decided([entry(1)], {"C-1": seen(1)}, own)
    assert (found.send, found.skip) == ((), {"Case=c-1": OWN_WRITE_PENDING})
