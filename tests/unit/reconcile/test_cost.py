"""The cost of a reconciliation is known before it is made."""

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
