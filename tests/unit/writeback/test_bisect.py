"""Bisection of a refused collection: every entry is sent or has an outcome."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from activities.writeback.bisect import MOST_REFUSALS, BisectingSender
from activities.writeback.collections import Sent
from schemas.writeback.messages import WritebackState
from transforms.writeback.facts import Outcome, ToSend

NOW = datetime(2026, 11, 26, tzinfo=UTC)
DEAD = Outcome(WritebackState.DEAD, "JSON_PARSER_ERROR", "m")
WAITS = Outcome(WritebackState.WAITING, "UNABLE_TO_LOCK_ROW", "m")
DONE = Outcome(WritebackState.DONE)


def entries(count: int) -> list[ToSend]:
    return [
        ToSend((n,), f"Case=c-{n}", f"C-{n}", {"Subject": "s", **({"Origin": "o"} if n % 3 else {})}, {}, NOW)
        for n in range(count)
    ]


@pytest.mark.parametrize("told", [None, WAITS])
def test_a_group_of_which_it_is_open_whether_it_was_written_or_that_waits_is_not_divided(
    told: Outcome | None,
) -> None:
    some = entries(4)
    halves = BisectingSender([])
    halves.take_in(Sent({} if told is None else {each.record: told for each in some}, [some]))
    assert (halves.waiting, halves.refusals) == ([], 0)
    assert halves.outcomes == ({} if told is None else {each.record: told for each in some})


@given(st.integers(1, 200), st.sets(st.integers(0, 199)))
def test_whatever_rows_are_bad_each_entry_is_done_or_refused_and_the_good_ones_are_done_while_few_are_bad(
    count: int, bad: set[int]
) -> None:
    some = entries(count)
    wrong = {entry.record for entry in some if entry.numbers[0] in bad}
    halves, calls = BisectingSender([some]), 0
    while halves.waiting:
        group = halves.waiting.pop(0)
        calls += 1
        is_refused = any(entry.record in wrong for entry in group)
        outcome = DEAD if is_refused else DONE
        halves.take_in(Sent({entry.record: outcome for entry in group}, [group] if is_refused else []))
    done = {record for record, outcome in halves.outcomes.items() if outcome is DONE}
    assert halves.outcomes.keys() == {entry.record for entry in some}
    assert done.isdisjoint(wrong)
    assert calls <= 2 * MOST_REFUSALS + 1
    if len(wrong) <= 3:  # 3 rows of 200 take at most 3 * 8 divisions
        assert done == halves.outcomes.keys() - wrong
