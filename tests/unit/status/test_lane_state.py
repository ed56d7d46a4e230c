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
    just = again.model_copy(update={"heartbeat_at": again.started_at, "pulse": pulse()})
    assert state(just) is LaneState.STALLED


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


BIT = timedelta(microseconds=1)


def test_a_line_has_of_its_lane_what_memo_and_pulse_say_and_the_memo_counts_first() -> None:
    seen = pulse(position_at=ago(4), landed_at=ago(3))
    found = lane_status(lane(follower(pulse=seen, position="9"), position="7"), NOW)
    assert (found.channel, found.way) == ("/data/ChangeEvents", "stream")
    assert (found.heard_at, found.received_at) == (ago(30), ago(900))
    assert (found.position, found.position_at, found.landed_at) == ("9", ago(4), ago(3))
    memo = LaneMemo(way="poll", channel="Case")
    told = lane_status(lane(follower(pulse=seen), position="7", memo=memo), NOW)
    assert (told.channel, told.way, told.position) == ("Case", "poll", "7")


def test_a_line_of_which_nobody_tells_says_nothing() -> None:
    found = lane_status(lane(None), NOW)
    assert (found.channel, found.way, found.position) == ("", "stream", "")
    assert (found.heard_at, found.received_at, found.position_at, found.landed_at) == (None,) * 4
    assert lane_status(lane(follower(activity="poll_lane", pulse=None)), NOW).way == "poll"


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        pytest.param(
            follower(heartbeat_at=ago(10), started_at=ago(600)),
            follower(heartbeat_at=ago(10) - BIT, started_at=ago(600)),
            id="ten seconds of silence",
        ),
        pytest.param(
            follower(pulse=pulse(heard_at=NOW - SILENCE)),
            follower(pulse=pulse(heard_at=NOW - SILENCE - BIT)),
            id="the keep-alive time",
        ),
        pytest.param(
            follower(pulse=pulse(step="landing", step_since=ago(30))),
            follower(pulse=pulse(step="landing", step_since=ago(30) - BIT)),
            id="half a minute of landing",
        ),
        pytest.param(
            follower(pulse=pulse(heard_at=None, step="opening", step_since=NOW - SILENCE)),
            follower(pulse=pulse(heard_at=None, step="opening", step_since=NOW - SILENCE - BIT)),
            id="no answer yet",
        ),
        pytest.param(
            follower(state="scheduled", scheduled_at=ago(15), pulse=None),
            follower(state="scheduled", scheduled_at=ago(15) - BIT, pulse=None),
            id="a quarter of a minute until another worker takes it",
        ),
    ],
)
def test_a_lane_stalls_just_after_its_time(within: FollowerFacts, beyond: FollowerFacts) -> None:
    assert state(within) is not LaneState.STALLED
    assert state(beyond) is LaneState.STALLED


def test_a_workflow_task_is_taken_within_a_quarter_of_a_minute() -> None:
    assert state(None, task_waits_since=ago(15)) is LaneState.UNKNOWN
    assert state(None, task_waits_since=ago(15) - BIT) is LaneState.STALLED


def test_a_lane_follows_for_two_minutes_after_what_it_received_last() -> None:
    assert state(follower(pulse=pulse(received_at=ago(120)))) is LaneState.FOLLOWING
    assert state(follower(pulse=pulse(received_at=ago(120) - BIT))) is LaneState.QUIET
    assert state(follower(pulse=pulse(received_at=None))) is LaneState.QUIET


@pytest.mark.parametrize("facts", [{"heartbeat_at": None}, {"heartbeat_at": ago(5)}])
def test_an_attempt_that_has_just_begun_is_known_by_the_last_word_of_the_one_before(facts: dict[str, Any]):
    begun = {"started_at": ago(4)} | facts
    assert state(follower(**begun, pulse=pulse(at=ago(15)))) is LaneState.QUIET
    assert state(follower(**begun, pulse=pulse(at=ago(15) - BIT))) is LaneState.UNKNOWN
    assert state(follower(**begun, pulse=None)) is LaneState.UNKNOWN


def test_a_follower_on_its_way_to_another_worker_is_known_by_its_last_word() -> None:
    moving: dict[str, Any] = {"state": "scheduled", "scheduled_at": ago(1)}
    assert state(follower(**moving, pulse=pulse(at=ago(15)))) is LaneState.QUIET
    found = lane_status(lane(follower(**moving, pulse=pulse(at=ago(15) - BIT))), NOW)
    assert (found.state, found.since) == (LaneState.UNKNOWN, ago(1))
    assert state(follower(state="scheduled", pulse=None)) is LaneState.UNKNOWN


def test_a_worker_that_drains_is_no_failure() -> None:
    drained: dict[str, Any] = {"failure": "stops", "failure_code": "WorkerDraining"}
    begun = follower(**drained, started_at=ago(2), heartbeat_at=ago(5))
    assert state(begun) is LaneState.QUIET
    late = follower(**drained, state="scheduled", scheduled_at=ago(16))
    assert lane_status(lane(late), NOW).because.startswith("no lanes worker takes it: tidegate worker")


def test_a_failure_that_nobody_tries_again_is_told_with_the_want_of_a_worker() -> None:
    failed: dict[str, Any] = {"state": "scheduled", "failure": "S3 hangs", "failure_code": "UnavailableError"}
    assert lane_status(lane(follower(**failed, scheduled_at=ago(15))), NOW).because == "S3 hangs"
    late = lane_status(lane(follower(**failed, scheduled_at=ago(16))), NOW)
    assert late.because == "no lanes worker takes it; before that: S3 hangs"
    waits = follower(**failed | {"failure_code": "RateLimitedError"}, scheduled_at=ago(16))
    assert lane_status(lane(waits), NOW).because == "S3 hangs"


def test_a_failed_lane_is_stalled_since_the_org_was_last_heard_or_else_since_it_failed() -> None:
    failed: dict[str, Any] = {
        "state": "scheduled",
        "failure": "no",
        "failure_code": "UnavailableError",
        "failed_at": ago(9),
    }
    assert lane_status(lane(follower(**failed)), NOW).since == ago(30)
    assert lane_status(lane(follower(**failed, pulse=pulse(heard_at=None))), NOW).since == ago(9)
    assert lane_status(lane(follower(**failed, pulse=None)), NOW).since == ago(9)


@pytest.mark.parametrize(
    ("told", "step"),
    [
        (None, ""),
        (pulse(), ""),
        (
            pulse(step="landing", step_since=ago(20)),
            "; its last step was landing a batch (S3, KMS, Temporal), since 11:59:40",
        ),
        (
            pulse(step="reading", step_since=ago(20)),
            "; its last step was reading from the org, since 11:59:40",
        ),
        (pulse(step="opening", step_since=ago(20)), "; its last step was opening, since 11:59:40"),
    ],
)
def test_a_process_that_fell_silent_is_named_with_its_last_step(told: LanePulse | None, step: str) -> None:
    silent = lane_status(lane(follower(heartbeat_at=ago(60), pulse=told)), NOW)
    assert silent.because == f"the process that follows it is silent: its name is not known{step}"
    dead = follower(state="scheduled", failure="heartbeat", failure_code="timeout", pulse=told)
    assert lane_status(lane(dead), NOW).because == (
        f"its last process fell silent: killed, frozen, or waiting for a remote{step}"
    )


def test_a_follower_that_neither_began_nor_told_anything_is_stalled() -> None:
    assert state(follower(started_at=None, heartbeat_at=None)) is LaneState.STALLED


def test_an_activity_that_somebody_paused_in_temporal_is_paused() -> None:
    found = lane_status(lane(follower(state="paused")), NOW)
    assert (found.state, found.by) == (LaneState.PAUSED, "")
    assert "unpause it there" in found.because


def test_a_lane_says_why_it_is_paused_or_not_known_as_far_as_anybody_said() -> None:
    assert lane_status(lane(None, stage="paused"), NOW).because == "no worker says why"
    memo = LaneMemo(paused_because="night")
    assert lane_status(lane(None, stage="paused", memo=memo), NOW).because == "night"
    assert lane_status(lane(None, is_running=None), NOW).because == "Temporal did not say"
    assert lane_status(lane(None, is_running=None, trouble="no answer"), NOW).because == "no answer"


def test_a_batch_that_waited_before_a_timeout_stalls_only_when_it_began_before_the_present_attempt() -> None:
    told: dict[str, Any] = {"failure": "heartbeat", "failure_code": "timeout", "started_at": ago(15)}
    same = pulse(step="listening", step_since=ago(2), landing_since=ago(15), received_at=ago(1))
    assert state(follower(**told, pulse=same)) is LaneState.FOLLOWING
    earlier = same.model_copy(update={"landing_since": ago(15) - BIT})
    assert state(follower(**told, pulse=earlier)) is LaneState.STALLED
    other = told | {"failure_code": "UnavailableError"}
    assert state(follower(**other, pulse=earlier)) is LaneState.FOLLOWING
