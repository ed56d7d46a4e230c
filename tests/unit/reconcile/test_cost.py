"""The cost of a reconciliation is known before it is made."""

from dataclasses import astuple

import pytest

from schemas.reconcile import Depth
from transforms.reconcile.cost import JOB_WAITS, calls_needed, questions_about_a_job

YEARS = 700


def test_thirty_five_million_records_with_three_differences_are_proved_and_repaired_in_two_hundred_calls() -> (
    None
):
    plan = calls_needed(35_000_000, 3, days=YEARS, depth=Depth.IDS)
    assert plan.calls < 200
    assert plan.records >= 140, "a page brings a quarter of a million rows"


def test_an_equal_object_costs_one_call_whatever_its_size() -> None:
    for rows in (0, 1, 10_000, 35_000_000):
        assert calls_needed(rows, 0, days=YEARS, depth=Depth.BUCKETS).calls == 1


def test_by_buckets_alone_three_differences_of_35_million_records_cost_a_dozen_calls() -> None:
    assert calls_needed(35_000_000, 3, days=YEARS, depth=Depth.BUCKETS).calls <= 20


@pytest.mark.parametrize("depth", list(Depth))
def test_more_differences_never_cost_less(depth: Depth) -> None:
    for rows in (100, 20_000, 5_000_000):
        by_id = [
            (plan.examine, plan.repair, plan.again)
            for plan in (
                calls_needed(rows, found, days=30, depth=depth) for found in (0, 1, 10, 1_000, 50_000)
            )
        ]
        assert by_id == sorted(by_id)


def test_a_job_is_asked_for_until_it_is_done() -> None:
    assert questions_about_a_job(0, JOB_WAITS) == 1
    assert questions_about_a_job(14, JOB_WAITS) == 3
    assert questions_about_a_job(59 + 600, JOB_WAITS) == 5 + 10
    assert questions_about_a_job(2, JOB_WAITS) == 1
    assert questions_about_a_job(2.1, JOB_WAITS) == 2


@pytest.mark.parametrize("depth", list(Depth))
def test_the_calls_of_a_plan_are_those_of_its_steps(depth: Depth) -> None:
    plan = calls_needed(1_000_000, 900, days=YEARS, depth=depth, isolated=3)
    assert min(astuple(plan)) > 0
    assert plan.calls == sum(astuple(plan))


@pytest.mark.parametrize(("days", "calls"), [(0, 1), (2_000, 1), (2_001, 8), (4_001, 12)])
def test_more_days_than_an_answer_has_groups_are_asked_for_in_halves(days: int, calls: int) -> None:
    assert calls_needed(10, 0, days=days, depth=Depth.BUCKETS).buckets == calls


@pytest.mark.parametrize(
    ("rows", "differences", "days", "buckets", "records"),
    [
        pytest.param(10_000, 1, 10, 1, 1, id="two days of few rows are read whole"),
        pytest.param(6_000, 1, 1, 1, 3, id="three pages are few rows"),
        pytest.param(6_001, 1, 2, 1, 4, id="one row more, and every row is in a day that differs"),
        pytest.param(1_000_000, 5, 100, 2, 3, id="of days with many rows the hours are asked for"),
        pytest.param(10_000_000, 90, 1_000, 1 + 3, 5, id="as many hours as two answers hold"),
        pytest.param(1_000_000, 5, 20, 2, 4, id="half of the days differ"),
        pytest.param(1_000_000, 6, 20, 1, 11, id="more than half: every record is read"),
    ],
)
def test_days_that_differ_are_read_in_the_way_of_the_fewest_calls(
    rows: int, differences: int, days: int, buckets: int, records: int
) -> None:
    plan = calls_needed(rows, differences, days=days, depth=Depth.BUCKETS)
    assert (plan.buckets, plan.records) == (buckets, records)


@pytest.mark.parametrize("depth", [Depth.IDS, Depth.FIELDS])
def test_with_more_depth_every_record_is_read_once_beside_the_days_that_differ(depth: Depth) -> None:
    every = calls_needed(1_000_000, 0, days=20, depth=depth).records
    assert every == 1 + 5 + 4 + 1, "create, questions, pages, delete"
    assert calls_needed(1_000_000, 1, days=1_000, depth=depth).records == every + 1
    assert calls_needed(1_000_000, 6, days=20, depth=depth).records == every


@pytest.mark.parametrize(("rows", "calls"), [(0, 1), (1, 1), (2_001, 2), (14_000, 7), (14_001, 4)])
def test_a_job_reads_what_would_be_more_pages_than_the_calls_of_a_job(rows: int, calls: int) -> None:
    assert calls_needed(rows, 0, days=1, depth=Depth.IDS).records == calls


def test_suspects_are_looked_at_by_their_ids_and_looked_for_in_the_bin() -> None:
    plan = calls_needed(10_000, 2_001, days=1, depth=Depth.IDS)
    assert (plan.examine, plan.repair, plan.again) == (2 + 6, 2 + 6, 2 + 6)


@pytest.mark.parametrize(
    ("isolated", "depth", "more"),
    [
        (0, Depth.IDS, 0),
        (1, Depth.BUCKETS, 1),
        (2_000, Depth.IDS, 1),
        (2_001, Depth.IDS, 0),
        (1, Depth.FIELDS, 0),
    ],
)
def test_isolated_records_are_looked_at_when_one_call_reads_them_and_no_field_is_compared(
    isolated: int, depth: Depth, more: int
) -> None:
    with_them = calls_needed(100, 1, days=1, depth=depth, isolated=isolated)
    assert with_them.examine == calls_needed(100, 1, days=1, depth=depth).examine + more
