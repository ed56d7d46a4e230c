"""Problems that the warehouse, the operational store and the list of runs tell, with the moment
from which each is one.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.security.retention import LEDGER_SOURCE, RetentionPolicy
from schemas.status import Problem
from schemas.status_facts import (
    ArchiveFacts,
    ArchiveStanding,
    FailedRun,
    ObjectLedger,
    OpenFindings,
    OpenRereads,
    Reconciled,
    Refused,
    RunningBackfill,
)
from schemas.writeback.control import PauseView
from schemas.writeback.status_facts import UnknownWritebacks, WritebackFacts, WritebackStanding
from tests.unit.status.looks import NOTHING, NOW, ago, in_warehouse, look

BIT = timedelta(microseconds=1)


def told(problems: tuple[Problem, ...]) -> list[tuple[str, str, str]]:
    return [(each.code, each.subject, each.text) for each in problems]


def row(name: str = "Case", **changed: Any) -> Reconciled:
    usual: dict[str, Any] = {
        "depth": "ids",
        "as_of": NOW,
        "verdict": "equal",
        "found": 0,
        "repaired": 0,
        "altered": 0,
        "calls": 0,
        "isolated": 0,
        "ended_at": NOW,
    }
    return Reconciled.model_validate(usual | {"object": name} | changed)


def test_a_difference_counts_as_long_as_it_is_not_repaired() -> None:
    rows = (row(verdict="differs", found=9, repaired=4), row("Task"))
    assert told(in_warehouse(reconciled=rows).problems) == [
        ("reconcile.differs", "Case", "5 differences are not repaired (ids)")
    ]


def test_an_object_is_old_when_its_last_comparison_ended_more_than_two_periods_ago() -> None:
    def old(*rows: Reconciled) -> list[tuple[str, str, str]]:
        warehouse = NOTHING.model_copy(update={"reconciled": rows})
        return told(
            look(warehouse=warehouse, objects=("Case",), reconcile_period=timedelta(hours=1)).problems
        )

    assert old(row(ended_at=ago(hours=2))) == []
    assert old(row(ended_at=ago(hours=2) - BIT)) == [
        ("reconcile.old", "Case", "last compared with the org: 2026-11-30 09:59")
    ]
    assert old() == [("reconcile.old", "Case", "last compared with the org: never, or more than 30 days ago")]


def test_since_when_an_object_was_not_compared_is_known_when_it_ever_was() -> None:
    def since(*rows: Reconciled) -> datetime | None:
        warehouse = NOTHING.model_copy(update={"reconciled": rows})
        found = look(warehouse=warehouse, objects=("Case",), reconcile_period=timedelta(hours=1))
        return found.problems[0].since

    assert since(row(ended_at=ago(hours=9))) == ago(hours=9)
    assert since() is None


def test_nothing_is_old_where_nothing_is_scheduled_or_nobody_could_say() -> None:
    assert look(objects=("Case",)).problems == ()
    silent = NOTHING.model_copy(update={"reconciled": None})
    assert look(warehouse=silent, objects=("Case",), reconcile_period=timedelta(hours=1)).problems == ()


def ledger(name: str, imbalance: int) -> ObjectLedger:
    return ObjectLedger(
        object=name,
        landed=0,
        applied=0,
        duplicate=0,
        quarantined=0,
        imbalance=imbalance,
        newest_change_at=None,
    )


def test_an_imbalance_is_one_problem_of_all_objects_that_have_one() -> None:
    rows = (ledger("Case", 1_000), ledger("Task", 0), ledger("", -1))
    (found,) = in_warehouse(ledger=rows).problems
    assert found.text.startswith("999 changes of Case, (unreadable) are neither")
    assert in_warehouse(ledger=(ledger("Case", 0),)).problems == ()


def test_what_waits_in_the_warehouse_is_counted() -> None:
    assert told(
        in_warehouse(quarantine=(Refused(reason="too_long", changes=1_200, oldest_at=NOW),)).problems
    ) == [("quarantine.waiting", "too_long", "1,200 changes wait: too_long")]
    assert told(in_warehouse(drift=2).problems) == [("drift.needs_somebody", "", "2 fields need somebody")]
    assert in_warehouse(drift=None).problems == ()


def test_findings_of_quality_are_told_by_their_kind() -> None:
    def of(**counts: int) -> list[str]:
        usual = {"isolated_fields": 0, "isolated": 0, "orphans": 0, "others": 0}
        return [
            each.text
            for each in in_warehouse(
                quality=(OpenFindings.model_validate({"object": "Case"} | usual | counts),)
            ).problems
        ]

    assert of(others=3) == []
    assert of(isolated=2, isolated_fields=1) == ["2 values of 1 fields did not fit"]
    assert of(orphans=1) == ["1 records name parents that are not there"]


@pytest.mark.parametrize(
    ("age", "windows", "severities"),
    [
        (timedelta(minutes=15), 0, []),
        (timedelta(minutes=15) + BIT, 0, ["ticket"]),
        (timedelta(minutes=15), 1, ["notice"]),
        (timedelta(minutes=15) + BIT, 1, ["ticket"]),
    ],
)
def test_what_is_read_again_is_late_after_a_quarter_of_an_hour(
    age: timedelta, windows: int, severities: list[str]
) -> None:
    waits = OpenRereads(object="Case", changes=3, windows=windows, oldest_at=NOW - age)
    found = in_warehouse(rereads=(waits,)).problems
    assert [str(each.severity) for each in found] == severities
    assert all(("stretches" in each.text) is bool(windows) for each in found)


def test_those_behind_an_object_that_is_read_again_in_time_are_told() -> None:
    rows = (
        OpenRereads(object="Case", changes=3, windows=0, oldest_at=NOW),
        OpenRereads(object="Task", changes=3, windows=0, oldest_at=ago(hours=1)),
    )
    assert [each.subject for each in in_warehouse(rereads=rows).problems] == ["Task"]


def written(*standings: WritebackStanding, **facts: Any) -> tuple[Problem, ...]:
    return look(writebacks=WritebackFacts(**{"standings": standings, "pauses": ()} | facts)).problems


def standing(name: str = "Case", **changed: Any) -> WritebackStanding:
    usual = {"waiting": 0, "open": 0, "held": 0, "dead": 0, "oldest_waiting_at": None}
    return WritebackStanding.model_validate({"object": name} | usual | changed)


def paused(name: str, reason: str = "") -> PauseView:
    return PauseView(object=name, by="ada", reason=reason, since=ago(hours=1), drains_to=None)


def test_a_pause_says_of_what_by_whom_and_how_it_ends() -> None:
    every, one = written(pauses=(paused("*"), paused("Case", "a migration")))
    assert (every.subject, every.text) == ("", "all paused by ada: no reason given")
    assert every.remedy == "tidegate writeback resume --all"
    assert (one.subject, one.text) == ("Case", "Case paused by ada: a migration")
    assert one.remedy == "tidegate writeback resume Case"


def test_writebacks_are_late_after_four_minutes_unless_somebody_paused_them() -> None:
    def codes(age: timedelta, *pauses: PauseView) -> list[str]:
        waits = standing(waiting=2, open=1, oldest_waiting_at=NOW - age)
        return [each.code for each in written(waits, pauses=pauses)]

    late = timedelta(minutes=4) + BIT
    assert codes(timedelta(minutes=4)) == []
    assert codes(late) == codes(late, paused("Task"))[:1] == ["writeback.late"]
    assert codes(late, paused("Case")) == codes(late, paused("*")) == ["writeback.paused"]


def test_late_writebacks_count_those_on_their_way() -> None:
    (late,) = written(standing(waiting=2, open=1, oldest_waiting_at=ago(minutes=5)))
    assert late.text == "the oldest of 3 waits since 11:55:00"


def test_dead_and_held_writebacks_are_told_each() -> None:
    assert written(standing()) == ()
    assert told(written(standing(dead=3))) == [("writeback.dead", "Case", "3 failed for good")]
    assert told(written(standing(held=2))) == [("writeback.held", "Case", "2 wait for an operator")]


def test_an_outcome_is_looked_up_for_too_long_after_ten_minutes() -> None:
    def codes(age: timedelta) -> list[str]:
        lost = UnknownWritebacks(object="Case", writebacks=2, oldest_sent_at=NOW - age)
        return [each.code for each in written(unknown=(lost,))]

    assert codes(timedelta(minutes=10)) == []
    assert codes(timedelta(minutes=10) + BIT) == ["writeback.unknown"]


def test_a_backfill_hangs_when_it_takes_longer_than_it_may_for_a_step() -> None:
    def codes(age: timedelta) -> list[str]:
        running = RunningBackfill(object="Case", name="all", progress_at=NOW - age)
        return [each.code for each in look(backfills=(running,), hung_after=timedelta(hours=1)).problems]

    assert codes(timedelta(hours=1)) == []
    assert codes(timedelta(hours=1) + BIT) == ["backfill.hung"]


def test_a_failed_run_of_no_object_is_one_of_retention() -> None:
    runs = tuple(FailedRun(kind="x", object=name, name="all", at=NOW) for name in ("Case", ""))
    assert told(look(failed_runs=runs).problems) == [
        ("backfill.failed", "Case", "all failed"),
        ("retention.failed", "", "the retention run all failed"),
    ]


def test_an_erasure_that_is_stuck_is_named() -> None:
    stuck = FailedRun(kind="erasure", object="", name="e1", at=NOW)
    assert told(look(stuck_erasures=(stuck,)).problems) == [("erasure.stuck", "e1", "e1 is not done")]


POLICY = RetentionPolicy(warehouse_months=2, seal_after=timedelta(days=3))
WEEK = timedelta(days=7)


def overdue(
    at: datetime,
    *sources: ArchiveStanding,
    since: datetime | None = None,
    policy: RetentionPolicy | None = POLICY,
) -> list[str]:
    archive = ArchiveFacts(sources=sources, since=since)
    found = look(at=at, warehouse=NOTHING.model_copy(update={"archive": archive}), retention=policy)
    return [each.text for each in found.problems if each.code == "retention.overdue"]


def archived(last: str, kept: str | None = None, source: str = "audit.case_change") -> ArchiveStanding:
    return ArchiveStanding(source=source, last_month=last, oldest_kept=kept)


def test_a_month_is_overdue_a_week_after_it_should_have_been_archived() -> None:
    due = datetime(2026, 11, 4, tzinfo=UTC) + WEEK
    assert overdue(due, archived("2026-09")) == []
    assert overdue(due + BIT, archived("2026-09")) == ["audit.case_change of 2026-10 is not archived"]
    assert overdue(due + BIT, archived("2026-10")) == []


def test_a_month_is_overdue_a_week_after_it_should_have_left_the_warehouse() -> None:
    due = datetime(2026, 11, 1, tzinfo=UTC) + WEEK
    assert overdue(due, archived("2026-10", "2026-08")) == []
    assert overdue(due + BIT, archived("2026-10", "2026-08")) == [
        "audit.case_change of 2026-08 has not left the warehouse"
    ]
    assert overdue(due + BIT, archived("2026-10", "2026-09")) == []


def test_the_ledger_stays_in_the_warehouse() -> None:
    assert overdue(datetime(2026, 11, 30, tzinfo=UTC), archived("2026-10", "2020-01", LEDGER_SOURCE)) == []


def test_an_engine_that_has_archived_nothing_is_overdue_from_its_first_month_on() -> None:
    first, due = datetime(2026, 10, 9, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC) + WEEK
    assert overdue(due, since=first) == []
    assert overdue(due + BIT, since=first) == ["nothing is archived since 2026-10"]
    assert overdue(due + BIT) == [], "there is nothing to archive"
    assert overdue(due + BIT, archived("2026-10"), since=first) == []


def test_nothing_is_overdue_where_nothing_is_scheduled_or_nobody_could_say() -> None:
    assert overdue(NOW, archived("2020-01"), policy=None) == []
    silent = NOTHING.model_copy(update={"archive": None})
    assert look(warehouse=silent, retention=POLICY).problems == ()
