"""Which writebacks travel together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from schemas.writeback.messages import Carrier, Mode
from transforms.writeback.batching import (
    BULK_ROWS,
    CALL_ROWS,
    BatchingConfig,
    Waiting,
    batch_entries,
    carrier_for,
    draft_batches,
    merged_fields,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
AT_ONCE = BatchingConfig(linger=timedelta(0))


def waiting(number: int, record: str = "", *parents: str, **other: object) -> Waiting:
    values: dict[str, object] = {
        "mode": Mode.ORDERED,
        "priority": 5,
        "accepted_at": NOW - timedelta(minutes=1),
        "deadline": NOW + timedelta(minutes=4),
    }
    return Waiting(number=number, record=record or f"r{number}", parents=parents, **(values | other))  # type: ignore[arg-type]


some_waiting = st.lists(
    st.builds(
        lambda record, parents, mode, priority: (
            f"r{record}",
            tuple(f"p{p}" for p in parents),
            mode,
            priority,
        ),
        st.integers(0, 8),
        st.sets(st.integers(0, 5), max_size=2),
        st.sampled_from(Mode),
        st.integers(0, 9),
    ),
    max_size=30,
).map(
    lambda rows: [
        waiting(number, record, *parents, mode=mode, priority=priority)
        for number, (record, parents, mode, priority) in enumerate(rows)
    ]
)


@given(some_waiting, st.sets(st.sampled_from(["r1", "p2"])), st.integers(1, 4))
def test_no_two_batches_share_a_record_or_a_parent_nor_one_with_an_open_batch(
    found: list[Waiting], claimed: set[str], most: int
) -> None:
    drafts = draft_batches(found, claimed, most=most, now=NOW, terms=AT_ONCE)
    seen = set(claimed)
    for draft in drafts:
        names = {name for entry in draft.entries for name in entry.names}
        assert not names & seen
        seen |= names
    assert len(drafts) <= most


@given(some_waiting)
def test_what_is_sent_of_a_record_is_the_first_that_waits_and_merges_never_pass_an_ordered_one(
    found: list[Waiting],
) -> None:
    for entry in batch_entries(found):
        of_record = [each for each in found if each.record == entry.members[0].record]
        assert list(entry.members) == of_record[: len(entry.members)]
        assert len(entry.members) == 1 or all(each.mode is Mode.MERGED for each in entry.members)


@given(some_waiting)
def test_with_room_for_all_every_record_has_its_entry(found: list[Waiting]) -> None:
    drafts = draft_batches(found, (), most=100, now=NOW, terms=AT_ONCE)
    sent = [entry.members[0].record for draft in drafts for entry in draft.entries]
    assert sorted(sent) == sorted({each.record for each in found})


def test_of_merged_writebacks_the_last_value_of_a_field_is_sent() -> None:
    assert merged_fields([{"a": 1, "b": 2}, {"b": None}]) == {"a": 1, "b": None}


def test_a_family_beyond_a_call_is_cut_and_its_rest_waits_for_the_parent() -> None:
    found = [waiting(number, "", "parent") for number in range(CALL_ROWS + 7)]
    drafts = draft_batches(found, (), most=4, now=NOW, terms=AT_ONCE)
    assert [len(draft.entries) for draft in drafts] == [CALL_ROWS]
    assert draft_batches(found[CALL_ROWS:], {"parent"}, most=4, now=NOW, terms=AT_ONCE) == []


def test_a_batch_that_is_not_full_waits_for_company_but_not_longer_than_its_deadline_allows() -> None:
    def formed(age: float, time_left: float) -> bool:
        accepted = NOW - timedelta(seconds=age)
        one = waiting(1, accepted_at=accepted, deadline=NOW + timedelta(seconds=time_left))
        return bool(draft_batches([one], (), most=1, now=NOW, terms=BatchingConfig()))

    assert not formed(age=9, time_left=600)
    assert formed(age=10, time_left=600)
    assert formed(age=2, time_left=30)
    again = waiting(1, accepted_at=NOW - timedelta(seconds=20), ready_at=NOW - timedelta(seconds=2))
    assert draft_batches([again], (), most=1, now=NOW, terms=BatchingConfig()) == []
    full = [waiting(number, accepted_at=NOW) for number in range(CALL_ROWS)]
    assert len(draft_batches(full, (), most=1, now=NOW, terms=BatchingConfig())) == 1


@pytest.mark.parametrize(("age", "since_last", "is_formed"), [(12, 5, False), (12, 10, True), (20, 5, True)])
def test_what_waited_for_another_batch_waits_for_company_after_it_but_not_longer_than_twice(
    age: float, since_last: float, is_formed: bool
) -> None:
    one = waiting(1, accepted_at=NOW - timedelta(seconds=age), deadline=NOW + timedelta(seconds=600))
    formed_at = NOW - timedelta(seconds=since_last)
    drafts = draft_batches([one], (), most=1, now=NOW, terms=BatchingConfig(), formed_at=formed_at)
    assert bool(drafts) is is_formed


def test_many_with_time_go_by_an_ingest_job_and_many_in_a_hurry_do_not() -> None:
    def carriers(count: int, time_left: timedelta) -> set[Carrier]:
        found = [waiting(number, deadline=NOW + time_left) for number in range(count)]
        return {each.carrier for each in draft_batches(found, (), most=4, now=NOW, terms=AT_ONCE)}

    assert carriers(20_000, timedelta(hours=1)) == {Carrier.BULK}
    assert carriers(20_000, timedelta(minutes=2)) == {Carrier.COLLECTIONS}
    assert carriers(5_000, timedelta(hours=1)) == {Carrier.COLLECTIONS}


def test_what_no_job_can_carry_goes_by_a_call_before_those_that_share_its_parent() -> None:
    found = [waiting(number, "", "parent", deadline=NOW + timedelta(hours=1)) for number in range(20_000)]
    found += [
        waiting(number, "", parent, deadline=NOW + timedelta(hours=1), needs_call=True)
        for number, parent in ((20_000, "parent"), (20_001, "another"))
    ]
    found += [waiting(30_000, deadline=NOW + timedelta(hours=1))]
    drafts = draft_batches(found, (), most=4, now=NOW, terms=AT_ONCE)
    sent = {draft.carrier: sorted(each.members[0].number for each in draft.entries) for draft in drafts}
    assert sent == {Carrier.COLLECTIONS: [20_000, 20_001], Carrier.BULK: [30_000]}


def test_an_ingest_job_has_no_more_rows_than_it_may() -> None:
    found = [waiting(number, deadline=NOW + timedelta(hours=1)) for number in range(BULK_ROWS + 1)]
    drafts = draft_batches(found, (), most=2, now=NOW, terms=AT_ONCE)
    assert [len(draft.entries) for draft in drafts] == [BULK_ROWS, 1]


def test_the_most_urgent_are_taken_when_not_all_can_be() -> None:
    found = [waiting(number, "", f"p{number}", priority=9) for number in range(CALL_ROWS)]
    found.append(waiting(CALL_ROWS, priority=0))
    (draft,) = draft_batches(found, (), most=1, now=NOW, terms=AT_ONCE)
    assert draft.entries[0].members[0].number == CALL_ROWS
    assert len(draft.entries) == CALL_ROWS


@given(st.lists(st.tuples(st.sampled_from(["A__c", "B__c"]), st.sampled_from(["p", "q", ""])), max_size=12))
def test_a_batch_is_of_one_external_id_field_and_in_the_end_every_record_is_sent(
    found: list[tuple[str, str]],
) -> None:
    left = [
        waiting(number, "", *filter(None, [parent]), key_field=key)
        for number, (key, parent) in enumerate(found)
    ]
    while left:
        drafts = draft_batches(left, (), most=4, now=NOW, terms=AT_ONCE)
        assert drafts
        for draft in drafts:
            assert {entry.key_field for entry in draft.entries} == {draft.key_field}
            sent = {each.number for entry in draft.entries for each in entry.members}
            left = [each for each in left if each.number not in sent]


JOBS = BatchingConfig(linger=timedelta(0), job_time=timedelta(seconds=9), job_rows=1, job_calls=0)
"""An ingest job is cheaper for a single row, which takes ten seconds."""


def test_a_job_is_taken_when_it_is_cheaper_and_there_by_the_first_deadline() -> None:
    def carried(*seconds: float, calls: int = 0) -> Carrier:
        some = [
            waiting(number, deadline=NOW + timedelta(seconds=each)) for number, each in enumerate(seconds)
        ]
        return carrier_for(batch_entries(some), NOW, replace(JOBS, job_calls=calls))

    assert carried(10) is Carrier.BULK
    assert carried(9.9) is Carrier.COLLECTIONS
    assert (carried(11, 60), carried(10.9, 60)) == (Carrier.BULK, Carrier.COLLECTIONS)
    assert carried(10, calls=1) is Carrier.COLLECTIONS
    assert carried() is Carrier.COLLECTIONS


def test_where_calls_carry_all_those_that_need_one_do_not_go_first() -> None:
    some = [waiting(1, "r1", "p"), waiting(2, "r2", "p", needs_call=True)]
    [draft] = draft_batches(some, (), most=5, now=NOW, terms=AT_ONCE)
    assert [entry.members[0].number for entry in draft.entries] == [1, 2]


def test_merged_ones_go_together_up_to_the_first_that_is_not() -> None:
    def numbers(*modes: Mode) -> list[int]:
        [entry] = batch_entries([waiting(number, "r", mode=mode) for number, mode in enumerate(modes, 1)])
        return [each.number for each in entry.members]

    merged, ordered = Mode.MERGED, Mode.ORDERED
    assert numbers(merged, merged, merged) == [1, 2, 3]
    assert numbers(merged, merged, ordered, merged) == [1, 2]
    assert numbers(ordered, merged, merged) == [1]
