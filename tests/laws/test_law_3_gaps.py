"""Law 3 over gaps: a record of which events tell only a part, and readings the rest, folds to what
the org holds.

An org in miniature: one record; transactions save it and commit later, each sets fields once or
more; each setting is sent as an event or a gap. Gaps are read as repairs do it, until the log
answers every one; the stream goes on meanwhile.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from hypothesis import given, settings, strategies as st

from schemas.ingest.change_types import SNAPSHOT, UPDATE
from schemas.ingest.positions import SECOND_MS, PolledRow, floor_to_second
from tests.laws.test_law_3_unsettled_rows import DELAY, RECORD, START, logged
from tests.support.builders.changes import SPEC
from transforms.apply.fold import LoggedChange, fold
from transforms.ingest.change_header import change_order
from transforms.ingest.decode_events import NEEDS_REREAD, Refusal
from transforms.ingest.snapshots import row_events
from transforms.ingest.stage_events import refused_table
from transforms.pii import HEADER
from transforms.repair import Cause, asked_by_refusals


class Told(NamedTuple):
    """One setting of a field, in the order of the org's commits."""

    saved: int
    commit: int
    sequence: int
    field: str
    is_gap: bool


@st.composite
def tellings(draw: st.DrawFn) -> list[Told]:
    """Transactions one after another, since each locks the record from its saving to its commit."""
    made, time = [], 0
    for _ in range(draw(st.integers(1, 8))):
        saved = time + draw(st.integers(1, 3_000))
        time = saved + draw(st.sampled_from([0, 0, 5, 2_500]))
        for sequence in range(1, draw(st.integers(1, 3)) + 1):
            made.append(Told(saved, time, sequence, draw(st.sampled_from("ab")), draw(st.booleans())))
    return made


def values_at(told: list[Told], moment: int) -> dict[str, int]:
    held = {"a": -1, "b": -1}
    for number, each in enumerate(told):
        if each.commit <= moment:
            held[each.field] = number
    return held


def event(told: list[Told], number: int) -> LoggedChange:
    each = told[number]
    place = (START + each.commit, each.commit, each.sequence)
    return logged(UPDATE, each.field, *place, {each.field: number})


def read(told: list[Told], moment: int, stands_at: int) -> LoggedChange:
    """The record as a repair reads it at `moment`, for gaps up to the commit `stands_at`."""
    saved = max((each.saved for each in told if each.commit <= moment), default=0)
    row = PolledRow(RECORD, START + floor_to_second(saved), is_deleted=False, fields={})
    data = row_events(
        "Thing__c",
        row,
        is_settled=floor_to_second(saved) < floor_to_second(moment - DELAY),
        reading=START + moment,
        earliest_ms=START + floor_to_second(stands_at) + SECOND_MS - 1,
    )
    header = data[0]["payload"][HEADER]
    place = header["commitTimestamp"], header["commitNumber"], header["sequenceNumber"]
    return logged(SNAPSHOT, None, *place, values_at(told, moment))


def place_of(each: Told) -> str:
    return change_order(START + each.commit, each.commit, each.sequence)


def still_open(gaps: list[Told], snapshots: list[LoggedChange]) -> list[Told]:
    """By the rule of `clients.warehouse.sql.repair.close_told`."""
    return [gap for gap in gaps if not any(each.change_order > place_of(gap) for each in snapshots)]


@settings(max_examples=300)
@given(
    tellings(),
    st.lists(st.tuples(st.integers(0, 6_000), st.integers(0, 9_000)), min_size=24, max_size=24),
    st.randoms(use_true_random=False),
)
def test_what_gaps_hid_is_there_once_every_gap_is_answered(told, steps, chance) -> None:
    gaps = [each for each in told if each.is_gap]
    snapshots: list[LoggedChange] = []
    for width, late in steps:
        waiting = still_open(gaps, snapshots)
        if not waiting:
            break
        last = max(gap.commit for gap in waiting if gap.commit <= waiting[0].commit + width)
        # As `wait_until_settled`: the second of the last gap is over, and can be seen.
        ready = floor_to_second(last) + 2 * SECOND_MS + DELAY
        snapshots.append(read(told, ready + late, last))
    assert still_open(gaps, snapshots) == []
    changes = snapshots + [event(told, number) for number, each in enumerate(told) if not each.is_gap]
    chance.shuffle(changes)
    found = fold(changes, SPEC)[-1].values
    end = values_at(told, told[-1].commit)
    for place, field in enumerate("ab"):
        if end[field] >= 0:
            assert found[place] == end[field]


def test_a_reading_that_stands_at_its_modstamp_alone_may_lie_under_what_it_holds() -> None:
    """One long transaction tells a first setting and hides a second one: the row's modstamp is
    older than both.
    """
    told = [Told(500, 9_000, 1, "a", is_gap=False), Told(500, 9_000, 2, "a", is_gap=True)]
    late = read(told, 20_000, 9_000)
    early = read(told, 20_000, 0)
    assert fold([event(told, 0), late], SPEC)[-1].values[0] == 1
    assert fold([event(told, 0), early], SPEC)[-1].values[0] == 0


def test_what_a_refused_event_asks_for_follows_from_its_header() -> None:
    kinds = [
        ("GAP_UPDATE", RECORD),
        ("GAP_CREATE", "a0x*"),
        ("GAP_OVERFLOW", "000000000000000AAA"),
        ("UPDATE", RECORD),
    ]
    refusals = [_refusal(number, *kind) for number, kind in enumerate(kinds)]
    asked = asked_by_refusals(refused_table([*refusals, _refusal(9, "GAP_UPDATE", "bad")], "lane/7"))
    assert [each.cause for each in asked] == [Cause.GAP, Cause.WILDCARD, Cause.OVERFLOW, Cause.DIFF]
    assert [each.record_id for each in asked] == [RECORD, None, None, RECORD]
    assert [each.since_at is None for each in asked] == [True, False, False, True]
    assert {each.changed_at for each in asked} == {datetime.fromtimestamp(START / 1_000, UTC)}


def _refusal(number: int, kind: str, record_id: str) -> Refusal:
    event = (
        f'{{"payload": {{"{HEADER}": {{"changeType": "{kind}", "commitTimestamp": {START}, "commitNumber": 1, '
        '"sequenceNumber": 1}}}'
    )
    return Refusal(number, "Thing__c", record_id, "7", NEEDS_REREAD, "d", event.encode(), START)
