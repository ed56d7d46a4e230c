"""Problems of lanes, objects, remotes and roles: severities, and what another problem explains."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.status import (
    Health,
    LaneState,
    LaneStatus,
    ObjectStatus,
    Problem,
    QueueStatus,
    RemoteStatus,
    RoleStatus,
    Severity,
)
from schemas.status_facts import LookFacts
from tests.unit.status.looks import NOW, ago
from transforms.status.problems import find_problems, seconds

BIT = timedelta(microseconds=1)
DOWN = RoleStatus(role="lanes", health=Health.DOWN)


def lane(state: LaneState, name: str = "changes", **changed: Any) -> LaneStatus:
    return LaneStatus.model_validate({"lane": name, "state": state, "because": "why"} | changed)


def problems(*lanes: LaneStatus, objects: tuple[ObjectStatus, ...] = (), **facts: Any) -> list[Problem]:
    told: dict[str, Any] = {"remotes": ()} | facts
    return list(find_problems(LookFacts(at=NOW, org="o", **told), lanes, objects))


def found(*lanes: LaneStatus, **facts: Any) -> list[tuple[str, str]]:
    return [(str(each.severity), each.code) for each in problems(*lanes, **facts)]


def test_a_lane_that_waits_for_five_minutes_at_most_is_a_notice() -> None:
    for since in (None, ago(minutes=5)):
        assert found(lane(LaneState.WAITING, since=since)) == [("notice", "lane.waiting")]
    assert found(lane(LaneState.WAITING, since=ago(minutes=5) - BIT)) == [("ticket", "lane.waiting")]


def test_a_lane_whose_state_is_unknown_for_five_minutes_at_most_is_a_notice() -> None:
    assert found(lane(LaneState.UNKNOWN, since=ago(minutes=5))) == [("notice", "lane.unknown")]
    for since in (None, ago(minutes=5) - BIT):
        assert found(lane(LaneState.UNKNOWN, since=since)) == [("ticket", "lane.unknown")]


@pytest.mark.parametrize("state", [LaneState.UNKNOWN, LaneState.NOT_STARTED])
def test_a_lane_that_cannot_run_is_no_problem_of_its_own_while_something_is_down(state: LaneState) -> None:
    assert len(found(lane(state))) == 1
    assert [code for _, code in found(lane(state), roles=(DOWN,))] == ["role.missing"]
    silent = RemoteStatus(name="kms", health=Health.UNKNOWN)
    assert [code for _, code in found(lane(state), remotes=(silent,))] == ["remote.unknown"]


def test_a_lane_that_follows_or_that_the_planner_paused_is_no_problem() -> None:
    assert found(lane(LaneState.FOLLOWING), lane(LaneState.QUIET)) == []
    assert found(lane(LaneState.PAUSED, by="planner")) == []


def test_a_stalled_lane_says_why_and_when_it_is_tried_again() -> None:
    assert [each.text for each in problems(lane(LaneState.STALLED))] == ["why"]
    again = lane(LaneState.STALLED, next_try_at=NOW + timedelta(seconds=40))
    assert [each.text for each in problems(again)] == ["why; next try at 12:00:40"]


@pytest.mark.parametrize(
    ("told", "is_behind"),
    [
        (lane(LaneState.STALLED), True),
        (lane(LaneState.WAITING), True),
        (lane(LaneState.PAUSED, by="ada"), True),
        (lane(LaneState.PAUSED), True),
        (lane(LaneState.PAUSED, by="planner"), False),
        (lane(LaneState.QUIET), False),
        (lane(LaneState.UNKNOWN), False),
        (lane(LaneState.STALLED, way="poll"), False),
        (lane(LaneState.PAUSED, way="poll"), False),
    ],
)
def test_a_stream_that_does_not_move_is_behind_after_two_days(told: LaneStatus, *, is_behind: bool) -> None:
    old = told.model_copy(update={"position_at": ago(hours=48) - BIT})
    assert (("page", "lane.behind") in found(old)) is is_behind
    young = told.model_copy(update={"position_at": ago(hours=48)})
    assert ("page", "lane.behind") not in found(young)


def test_a_lane_is_late_that_lands_changes_older_than_the_target_and_landed_them_lately() -> None:
    landed: dict[str, Any] = {"landed_at": ago(minutes=2), "position_at": ago(minutes=4) - BIT}
    assert found(lane(LaneState.QUIET, **landed)) == [("page", "lane.late")]
    for changed in (
        {"way": "poll"},
        {"landed_at": None},
        {"position_at": None},
        {"position_at": ago(minutes=4)},
        {"landed_at": ago(minutes=2) - BIT, "position_at": ago(minutes=9)},
    ):
        assert found(lane(LaneState.QUIET, **landed | changed)) == []


def test_an_object_is_late_after_two_minutes_and_a_held_one_is_only_held() -> None:
    def of(**changed: Any) -> list[tuple[str, str]]:
        return found(objects=(ObjectStatus.model_validate({"object": "Case"} | changed),))

    assert of() == of(oldest_unapplied_at=ago(minutes=2)) == []
    assert of(oldest_unapplied_at=ago(minutes=2) - BIT) == [("page", "object.late")]
    assert of(oldest_unapplied_at=ago(hours=2), held="too many") == [("ticket", "object.held")]


def test_an_object_that_is_late_because_something_is_down_is_a_notice() -> None:
    late = (ObjectStatus(object="Case", oldest_unapplied_at=ago(hours=1)),)
    missing = RoleStatus(role="batches", health=Health.DOWN)
    assert ("notice", "object.late") in found(objects=late, roles=(missing,))
    for name in ("temporal", "s3", "kms", "warehouse", "read_copy"):
        down = RemoteStatus(name=name, health=Health.DOWN)
        assert ("notice", "object.late") in found(objects=late, remotes=(down,))
    other = RemoteStatus(name="operational", health=Health.DOWN)
    assert ("page", "object.late") in found(objects=late, remotes=(other,))


def test_a_stalled_lane_is_explained_by_what_it_needs_and_by_nothing_else() -> None:
    stalled = lane(LaneState.STALLED)
    for name in ("salesforce", "temporal", "s3", "kms"):
        down = RemoteStatus(name=name, health=Health.DOWN)
        assert ("notice", "lane.stalled") in found(stalled, remotes=(down,))
    other = RemoteStatus(name="warehouse", health=Health.DOWN)
    assert ("page", "lane.stalled") in found(stalled, remotes=(other,))


def test_only_a_cause_names_the_lanes_that_stall() -> None:
    remotes = tuple(RemoteStatus(name=name, health=Health.DOWN) for name in ("s3", "warehouse"))
    roles = tuple(RoleStatus(role=name, health=Health.DOWN) for name in ("lanes", "batches", "writebacks"))
    told = {
        each.subject: each.text for each in problems(lane(LaneState.STALLED), remotes=remotes, roles=roles)
    }
    assert {name for name, text in told.items() if "stalled: changes" in text} == {"s3", "lanes", "batches"}
    calm = problems(lane(LaneState.QUIET), remotes=remotes, roles=roles)
    assert [each.subject for each in calm if "stalled" in each.text] == []


def test_six_lanes_are_named_and_more_are_counted() -> None:
    def told(count: int) -> str:
        lanes = [lane(LaneState.STALLED, f"l{n}") for n in range(count)]
        down = RemoteStatus(name="s3", health=Health.DOWN, detail="no")
        return problems(*lanes, remotes=(down,))[0].text

    assert told(1) == "no; stalled: l0"
    assert told(6) == "no; stalled: l0, l1, l2, l3, l4, l5"
    assert told(7) == "no; stalled: l0, l1, l2, l3, l4, l5 and 1 more"


def test_a_remote_that_says_nothing_of_why_could_not_be_asked_and_is_looked_at_with_its_own_doctor() -> None:
    copy = RemoteStatus(name="read_copy", health=Health.DOWN)
    kms = RemoteStatus(name="kms", health=Health.UNKNOWN, since=ago(minutes=1))
    first, second = problems(remotes=(copy, kms))
    assert (first.text, first.remedy) == ("it could not be asked", "tidegate doctor --only warehouse")
    assert (second.since, second.remedy) == (ago(minutes=1), "tidegate doctor --only kms")


def queue(name: str, *, pollers: int = 1, backlog: int = 0, oldest: float = 0) -> QueueStatus:
    return QueueStatus(
        queue=name,
        kind="activity",
        pollers=pollers,
        polled_at=None,
        backlog=backlog,
        oldest=timedelta(seconds=oldest),
    )


def role(name: str, *queues: QueueStatus, health: Health = Health.UP) -> RoleStatus:
    return RoleStatus(role=name, health=health, queues=queues)


def test_a_missing_role_names_the_queues_that_nobody_polls_and_how_to_start_it() -> None:
    missing = role("batches", queue("a"), queue("b", pollers=0), queue("c", pollers=0), health=Health.DOWN)
    (found_one,) = problems(roles=(missing, role("lanes")))
    assert (found_one.text, found_one.remedy) == ("nobody polls b, c", "tidegate worker --role batches")


def test_a_queue_of_any_role_is_told_only_while_no_worker_runs() -> None:
    nobody = role("any", queue("g", pollers=0), health=Health.DOWN)
    assert problems(roles=(nobody, role("lanes"))) == []
    missing = role("lanes", queue("l", pollers=0), health=Health.DOWN)
    both = problems(roles=(nobody, missing))
    assert [each.subject for each in both] == ["any", "lanes"]
    assert both[0].remedy == "tidegate worker"
    still = problems(roles=(nobody, missing, role("batches")))
    assert [each.subject for each in still] == ["lanes"]


def test_tasks_wait_too_long_after_half_a_minute() -> None:
    assert problems(roles=(role("lanes", queue("a", backlog=9, oldest=30)),)) == []
    (late,) = problems(roles=(role("lanes", queue("a", backlog=1_200, oldest=31), queue("b")),))
    assert late.text == "tasks wait: 1,200 in a, the oldest 31 s"
    assert (late.code, late.severity) == ("role.backlog", Severity.PAGE)


def test_tasks_of_a_backfill_may_wait_and_those_of_a_missing_role_are_explained() -> None:
    waiting = queue("a", backlog=1, oldest=99)
    assert found(roles=(role("backfill", waiting),)) == [("notice", "role.backlog")]
    assert found(roles=(role("lanes", waiting, health=Health.DOWN),)) == [("page", "role.missing")]
    later = found(roles=(role("lanes", health=Health.DOWN), role("x"), role("batches", waiting)))
    assert later == [("page", "role.missing"), ("page", "role.backlog")]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 s"),
        (179, "179 s"),
        (180, "3 min"),
        (7_199, "120 min"),
        (7_200, "2.0 h"),
        (3_600_000, "1000.0 h"),
    ],
)
def test_a_length_of_time_is_told_in_the_unit_that_fits(count: int, text: str) -> None:
    assert seconds(timedelta(seconds=count)) == text
