"""Problems that a follower's own words tell: refused logins, and changes that land late."""

from datetime import timedelta
from typing import Any

from schemas.status_facts import (
    FollowerFacts,
    LaneFacts,
    LanePulse,
)
from tests.unit.status.looks import ago, codes, look


def told(**changed: Any) -> LaneFacts:
    """A lane whose stream is open and hears from the org."""
    well = {"at": ago(seconds=1), "step": "listening", "step_since": ago(hours=1), "heard_at": ago(seconds=5)}
    pulse = LanePulse.model_validate(well | {"silence": timedelta(minutes=2)} | changed)
    follower = FollowerFacts(
        activity="follow_lane",
        state="started",
        attempt=1,
        started_at=ago(hours=1),
        heartbeat_at=pulse.at,
        pulse=pulse,
    )
    return LaneFacts(lane="changes", is_running=True, stage="following", follower=follower)


def test_a_refused_login_is_a_page_though_the_stream_goes_on():
    refused = told(login_refused="invalid_client: it was rotated", login_refused_at=ago(minutes=3))
    found = look(lanes=(refused,))
    assert codes(found) == [("page", "login.refused", "salesforce")]
    assert found.problems[0].since == ago(minutes=3)
    assert "invalid_client" in found.problems[0].text


def test_a_refused_login_is_told_of_a_word_that_is_fresh_and_since_the_first_refusal():
    def refused(seconds: float, since: Any) -> LaneFacts:
        return told(at=ago(seconds=seconds), login_refused="no", login_refused_at=since)

    def since(*lanes: LaneFacts) -> list[Any]:
        return [each.since for each in look(lanes=lanes).problems if each.code == "login.refused"]

    assert since(refused(15, None)) == [None]
    assert since(refused(15.001, None)) == []
    assert since(refused(1, ago(minutes=3)), refused(1, ago(minutes=5)), refused(1, None)) == [ago(minutes=5)]
    assert since(LaneFacts(lane="a", is_running=True), told(), refused(1, None)) == [None]


def test_a_lane_that_lands_old_changes_is_late_though_nothing_waits_to_be_applied():
    late = told(landed_at=ago(seconds=3), position_at=ago(minutes=11))
    found = look(lanes=(late,))
    assert codes(found) == [("page", "lane.late", "changes")]
    assert "11 min" in found.problems[0].text


def test_a_quiet_lane_is_not_late_nor_is_one_that_landed_its_last_change_in_time():
    assert codes(look(lanes=(told(landed_at=ago(minutes=10), position_at=ago(minutes=20)),))) == []
    assert codes(look(lanes=(told(landed_at=ago(seconds=3), position_at=ago(minutes=2)),))) == []


def test_several_lanes_with_a_refused_login_are_one_problem_and_an_old_word_is_none():
    refused = {"login_refused": "no", "login_refused_at": ago(minutes=3)}
    assert len(look(lanes=(told(**refused), told(**refused))).problems) == 1
    old = look(lanes=(told(**refused, at=ago(minutes=1)),))
    assert "login.refused" not in [each.code for each in old.problems]
