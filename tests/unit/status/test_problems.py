"""Problems: the cause first, stable codes, and nothing that nobody has to act on."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.status.command import exit_code
from schemas import names
from schemas.deployment import DeploymentStatus, VersionStatus
from schemas.governor import Budget, Forecast, LeaseClass, Slowed
from schemas.status import EngineStatus, Health, Problem, QueueStatus, RemoteStatus, RoleStatus, Severity
from schemas.status_facts import (
    ArchiveFacts,
    FailedRun,
    FollowerFacts,
    Hold,
    LaneBacklog,
    LaneFacts,
    LaneMemo,
    LanePulse,
    LookFacts,
    ObjectLedger,
    OpenFindings,
    OpenRereads,
    Reconciled,
    Refused,
    RunningBackfill,
    ScheduleStanding,
    WarehouseFacts,
)
from schemas.status_problems import PROBLEMS, anchor
from schemas.writeback.control import PauseView
from schemas.writeback.status_facts import UnknownWritebacks, WritebackFacts, WritebackStanding
from transforms.status.engine import engine_status

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
NAMES = ("salesforce", "temporal", "warehouse", "operational", "s3", "kms")
ROLES = ("lanes", "batches", "writebacks", "backfill", "any")
QUEUE = names.BATCH_QUEUE
NOTHING = WarehouseFacts(
    ledger=(),
    positions=(),
    holds=(),
    quarantine=(),
    reconciled=(),
    rereads=(),
    drift=0,
    quality=(),
    archive=ArchiveFacts(sources=(), since=None),
)


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def remotes(**health: Health) -> tuple[RemoteStatus, ...]:
    return tuple(RemoteStatus(name=name, health=health.get(name, Health.UP)) for name in NAMES)


def roles(*down: str) -> tuple[RoleStatus, ...]:
    return tuple(RoleStatus(role=role, health=Health.DOWN if role in down else Health.UP) for role in ROLES)


def look(**changed: Any) -> EngineStatus:
    """A look at an engine that is well, but for what is changed."""
    well: dict[str, Any] = {
        "at": NOW,
        "org": "o",
        "remotes": remotes(),
        "roles": roles(),
        "lanes": (),
        "backlog": (),
        "warehouse": NOTHING,
        "writebacks": WritebackFacts(standings=(), pauses=()),
        "governor": "running",
        "failed_runs": (),
        "stuck_erasures": (),
        "backfills": (),
    }
    return engine_status(LookFacts(**well | changed), timedelta(0))


def codes(found: EngineStatus) -> list[tuple[str, str, str]]:
    return [(str(each.severity), each.code, each.subject) for each in found.problems]


def in_warehouse(**changed: Any) -> EngineStatus:
    return look(warehouse=NOTHING.model_copy(update=changed))


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


def test_an_engine_that_is_well_has_no_problem_and_nothing_unknown():
    found = look()
    assert (found.problems, found.unknown, exit_code(found)) == ((), (), 0)


def served(*builds: str) -> tuple[RoleStatus, ...]:
    """One role with one queue, polled by workers of these builds."""
    versions = dict.fromkeys((f"tidegate-o:{each}" for each in builds), 1)
    queue = QueueStatus(
        queue=QUEUE,
        kind="activity",
        pollers=len(builds),
        versions=versions,
        polled_at=NOW,
        backlog=0,
        oldest=timedelta(0),
    )
    return (RoleStatus(role="batches", health=Health.UP, queues=(queue,)),)


def version(build_id: str, *, polls: bool = True, pinned: int = 0) -> VersionStatus:
    pollers = dict.fromkeys((QUEUE, names.WORKFLOW_QUEUE, names.WRITEBACK_QUEUE), 1) if polls else {}
    return VersionStatus(build_id=build_id, state="", pollers=pollers, pinned_runs=pinned)


def versioned(*versions: VersionStatus, current: str, ramping: str = "") -> EngineStatus:
    found = DeploymentStatus(name="tidegate-o", current=current, ramping=ramping, versions=versions)
    polling = [each.build_id for each in versions if each.pollers]
    return look(is_versioned=True, deployment=found, roles=served(*polling))


def test_releases_side_by_side_are_no_problem():
    assert codes(versioned(version("new"), version("old", pinned=3), current="new")) == []


def test_work_without_workers_of_the_version_that_has_it_is_a_page():
    found = versioned(version("new"), version("old", polls=False), current="old")
    assert codes(found) == [("page", "deployment.missing", "old")]
    assert QUEUE in found.problems[0].text


def test_a_share_without_workers_is_a_page():
    found = versioned(version("new", polls=False), version("old"), current="old", ramping="new")
    assert codes(found) == [("page", "deployment.missing", "new")]


def test_versioned_workers_without_a_current_version_are_a_page():
    found = versioned(version("new"), current="")
    assert codes(found) == [("page", "deployment.missing", "tidegate-o")]


def test_pinned_runs_whose_workers_are_gone_are_a_ticket():
    found = versioned(version("new"), version("old", polls=False, pinned=3), current="new")
    assert codes(found) == [("ticket", "deployment.stranded", "old")]
    assert found.problems[0].remedy.startswith("tidegate deployment move old")


def test_versions_that_are_not_known_are_named_as_unknown():
    assert look(is_versioned=True).unknown == ("deployment",)


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


def backfill(minutes: float | None) -> tuple[RunningBackfill, ...]:
    at = None if minutes is None else ago(minutes=minutes)
    return (RunningBackfill(object="Case", name="all", progress_at=at),)


def test_a_backfill_hangs_after_half_an_hour_without_a_step_forward():
    assert codes(look(backfills=backfill(31))) == [("ticket", "backfill.hung", "Case")]
    assert codes(look(backfills=backfill(29))) == []
    assert codes(look(backfills=backfill(59), hung_after=timedelta(hours=1))) == []


def test_a_backfill_that_keeps_no_time_of_its_steps_is_not_called_hung():
    assert codes(look(backfills=backfill(None))) == []


def again(minutes: float, windows: int) -> EngineStatus:
    waits = OpenRereads(object="Case", changes=3, windows=windows, oldest_at=ago(minutes=minutes))
    return in_warehouse(rereads=(waits,))


def test_a_hole_that_is_read_is_explained_and_one_that_waits_is_a_ticket():
    assert codes(again(1, windows=1)) == [("notice", "reread.waiting", "Case")]
    assert codes(again(16, windows=1)) == [("ticket", "reread.waiting", "Case")]


def test_single_records_to_be_read_again_are_said_when_they_wait():
    assert codes(again(14, windows=0)) == []
    assert codes(again(16, windows=0)) == [("ticket", "reread.waiting", "Case")]


@pytest.mark.parametrize(("minutes", "pages"), [(9, 0), (11, 1)])
def test_outcomes_that_are_looked_up_for_ten_minutes_are_a_page(minutes: int, pages: int):
    lost = UnknownWritebacks(object="Case", writebacks=2, oldest_sent_at=ago(minutes=minutes))
    found = look(writebacks=WritebackFacts(standings=(), pauses=(), unknown=(lost,)))
    assert codes(found) == [("page", "writeback.unknown", "Case")] * pages


def forecast(**changed: Any) -> Forecast:
    told = {"budget": Budget.API_CALLS, "maximum": 1_000, "left": 500, "read_at": ago(minutes=1)}
    return Forecast.model_validate(told | changed)


@pytest.mark.parametrize(
    ("changed", "severity"),
    [
        ({"runs_out_at": NOW + timedelta(hours=3)}, "page"),
        ({"runs_out_at": NOW + timedelta(hours=9)}, "ticket"),
    ],
)
def test_a_budget_that_runs_out_is_the_more_urgent_the_sooner(changed: dict[str, Any], severity: str):
    assert codes(look(forecasts=(forecast(**changed),))) == [(severity, "budget.exhausts", "api_calls")]


def test_refused_writebacks_are_a_page_and_refused_backfills_explain_themselves():
    def slowed(who: LeaseClass) -> Forecast:
        return forecast(slowed=(Slowed(lease_class=who, at=NOW, reason="", spends=True),))

    assert codes(look(forecasts=(slowed(LeaseClass.WRITEBACK),)))[0][0] == "page"
    assert codes(look(forecasts=(slowed(LeaseClass.BACKFILL),)))[0][0] == "notice"


def test_slowed_backfills_do_not_hide_that_the_budget_runs_out():
    slowed = (Slowed(lease_class=LeaseClass.BACKFILL, at=NOW, reason="", spends=True),)
    found = look(forecasts=(forecast(slowed=slowed, runs_out_at=NOW + timedelta(hours=3)),))
    assert codes(found) == [
        ("page", "budget.exhausts", "api_calls"),
        ("notice", "budget.refused", "api_calls"),
    ]


def test_an_object_that_was_not_compared_for_two_periods_is_a_ticket():
    found = look(objects=("Case",), reconcile_period=timedelta(hours=1))
    assert codes(found) == [("ticket", "reconcile.old", "Case")]


def test_what_could_not_be_asked_is_named_and_never_ends_well():
    found = look(warehouse=NOTHING.model_copy(update={"quality": None}))
    assert (found.unknown, exit_code(found)) == (("quality",), 3)


def test_a_page_outweighs_what_is_unknown():
    assert exit_code(look(warehouse=None, remotes=remotes(warehouse=Health.UNKNOWN))) == 2


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
