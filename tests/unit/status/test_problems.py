"""Problems: the cause first, stable codes, and nothing that nobody has to act on."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from cli.status.command import exit_code
from schemas.governor import Budget, Forecast
from schemas.status import EngineStatus, Health, Problem, RemoteStatus, Severity
from schemas.status_facts import (
    FailedRun,
    FollowerFacts,
    Hold,
    LaneBacklog,
    LaneFacts,
    LaneMemo,
    ObjectLedger,
    OpenFindings,
    Reconciled,
    Refused,
    RunningBackfill,
    ScheduleStanding,
)
from schemas.status_problems import PROBLEMS, anchor
from schemas.writeback.control import PauseView
from schemas.writeback.status_facts import WritebackFacts, WritebackStanding
from tests.unit.status.looks import NOTHING, NOW, ROLES, ago, codes, in_warehouse, look, remotes, roles

ROOT = Path(__file__).parents[3]


def stalled(name: str) -> LaneFacts:
    failed = FollowerFacts(
        activity="follow_lane",
        state="scheduled",
        attempt=2,
        failure="no way",
        failure_code="UnavailableError",
    )
    return LaneFacts(lane=name, is_running=True, stage="following", follower=failed)


def paused(name: str, by: str) -> LaneFacts:
    memo = LaneMemo(paused_because=f"paused by {by}: why", paused_by=by, paused_at=ago(hours=1))
    return LaneFacts(lane=name, is_running=True, stage="paused", memo=memo)


def test_a_stalled_lane_is_a_page():
    assert codes(look(lanes=(stalled("changes"),))) == [("page", "lane.stalled", "changes")]


def test_lanes_that_stall_because_a_remote_is_down_are_one_page_that_names_them():
    lanes = tuple(stalled(f"lane-{n}") for n in range(9))
    found = look(lanes=lanes, remotes=remotes(s3=Health.DOWN))
    pages = [each for each in found.problems if each.severity is Severity.PAGE]
    assert [(each.code, each.subject) for each in pages] == [("remote.down", "s3")]
    assert "lane-0" in pages[0].text
    assert "3 more" in pages[0].text


def test_a_missing_role_is_the_cause_of_its_stalled_lanes():
    found = look(lanes=(stalled("changes"),), roles=roles("lanes"))
    assert codes(found)[0] == ("page", "role.missing", "lanes")
    assert codes(found)[1][0] == "notice"


def test_a_missing_backfill_worker_wakes_nobody():
    assert codes(look(roles=roles("backfill"))) == [("ticket", "role.missing", "backfill")]


def test_without_any_worker_the_governors_queue_is_named_once():
    assert [each[2] for each in codes(look(roles=roles(*ROLES)))].count("any") == 1


def test_a_lane_that_the_planner_paused_is_no_problem():
    assert codes(look(lanes=(paused("case-poll", "planner"),))) == []


def test_a_lane_that_somebody_paused_is_a_ticket_and_one_that_paused_itself_a_page():
    assert codes(look(lanes=(paused("a", "ada"), paused("b", "")))) == [
        ("page", "lane.paused", "b"),
        ("ticket", "lane.paused", "a"),
    ]


def test_changes_that_wait_longer_than_two_minutes_are_late_also_while_none_is_applied():
    waits = LaneBacklog(
        lane="changes", batches=3, changes=9, oldest_at=ago(seconds=121), objects={"Case": ago(seconds=121)}
    )
    found = look(backlog=(waits,))
    assert codes(found) == [("page", "object.late", "Case")]
    assert found.objects[0].oldest_unapplied_at == ago(seconds=121)


def test_a_held_object_is_not_late_as_well():
    held = (Hold(object="Case", reason="too many", since=ago(hours=1)),)
    waits = LaneBacklog(
        lane="changes", batches=1, changes=1, oldest_at=ago(hours=1), objects={"Case": ago(hours=1)}
    )
    found = look(backlog=(waits,), warehouse=NOTHING.model_copy(update={"holds": held}))
    assert codes(found) == [("ticket", "object.held", "Case")]


def test_writebacks_that_somebody_paused_are_not_late():
    waits = WritebackStanding(
        object="Case", waiting=2, open=0, held=0, dead=0, oldest_waiting_at=ago(minutes=5)
    )
    pause = PauseView(object="*", by="ada", reason="", since=ago(hours=1), drains_to=None)
    late = look(writebacks=WritebackFacts(standings=(waits,), pauses=()))
    quiet = look(writebacks=WritebackFacts(standings=(waits,), pauses=(pause,)))
    assert codes(late) == [("page", "writeback.late", "Case")]
    assert codes(quiet) == [("notice", "writeback.paused", "")]
    assert exit_code(quiet) == 0


def unanswered(missed: int) -> EngineStatus:
    silent = RemoteStatus(name="s3", health=Health.UNKNOWN, missed=missed)
    return look(remotes=(*remotes()[:-2], silent, remotes()[-1]))


def test_a_remote_that_missed_one_look_wakes_nobody_and_is_never_shown_as_good():
    found = unanswered(1)
    assert codes(found) == [("notice", "remote.unknown", "s3")]
    assert exit_code(found) == 3


def test_a_remote_that_missed_two_looks_in_a_row_is_a_page():
    assert codes(unanswered(2)) == [("page", "remote.unknown", "s3")]


def backfill(minutes: float | None) -> tuple[RunningBackfill, ...]:
    at = None if minutes is None else ago(minutes=minutes)
    return (RunningBackfill(object="Case", name="all", progress_at=at),)


def test_a_backfill_hangs_after_half_an_hour_without_a_step_forward():
    assert codes(look(backfills=backfill(31))) == [("ticket", "backfill.hung", "Case")]
    assert codes(look(backfills=backfill(29))) == []
    assert codes(look(backfills=backfill(59), hung_after=timedelta(hours=1))) == []


def test_a_backfill_that_keeps_no_time_of_its_steps_is_not_called_hung():
    assert codes(look(backfills=backfill(None))) == []


def forecast(**changed: Any) -> Forecast:
    told = {"budget": Budget.API_CALLS, "maximum": 1_000, "left": 500, "read_at": ago(minutes=1)}
    return Forecast.model_validate(told | changed)


def row(**changed: Any) -> Reconciled:
    told = dict.fromkeys(("found", "repaired", "altered", "calls"), 0)
    more = {
        "object": "Case",
        "depth": "ids",
        "as_of": NOW,
        "verdict": "equal",
        "isolated": 0,
        "ended_at": NOW,
    }
    return Reconciled.model_validate({**told, **more, **changed})


INTERVAL = timedelta(minutes=15)


def with_model(**changed: Any) -> EngineStatus:
    told = {"scheduled_at": ago(days=9), "succeeded_at": ago(minutes=20), "failed_at": None}
    return look(model=ScheduleStanding.model_validate(told | changed), model_interval=INTERVAL)


def test_a_model_that_was_built_within_two_intervals_is_no_problem():
    assert codes(with_model()) == []
    assert codes(with_model(succeeded_at=None, scheduled_at=ago(minutes=20))) == []


def test_a_model_is_late_just_after_two_intervals_and_half_an_hour():
    late = ago(hours=1) - timedelta(microseconds=1)
    for name in ("succeeded_at", "scheduled_at"):
        usual = {"succeeded_at": None}
        assert codes(with_model(**usual | {name: ago(hours=1)})) == []
        assert codes(with_model(**usual | {name: late})) == [("ticket", "model.late", "")]


def test_a_late_model_says_since_when_or_that_there_never_was_one():
    def text(**changed: Any) -> str:
        return with_model(**changed).problems[0].text

    never = "no build of the reporting model has succeeded"
    assert text(succeeded_at=ago(hours=2)) == f"{never} since 2026-11-30 10:00"
    assert text(succeeded_at=None) == never
    assert text(succeeded_at=None, scheduled_at=None) == "no schedule builds the reporting model"


def test_a_model_whose_last_build_failed_is_a_ticket_even_while_it_is_not_late():
    assert codes(with_model(failed_at=ago(minutes=5))) == [("ticket", "model.failed", "")]


def test_a_model_is_late_after_two_intervals_and_half_an_hour_without_a_good_build():
    for changed in (
        {"succeeded_at": ago(minutes=61)},
        {"succeeded_at": None},
        {"succeeded_at": None, "scheduled_at": None},
    ):
        assert codes(with_model(**changed)) == [("ticket", "model.late", "")]


def with_export(**changed: Any) -> EngineStatus:
    told = {"scheduled_at": ago(days=9), "succeeded_at": ago(minutes=20), "failed_at": None}
    return look(export=ScheduleStanding.model_validate(told | changed), export_interval=INTERVAL)


def test_an_export_that_failed_is_a_ticket_and_one_is_late_after_two_intervals_and_half_an_hour():
    assert codes(with_export()) == []
    assert codes(with_export(failed_at=ago(minutes=5))) == [("ticket", "export.failed", "")]
    for changed in (
        {"succeeded_at": ago(minutes=61)},
        {"succeeded_at": None},
        {"succeeded_at": None, "scheduled_at": None},
    ):
        assert codes(with_export(**changed)) == [("ticket", "export.late", "")]
    assert look(export_interval=INTERVAL).unknown == ("export",)


def test_builds_that_nobody_asked_about_are_unknown_only_where_they_are_scheduled():
    assert look(model_interval=INTERVAL).unknown == ("model",)
    assert look().unknown == ()


EVERY_OTHER = [
    with_model(failed_at=ago(minutes=5)),
    with_model(succeeded_at=None),
    with_export(failed_at=ago(minutes=5)),
    with_export(succeeded_at=None),
    look(remotes=remotes(kms=Health.UNKNOWN)),
    look(governor="silent"),
    look(forecasts=(forecast(read_at=ago(minutes=11)),)),
    look(failed_runs=(FailedRun(kind="backfill", object="Case", name="all", at=NOW),)),
    look(lanes=(LaneFacts(lane="a", is_running=False), LaneFacts(lane="b", is_running=None))),
    look(
        writebacks=WritebackFacts(
            standings=(
                WritebackStanding(object="Case", waiting=0, open=0, held=1, dead=1, oldest_waiting_at=None),
            ),
            pauses=(),
        )
    ),
    in_warehouse(drift=2),
    in_warehouse(quarantine=(Refused(reason="too_long", changes=3, oldest_at=NOW),)),
    in_warehouse(quality=(OpenFindings(object="Case", isolated_fields=1, isolated=2, orphans=3, others=0),)),
    in_warehouse(reconciled=(row(verdict="differs", found=4),)),
    in_warehouse(
        ledger=(
            ObjectLedger(
                object="Case",
                landed=3,
                applied=2,
                duplicate=0,
                quarantined=0,
                imbalance=1,
                newest_change_at=NOW,
            ),
        )
    ),
]


def every_problem() -> list[Problem]:
    return [problem for found in EVERY_OTHER for problem in found.problems]


def test_no_problem_is_worse_than_its_code_says():
    order = list(Severity)
    wrong = [
        each.code
        for each in every_problem()
        if order.index(each.severity) < order.index(PROBLEMS[each.code].severity)
    ]
    assert wrong == []


def test_every_code_that_the_rules_use_is_in_the_table_and_every_one_of_the_table_is_used():
    rules = "".join(file.read_text() for file in (ROOT / "transforms" / "status").glob("*.py"))
    used = set(re.findall(r'"([a-z]+\.[a-z_]+)"', rules))
    assert used == set(PROBLEMS)


def test_every_problem_has_a_sentence_and_a_remedy():
    assert [each.code for each in every_problem() if not (each.text and each.remedy)] == []


def test_two_codes_have_two_anchors():
    assert len({anchor(code) for code in PROBLEMS}) == len(PROBLEMS)
    assert anchor("lane.not_started") == "lane-not-started"
