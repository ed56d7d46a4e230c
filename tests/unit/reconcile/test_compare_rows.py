"""Which records differ, when the org was asked first and the warehouse later."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from schemas.reconcile import DifferenceKind
from transforms.reconcile.compare_rows import COMMIT_LAG_MS, RowComparison, compare_rows, undecided
from transforms.reconcile.row_digests import FACTS, Facts, partition

ASKED = 1_000_000_000
AHEAD = ASKED + 300_000
"""A later change lies ahead of the clock."""
OLD = ASKED - 500_000
"""Long before the org was asked."""


NAME = "A" + 17 * "0"


def fact(
    name: str = "A",
    *,
    lmd: int = OLD,
    stamp: int = OLD,
    deleted: bool = False,
    complete: bool = True,
    digest: int = 7,
) -> tuple[bytes, int, int, bool, bool, int]:
    return (name.ljust(18, "0").encode(), lmd, stamp, deleted, complete, digest)


def array(*rows: tuple[bytes, int, int, bool, bool, int]) -> Facts:
    return np.array(list(rows), FACTS)


def judged(org: Facts, warehouse: Facts) -> RowComparison:
    return compare_rows(org, warehouse, asked_from_ms=ASKED, ahead_from_ms=AHEAD, has_digests=True)


def kind_of(org: Facts, warehouse: Facts) -> str:
    found = judged(org, warehouse)
    assert len(found.kinds) + bool(found.unsettled) <= 1
    return next(iter(found.kinds)) if found.kinds else "unsettled" if found.unsettled else "equal"


def test_what_is_the_same_on_both_sides_is_equal() -> None:
    assert kind_of(array(fact()), array(fact())) == "equal"
    assert kind_of(array(fact(deleted=True)), array(fact(deleted=True, lmd=-1))) == "equal"


def test_each_kind_of_difference_has_its_name() -> None:
    org = array(fact())
    assert kind_of(org, array()) == DifferenceKind.MISSING
    assert kind_of(array(), array(fact())) == DifferenceKind.GONE
    assert kind_of(array(), array(fact(deleted=True))) == "equal"
    assert kind_of(array(fact(deleted=True)), array(fact())) == DifferenceKind.EXTRA
    assert kind_of(org, array(fact(deleted=True))) == DifferenceKind.DELETED
    assert kind_of(org, array(fact(lmd=OLD - 60_000, stamp=OLD - 60_000))) == DifferenceKind.STALE
    assert kind_of(org, array(fact(digest=8))) == DifferenceKind.FIELDS
    assert kind_of(org, array(fact(complete=False))) == DifferenceKind.INCOMPLETE
    assert kind_of(org, array(fact(), fact())) == DifferenceKind.DUPLICATE


def test_a_change_that_only_the_modstamp_tells_of_makes_the_row_stale() -> None:
    assert kind_of(array(fact(stamp=OLD + 60_000)), array(fact())) == DifferenceKind.STALE


def test_an_event_that_commits_after_its_modstamp_is_no_difference() -> None:
    assert kind_of(array(fact(stamp=OLD)), array(fact(stamp=OLD + 2_900))) == "equal"


def test_what_happened_after_the_org_was_asked_is_no_difference() -> None:
    later = ASKED + 5_000
    org = array(fact())
    assert kind_of(org, array(fact(lmd=later, stamp=later, digest=8))) == "equal"
    assert kind_of(org, array(fact(deleted=True, stamp=later))) == "unsettled"
    assert kind_of(array(), array(fact(lmd=later, stamp=later))) == "unsettled"
    assert kind_of(array(fact(deleted=True)), array(fact(stamp=later))) == "unsettled"


def test_a_warehouse_with_a_later_change_than_the_org_that_is_older_than_the_answer_is_ahead() -> None:
    found = judged(array(fact()), array(fact(lmd=OLD + 60_000, stamp=OLD + 60_000)))
    assert found.kinds == {DifferenceKind.AHEAD: [NAME]}
    assert found.above == [NAME]


def test_a_later_change_than_the_answer_is_no_difference_but_is_looked_at_again() -> None:
    found = judged(array(fact()), array(fact(lmd=ASKED + 60_000, stamp=ASKED + 60_000)))
    assert (found.kinds, found.unsettled, found.moved) == ({}, [], [NAME])


@pytest.mark.parametrize("is_deleted_there", [False, True])
@pytest.mark.parametrize("is_deleted_here", [False, True])
def test_a_change_ahead_of_the_clock_is_named_however_like_the_sides_are(
    is_deleted_there: bool, is_deleted_here: bool
) -> None:
    org, warehouse = (
        array(fact(deleted=is_deleted_there)),
        array(fact(deleted=is_deleted_here, stamp=AHEAD + 1)),
    )
    for there in (org, array()):
        found = judged(there, warehouse)
        assert (found.kinds, found.unsettled, found.above) == ({DifferenceKind.AHEAD: [NAME]}, [], [NAME])


def test_a_repair_must_stand_above_a_row_that_is_later_than_the_orgs_modstamp() -> None:
    other = judged(array(fact()), array(fact(stamp=OLD + 2_900, digest=8)))
    assert (other.kinds, other.above) == ({DifferenceKind.FIELDS: [NAME]}, [NAME])
    same_second = judged(array(fact()), array(fact(stamp=OLD + 999, digest=8)))
    assert (same_second.kinds, same_second.above) == ({DifferenceKind.FIELDS: [NAME]}, [])
    deleted = judged(array(fact()), array(fact(stamp=OLD + 60_000, deleted=True)))
    assert (deleted.kinds, deleted.above) == ({DifferenceKind.DELETED: [NAME]}, [NAME])


def test_a_reading_that_stands_above_its_modstamp_with_the_same_values_is_equal() -> None:
    assert kind_of(array(fact()), array(fact(stamp=OLD + 400_000))) == "equal"


def test_a_record_that_changes_within_the_second_of_the_look_is_looked_at_again() -> None:
    assert (
        kind_of(
            array(fact(lmd=ASKED, stamp=ASKED)),
            array(fact(lmd=ASKED, stamp=ASKED + 900, digest=8)),
        )
        == "unsettled"
    )


@pytest.mark.parametrize("other", [{"digest": 8}, {"lmd": OLD - 60_000}, {"complete": False}, {"lmd": -1}])
def test_a_record_that_is_deleted_on_one_side_alone_is_of_that_kind_whatever_else_differs(
    other: dict[str, Any],
) -> None:
    assert kind_of(array(fact()), array(fact(deleted=True, **other))) == DifferenceKind.DELETED
    assert kind_of(array(fact(deleted=True)), array(fact(**other))) == DifferenceKind.EXTRA
    assert kind_of(array(fact(deleted=True)), array(fact(deleted=True, **other))) == "equal"


def test_the_last_moment_before_the_clock_is_not_ahead_of_it() -> None:
    later = fact(lmd=AHEAD, stamp=AHEAD)
    assert judged(array(fact()), array(later)).kinds == {}
    assert judged(array(), array(later)).kinds == {}


def test_a_change_of_the_moment_of_the_question_need_not_be_in_the_answer() -> None:
    assert kind_of(array(), array(fact(stamp=ASKED))) == "unsettled"
    assert kind_of(array(), array(fact(stamp=ASKED - 1))) == DifferenceKind.GONE
    assert kind_of(array(fact()), array(fact(stamp=ASKED, deleted=True))) == "unsettled"
    assert kind_of(array(fact()), array(fact(stamp=ASKED - 1, deleted=True))) == DifferenceKind.DELETED
    changed = array(fact(stamp=ASKED - 1, digest=8))
    assert kind_of(array(fact(stamp=ASKED)), array(fact(stamp=ASKED, digest=8))) == "unsettled"
    assert kind_of(array(fact(stamp=ASKED - 1)), changed) == DifferenceKind.FIELDS


def test_a_record_that_the_org_changed_at_the_moment_of_the_question_may_still_move() -> None:
    org, warehouse = array(fact(stamp=ASKED + 500)), array(fact(stamp=ASKED + 100, digest=8))
    for asked, unsettled in ((ASKED + 500, [NAME]), (ASKED + 501, [])):
        found = compare_rows(org, warehouse, asked_from_ms=asked, ahead_from_ms=AHEAD, has_digests=True)
        assert found.unsettled == unsettled


def test_a_record_that_the_org_deleted_may_live_here_by_a_commit_that_came_late_and_no_longer() -> None:
    org = array(fact(deleted=True, stamp=ASKED - 2_000))
    late = ASKED - 2_000 + COMMIT_LAG_MS
    assert kind_of(org, array(fact(stamp=late))) == DifferenceKind.EXTRA
    assert kind_of(org, array(fact(stamp=late + 1))) == "unsettled"


def test_without_digests_no_field_is_compared() -> None:
    found = compare_rows(
        array(fact()), array(fact(digest=8)), asked_from_ms=ASKED, ahead_from_ms=AHEAD, has_digests=False
    )
    assert (found.kinds, found.unsettled) == ({}, [])


def test_a_record_with_two_rows_is_judged_by_nothing_else() -> None:
    org = array(fact(), fact("B"))
    twice = array(fact(deleted=True), fact(digest=8), fact("B", digest=8))
    assert judged(org, twice).kinds == {
        DifferenceKind.DUPLICATE: [NAME],
        DifferenceKind.FIELDS: ["B" + NAME[1:]],
    }


def test_records_of_either_side_are_counted_once() -> None:
    found = judged(array(fact(), fact("B")), array(fact("B"), fact("C"), fact("D")))
    assert found.records == 4
    assert found.kinds == {
        DifferenceKind.MISSING: [NAME],
        DifferenceKind.GONE: ["C" + NAME[1:], "D" + NAME[1:]],
    }


def test_fields_of_undecided_records_are_no_difference_yet_and_all_else_stays() -> None:
    kinds = {DifferenceKind.FIELDS: ["b", "a", "c"], DifferenceKind.STALE: ["d"]}
    found = RowComparison(kinds, ["u"], 9, ["a", "c", "d"], ["m"])
    assert undecided(found, {"a", "b", "d"}) == RowComparison(
        {DifferenceKind.FIELDS: ["c"], DifferenceKind.STALE: ["d"]}, ["u", "a", "b"], 9, ["c", "d"], ["m"]
    )
    assert undecided(found, {"a", "b", "c"}).kinds == {DifferenceKind.STALE: ["d"]}
    assert undecided(found, {"d", "u"}) == found


RECORD = st.tuples(
    st.integers(0, 40).map(lambda number: f"001Tg{number:010d}AAA"),
    st.sampled_from([OLD, OLD + 60_000, ASKED + 5_000]),
    st.booleans(),
    st.integers(0, 1),
)


@given(
    st.lists(RECORD, max_size=30, unique_by=lambda each: each[0]),
    st.lists(RECORD, max_size=30),
    st.integers(1, 5),
)
def test_parts_give_what_the_whole_gives(
    theirs: list[tuple[str, int, bool, int]], ours: list[tuple[str, int, bool, int]], count: int
) -> None:
    org, warehouse = (
        array(
            *(
                fact(name, lmd=moment, stamp=moment, deleted=deleted, digest=digest)
                for name, moment, deleted, digest in side
            )
        )
        for side in (theirs, ours)
    )
    whole = judged(org, warehouse)
    parts = [
        judged(org[partition(org, count) == number], warehouse[partition(warehouse, count) == number])
        for number in range(count)
    ]
    for kind in DifferenceKind:
        found = sorted(name for part in parts for name in part.kinds.get(kind, []))
        assert found == sorted(whole.kinds.get(kind, []))
    assert sorted(name for part in parts for name in part.unsettled) == sorted(whole.unsettled)
    assert sum(part.records for part in parts) == whole.records
