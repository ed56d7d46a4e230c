"""Problems of budgets: how soon one runs out, whom it refuses, and whether it was read at all."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.governor import Budget, Forecast, LeaseClass, Slowed
from tests.unit.status.looks import NOW, ago, codes, look

HOUR = timedelta(hours=1)
BIT = timedelta(microseconds=1)


def found(**changed: Any) -> list[tuple[str, str]]:
    told = {"budget": Budget.API_CALLS, "maximum": 1_000, "left": 500, "read_at": ago(minutes=1)}
    return [each[:2] for each in codes(look(forecasts=(Forecast.model_validate(told | changed),)))]


def texts(**changed: Any) -> list[str]:
    told = {"budget": Budget.API_CALLS, "maximum": 1_000, "left": 500, "read_at": ago(minutes=1)}
    return [each.text for each in look(forecasts=(Forecast.model_validate(told | changed),)).problems]


def slowed(who: LeaseClass = LeaseClass.BACKFILL, **changed: Any) -> tuple[Slowed, ...]:
    told = {"lease_class": who, "at": NOW, "reason": "", "spends": True}
    return (Slowed.model_validate(told | changed),)


def test_a_budget_with_tokens_left_that_lasts_the_day_is_no_problem() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("lasts", "severity"),
    [(4 * HOUR, "page"), (4 * HOUR + BIT, "ticket"), (12 * HOUR, "ticket"), (12 * HOUR + BIT, None)],
)
def test_a_budget_that_runs_out_within_four_hours_pages_and_within_twelve_is_a_ticket(
    lasts: timedelta, severity: str | None
) -> None:
    wanted = [] if severity is None else [(severity, "budget.exhausts")]
    assert found(runs_out_at=NOW + lasts) == wanted
    assert found(runs_out_at_usual=NOW + lasts) == wanted


def test_a_reading_is_old_after_ten_minutes() -> None:
    assert found(read_at=ago(minutes=10)) == []
    assert found(read_at=ago(minutes=10) - BIT) == [("page", "budget.stale")]


def test_a_budget_of_which_the_org_says_nothing_is_not_called_old() -> None:
    assert found(read_at=None) == []


def test_a_budget_that_was_never_read_or_comes_back_at_once_is_left_out() -> None:
    spent = {"left": 0, "read_at": ago(hours=1)}
    assert found(**spent, maximum=None) == []
    assert found(**spent, budget=Budget.STREAMING_CLIENTS) == []


def test_a_budget_is_spent_when_nothing_is_left_and_not_before() -> None:
    assert found(left=1) == []
    assert found(left=0) == [("page", "budget.refused")]
    assert texts(left=0) == ["it is spent up to the margin"]


def test_a_budget_that_is_spent_is_not_said_to_run_out() -> None:
    assert found(left=0, runs_out_at=NOW) == [("page", "budget.refused")]


def test_a_pause_says_until_when_and_why_and_ends_at_its_time() -> None:
    paused = {"paused_until": NOW + BIT, "paused_because": "the org refused"}
    assert found(**paused) == [("notice", "budget.refused")]
    assert texts(**paused) == ["nothing is granted until 12:00:00 UTC: the org refused"]
    assert found(paused_until=NOW, paused_because="the org refused") == []


def test_only_classes_that_spend_and_are_slowed_by_now_are_named() -> None:
    assert texts(slowed=slowed()) == ["refused now: backfill"]
    assert found(slowed=slowed(at=NOW + BIT)) == []
    assert found(slowed=slowed(spends=False)) == []


def test_slowed_writebacks_page_and_slowed_backfills_do_not() -> None:
    assert found(slowed=slowed(LeaseClass.WRITEBACK)) == [("page", "budget.refused")]
    assert found(slowed=slowed()) == [("notice", "budget.refused")]


def test_slowed_backfills_do_not_hide_that_the_budget_runs_out() -> None:
    assert found(slowed=slowed(), runs_out_at=NOW + 3 * HOUR) == [
        ("page", "budget.exhausts"),
        ("notice", "budget.refused"),
    ]


def test_a_governor_that_was_never_started_is_no_problem_and_a_silent_one_is() -> None:
    assert codes(look(governor="not started")) == []
    assert codes(look(governor="silent")) == [("page", "governor.silent", "")]


def test_use_is_shown_of_budgets_of_a_day_that_were_read() -> None:
    read = Forecast(budget=Budget.API_CALLS, maximum=1_000, used=10, left=500)
    others = [
        read.model_copy(update=changed)
        for changed in ({"maximum": None}, {"maximum": 0}, {"budget": Budget.LONG_CALLS})
    ]
    (use,) = look(forecasts=(read, *others)).budgets or ()
    assert (use.budget, use.used, use.maximum) == ("api_calls", 10, 1_000)
    assert look(forecasts=(read,), governor="silent").budgets is None
