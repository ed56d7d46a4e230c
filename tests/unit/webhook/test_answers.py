"""Meanings of answers, and waits between tries."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.webhook.limits import LONGEST_PAUSE, LONGEST_WAIT, MOST_RETRY_AFTER
from transforms.webhook.answers import Outcome, answer_of, pause_after, wait_after

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FIRST = timedelta(seconds=5)


@pytest.mark.parametrize(
    ("status", "header", "outcome", "wait"),
    [
        (200, None, Outcome.TAKEN, None),
        (199, None, Outcome.FAILED, None),
        (204, "60", Outcome.TAKEN, None),
        (299, None, Outcome.TAKEN, None),
        (300, None, Outcome.FAILED, None),
        (301, None, Outcome.FAILED, None),
        (400, None, Outcome.FAILED, None),
        (410, None, Outcome.GONE, None),
        (429, None, Outcome.FAILED, None),
        (429, "soon", Outcome.FAILED, None),
        (429, "²", Outcome.FAILED, None),
        (429, " 7 ", Outcome.BUSY, timedelta(seconds=7)),
        (429, "7", Outcome.BUSY, timedelta(seconds=7)),
        (503, "Mon, 30 Nov 2026 12:01:00 GMT", Outcome.BUSY, timedelta(minutes=1)),
        (503, "Mon, 30 Nov 2026 12:01:00 -0000", Outcome.BUSY, timedelta(minutes=1)),
        (503, "Mon, 30 Nov 2026 13:01:00 +0100", Outcome.BUSY, timedelta(minutes=1)),
        (503, "Mon, 30 Nov 2026 15:00:00 GMT", Outcome.BUSY, MOST_RETRY_AFTER),
        (503, "Mon, 30 Nov 2026 11:00:00 GMT", Outcome.BUSY, timedelta(0)),
        (503, "999999999999", Outcome.BUSY, MOST_RETRY_AFTER),
        (500, "7", Outcome.FAILED, None),
        (599, None, Outcome.FAILED, None),
    ],
)
def test_a_status_means(status: int, header: str | None, outcome: Outcome, wait: timedelta | None) -> None:
    found = answer_of(status, header, NOW)
    assert (found.outcome, found.retry_after) == (outcome, wait)


@pytest.mark.parametrize("status", [300, 302, 399])
def test_a_redirect_is_named_as_one(status: int) -> None:
    assert answer_of(status, None, NOW).reason == f"it answered {status}, and redirects are not followed"


@pytest.mark.parametrize("status", [199, 400, 410, 429, 500])
def test_any_other_refusal_is_named_by_its_status_alone(status: int) -> None:
    assert answer_of(status, "7", NOW).reason == f"it answered {status}"


def test_waits_grow_by_three_up_to_the_longest_and_spread_by_a_fifth() -> None:
    assert [wait_after(n, FIRST, 0).total_seconds() for n in (1, 2, 3, 4)] == [5, 15, 45, 135]
    assert wait_after(99, FIRST, 0) == LONGEST_WAIT
    assert wait_after(0, FIRST, 0) == FIRST
    assert wait_after(1, FIRST, 1) == FIRST * 1.2
    assert wait_after(1, FIRST, 0.5) == FIRST * 1.1
    assert pause_after(99, FIRST, 0) == LONGEST_PAUSE


def test_waits_stop_growing_after_thirteen_failures() -> None:
    tiny = timedelta(microseconds=1)
    assert wait_after(12, tiny, 0) * 3 == wait_after(13, tiny, 0) == wait_after(99, tiny, 0)
