"""A lane is shown in its true state: quiet, stalled, waiting, paused or unknown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.status import LaneState
from schemas.status_facts import FollowerFacts, LaneFacts, LaneMemo, LanePulse
from transforms.status.lanes import lane_status

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SILENCE = timedelta(seconds=150)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def pulse(**changed: Any) -> LanePulse:
    told = {
        "at": ago(1),
        "step": "listening",
        "step_since": ago(600),
        "channel": "/data/ChangeEvents",
        "silence": SILENCE,
        "heard_at": ago(30),
        "received_at": ago(900),
    }
    return LanePulse.model_validate(told | changed)


def follower(**changed: Any) -> FollowerFacts:
    told = {
        "activity": "follow_lane",
        "state": "started",
        "attempt": 1,
        "started_at": ago(600),
        "heartbeat_at": ago(1),
        "pulse": pulse(),
    }
    return FollowerFacts.model_validate(told | changed)


def lane(found: FollowerFacts | None, **changed: Any) -> LaneFacts:
    told = {"lane": "changes", "is_running": True, "stage": "following", "follower": found}
    return LaneFacts.model_validate(told | changed)


def state(found: FollowerFacts | None, **changed: Any) -> LaneState:
    return lane_status(lane(found, **changed), NOW).state


def test_a_lane_that_hears_keep_alives_and_receives_nothing_is_quiet():
    assert state(follower()) is LaneState.QUIET


def test_a_lane_that_received_something_lately_follows():
    assert state(follower(pulse=pulse(received_at=ago(20)))) is LaneState.FOLLOWING


def test_a_lane_that_hears_nothing_within_the_keep_alive_time_is_stalled_since_then():
    found = lane_status(lane(follower(pulse=pulse(heard_at=ago(151)))), NOW)
    assert (found.state, found.since) == (LaneState.STALLED, ago(151))


def test_a_pulse_of_another_release_is_read_by_the_names_that_are_known():
    newer = LanePulse.model_validate(pulse().model_dump() | {"waiting_for": "", "of_next_year": 1})
    assert newer == pulse()


def test_a_follower_whose_process_is_frozen_is_stalled_after_ten_seconds():
    found = lane_status(lane(follower(heartbeat_at=ago(11), worker="17@host")), NOW)
    assert (found.state, found.since) == (LaneState.STALLED, ago(11))
    assert "17@host" in found.because


@pytest.mark.parametrize("activity", ["follow_lane", "poll_lane"])
def test_a_batch_that_is_not_landed_within_half_a_minute_stalls_its_lane(activity: str):
    stuck = pulse(step="landing", step_since=ago(31))
    found = lane_status(lane(follower(activity=activity, pulse=stuck)), NOW)
    assert found.state is LaneState.STALLED
    assert "S3" in found.because


def test_a_follower_that_hangs_in_every_attempt_is_stalled_between_them_too():
    again = pulse(step="listening", step_since=ago(2), landing_since=ago(45))
    found = lane_status(lane(follower(attempt=4, started_at=ago(3), pulse=again)), NOW)
    assert (found.state, found.since) == (LaneState.STALLED, ago(45))


def test_a_follower_whose_last_attempt_hung_while_it_landed_is_stalled_until_one_lands():
    told = {"attempt": 2, "started_at": ago(3), "failure": "heartbeat", "failure_code": "timeout"}
    again = pulse(step="listening", step_since=ago(2), landing_since=ago(15), received_at=ago(1))
    found = lane_status(lane(follower(**told, pulse=again)), NOW)
    assert (found.state, found.since) == (LaneState.STALLED, ago(15))
    landing = pulse(step="landing", step_since=ago(1), landing_since=ago(1), received_at=ago(1))
    assert state(follower(**told, pulse=landing)) is LaneState.FOLLOWING
    landed = pulse(step="listening", step_since=ago(1), received_at=ago(1))
    assert state(follower(**told, pulse=landed)) is LaneState.FOLLOWING


def test_a_refused_token_makes_a_lane_wait_until_its_next_try():
    refused = follower(
        state="scheduled",
        attempt=4,
        scheduled_at=NOW + timedelta(seconds=40),
        failure="The governor grants no delivered_events to polling now",
        failure_code="BudgetSpentError",
        failed_at=ago(20),
    )
    found = lane_status(lane(refused), NOW)
    assert (found.state, found.since) == (LaneState.WAITING, ago(20))
    assert found.next_try_at == NOW + timedelta(seconds=40)
    assert "delivered_events" in found.because


def test_a_failure_that_is_tried_again_is_stalled_and_not_paused():
    failed = follower(
        state="scheduled",
        attempt=3,
        scheduled_at=NOW + timedelta(seconds=2),
        failure="Salesforce is unavailable",
        failure_code="UnavailableError",
    )
    found = lane_status(lane(failed), NOW)
    assert (found.state, found.because) == (LaneState.STALLED, "Salesforce is unavailable")
    assert found.next_try_at == NOW + timedelta(seconds=2)


def test_an_attempt_that_has_told_nothing_yet_keeps_the_failure_of_the_one_before():
    again = follower(
        attempt=3,
        started_at=ago(2),
        heartbeat_at=ago(30),
        failure="S3 hangs",
        failure_code="UnavailableError",
    )
    assert state(again) is LaneState.STALLED


def test_an_attempt_that_hears_again_is_no_longer_stalled():
    again = follower(attempt=3, started_at=ago(30), failure="S3 hangs", failure_code="UnavailableError")
    assert state(again) is LaneState.QUIET


def test_a_follower_that_nobody_takes_is_stalled_for_want_of_a_worker():
    found = lane_status(lane(follower(state="scheduled", scheduled_at=ago(16), pulse=None)), NOW)
    assert found.state is LaneState.STALLED
    assert "no lanes worker" in found.because


def test_a_follower_that_goes_over_to_another_worker_is_not_stalled_at_once():
    draining = follower(
        state="scheduled", scheduled_at=ago(1), failure="stops", failure_code="WorkerDraining"
    )
    assert state(draining) is LaneState.QUIET


def test_a_lane_says_who_paused_it_and_since_when():
    memo = LaneMemo(paused_because="paused by ada: night", paused_by="ada", paused_at=ago(60))
    found = lane_status(lane(None, stage="paused", memo=memo), NOW)
    assert (found.state, found.by, found.since) == (LaneState.PAUSED, "ada", ago(60))


def test_a_workflow_task_that_nobody_takes_is_a_missing_batches_worker():
    found = lane_status(lane(None, task_waits_since=ago(16)), NOW)
    assert found.state is LaneState.STALLED
    assert "batches" in found.because


def test_a_lane_whose_workflow_does_not_run_is_not_started():
    assert state(None, is_running=False) is LaneState.NOT_STARTED


@pytest.mark.parametrize(
    "facts",
    [
        lane(None, is_running=None),
        lane(None),
        lane(follower(pulse=None)),
        lane(follower(pulse=pulse(heard_at=None, step="opening", step_since=ago(5)))),
    ],
    ids=["Temporal is silent", "no follower yet", "older release", "the org has not answered yet"],
)
def test_a_lane_of_which_too_little_is_known_is_unknown(facts: LaneFacts):
    assert lane_status(facts, NOW).state is LaneState.UNKNOWN
