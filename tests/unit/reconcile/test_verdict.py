"""A verdict says `equal` or `repaired` only when nothing is left, and counts are those of all
steps.
"""

from typing import Any

import pytest

from schemas.reconcile import Depth, DifferenceKind, Isolated, LogCheck, ReconcileState, Verdict
from schemas.reconcile_steps import ComparedFacts, DifferingBuckets
from transforms.reconcile.verdict import doubtful_records_of, kinds_of, log_checked, verdict_of


def state(**changed: Any) -> ReconcileState:
    return ReconcileState(
        org="o", object="Case", window="all", run="r", depth=Depth.IDS, stage="done", **changed
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ({}, Verdict.EQUAL),
        ({"found": 2, "repaired": 2}, Verdict.REPAIRED),
        ({"log": LogCheck(altered=1, mended=1)}, Verdict.REPAIRED),
        ({"found": 2, "repaired": 1, "left": 1}, Verdict.DIFFERS),
        ({"log": LogCheck(altered=2, mended=1)}, Verdict.DIFFERS),
        ({"trouble": "a repair failed"}, Verdict.DIFFERS),
        ({"isolated": Isolated(records=1, fields=1)}, Verdict.ISOLATED),
        ({"isolated": Isolated(records=1, fields=1), "left": 1}, Verdict.DIFFERS),
    ],
)
def test_a_verdict_is_equal_or_repaired_when_nothing_is_left(found: dict[str, Any], verdict: Verdict) -> None:
    assert verdict_of(state(**found), repairs=True) is verdict


def test_what_was_found_and_not_repaired_differs() -> None:
    assert verdict_of(state(found=1), repairs=False) is Verdict.DIFFERS


def test_what_the_log_shows_is_mended_is_repaired_also_without_repairs() -> None:
    assert verdict_of(state(log=LogCheck(altered=1, mended=1)), repairs=False) is Verdict.REPAIRED


def test_stretches_of_the_log_add_up_and_the_last_one_says_how_far_it_has_come() -> None:
    first = LogCheck(records=10, altered=5, duplicated=3, mended=2, after="a", done=False)
    second = LogCheck(records=100, altered=50, duplicated=30, mended=20, after="b", done=True)
    assert log_checked(first, second) == LogCheck(
        records=110, altered=55, duplicated=33, mended=22, after="b", done=True
    )


def test_differences_of_several_comparisons_add_up_by_kind() -> None:
    parts = [ComparedFacts(kinds={"stale": 1, "gone": 2}), ComparedFacts(kinds={"stale": 4})]
    assert kinds_of(parts) == {"stale": 5, "gone": 2}
    assert kinds_of([]) == {}


def days(**changed: Any) -> DifferingBuckets:
    counts = {"buckets": 1, "differing": 0, "rows": 0, "org_records": 9, "warehouse_records": 9}
    return DifferingBuckets(ranges=(), in_flight=0, **counts, **changed)


@pytest.mark.parametrize("depth", list(Depth))
def test_records_ahead_of_the_clock_are_doubtful_at_every_depth(depth: Depth) -> None:
    (ahead,) = doubtful_records_of(days(ahead=2, ahead_key="k"), depth)
    assert (ahead.differing, ahead.kinds, ahead.above_key) == (2, {DifferenceKind.AHEAD: 2}, "k")


@pytest.mark.parametrize(("depth", "count"), [(Depth.BUCKETS, 1), (Depth.IDS, 1), (Depth.FIELDS, 0)])
def test_isolated_records_are_doubtful_unless_every_field_is_compared(depth: Depth, count: int) -> None:
    found = doubtful_records_of(days(isolated=3, isolated_key="k"), depth)
    assert [(each.unsettled, each.unsettled_key) for each in found] == [(3, "k")] * count


@pytest.mark.parametrize("depth", list(Depth))
def test_without_such_records_none_are_doubtful(depth: Depth) -> None:
    assert doubtful_records_of(days(), depth) == []
