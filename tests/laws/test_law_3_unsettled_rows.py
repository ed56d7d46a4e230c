"""Law 3 where polling hands over to a stream: a record that is changed again and again is whole,
though events tell parts of it.

An org in miniature: one record with two fields, each commit sets one. It is polled; then its
stream begins, and polling ends with a poll that knows everything before. Whatever the times,
what was received folds to what the org holds.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st

from schemas.ingest.change_types import CREATE, SNAPSHOT, UPDATE
from schemas.ingest.positions import PolledRow, floor_to_second
from tests.support.builders.changes import APPLIED_AT, SPEC
from transforms.apply.fold import LoggedChange, fold
from transforms.ingest.change_header import change_order
from transforms.ingest.snapshots import row_events
from transforms.pii import HEADER

START = 1_795_000_000_000
SPAN = 20_000
DELAY = 2_000
RECORD = "a0xTg0000000001AAA"

Commit = tuple[int, str]
"""When, in milliseconds from the start, and which field is set to the commit's number."""

commits = st.lists(
    st.tuples(st.integers(0, SPAN), st.sampled_from("ab")), min_size=1, max_size=14, unique_by=lambda c: c[0]
).map(sorted)


def state(written: Sequence[Commit]) -> dict[str, int | None]:
    """The fields after these commits; the first one sets both."""
    held: dict[str, int | None] = {"a": 0, "b": 0}
    for number, (_, name) in enumerate(written):
        held[name] = number
    return held


def event(number: int, commit: Commit) -> LoggedChange:
    """A commit as the stream tells it: the record's making whole, everything later in parts."""
    at, name = commit
    values = {"a": 0, "b": 0} if number == 0 else {name: number}
    kind, named = (CREATE, None) if number == 0 else (UPDATE, name)
    return logged(kind, named, START + at, number + 1, 1, values)


def snapshot(seen: Sequence[Commit], *, is_settled: bool) -> LoggedChange:
    """The record as it was after these commits."""
    modstamp = START + floor_to_second(seen[-1][0])
    row = PolledRow(RECORD, modstamp, is_deleted=False, fields={})
    header = row_events("Thing__c", row, is_settled=is_settled)[0]["payload"][HEADER]
    place = header["commitTimestamp"], header["commitNumber"], header["sequenceNumber"]
    return logged(SNAPSHOT, None, *place, state(seen))


def logged(
    kind: str, named: str | None, at: int, number: int, sequence: int, values: Mapping[str, int | None]
) -> LoggedChange:
    order = change_order(at, number, sequence)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    return LoggedChange(
        RECORD,
        order,
        kind,
        moment,
        named,
        None,
        None,
        "b",
        APPLIED_AT,
        (values.get("a"), values.get("b"), None),
    )


def polled(written: list[Commit], horizons: list[int], *, reads_unsettled: bool) -> list[LoggedChange]:
    """The rows landed by polls of [0, first), [first, second) …, each made a delay after its
    horizon.
    """
    found, begins = [], 0
    for ends in horizons:
        seen = [commit for commit in written if commit[0] < ends + DELAY]
        if seen:
            modstamp = floor_to_second(seen[-1][0])
            if begins <= modstamp < ends:
                found.append(snapshot(seen, is_settled=True))
            elif modstamp >= ends and reads_unsettled and ends == horizons[-1]:
                found.append(snapshot(seen, is_settled=False))
        begins = ends
    return found


def received(
    written: list[Commit], steps: list[int], ahead: int, *, reads_unsettled: bool
) -> list[LoggedChange]:
    """Polls, and the stream's events from `ahead` milliseconds before the last horizon on."""
    horizons = [1_000 * sum(steps[: count + 1]) for count in range(len(steps))]
    begins = horizons[-1] - ahead
    streamed = [event(number, commit) for number, commit in enumerate(written) if commit[0] >= begins]
    return streamed + polled(written, horizons, reads_unsettled=reads_unsettled)


def last_values(changes: list[LoggedChange]) -> tuple[object, ...]:
    once = {change.change_order: change for change in changes}
    return tuple(fold(once.values(), SPEC)[-1].values[:2])


@settings(max_examples=200)
@given(
    commits,
    st.lists(st.integers(1, 5), min_size=1, max_size=5),
    st.integers(0, 5_000),
    st.randoms(use_true_random=False),
)
def test_a_record_that_is_changed_all_the_time_is_whole_after_its_hand_over(
    written, steps, ahead, chance
) -> None:
    changes = received(written, steps, ahead, reads_unsettled=True)
    chance.shuffle(changes)
    if changes:
        held = state(written)
        assert last_values(changes) == (held["a"], held["b"])


def test_without_the_unsettled_row_a_change_is_lost() -> None:
    """Field a is set before the stream begins, and before every horizon b is set again: no window
    holds the record.
    """
    written = [(0, "a"), (2_500, "a"), (4_500, "b"), (7_500, "b")]
    lost = received(written, [2, 2, 3], 1_000, reads_unsettled=False)
    whole = received(written, [2, 2, 3], 1_000, reads_unsettled=True)
    assert last_values(whole) == (1, 3)
    assert last_values(lost) != (1, 3)


@pytest.mark.parametrize("is_settled", [True, False])
def test_the_events_of_an_unsettled_rows_second_stand_over_it(is_settled: bool) -> None:
    """The row was read between two commits of a second: put at the second's end it would hide the
    later one.
    """
    first, second = (300, "a"), (700, "a")
    changes = [event(0, first), event(1, second), snapshot([first], is_settled=is_settled)]
    assert (last_values(changes) == (1, 0)) is not is_settled
