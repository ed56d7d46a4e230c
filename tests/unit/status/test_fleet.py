"""The order of a fleet, its verdicts, and that unknown is never good."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from cli.fleet.page import check_lines, problem_text
from cli.status.command import EXIT_CODES_OF
from schemas.fleet import OLD_AFTER, FleetStatus, LastKnown, MemberStatus, ProblemCounts, Verdict
from schemas.settings.fleet import FleetMember
from schemas.status import (
    BudgetUse,
    EngineStatus,
    Health,
    ObjectStatus,
    Problem,
    RemoteStatus,
    Severity,
    WritebackTotals,
)
from transforms.status.fleet import faults_of, reported, unreported, worst_first
from transforms.status.verdict import verdict_of

NOW = datetime(2026, 11, 30, 3, 12, tzinfo=UTC)
MEMBER = FleetMember.model_validate({"name": "north", "url": "https://north.example.org", "token": "t"})
TROUBLE = (Verdict.PAGE, Verdict.UNKNOWN, Verdict.TICKET)


def problem(severity: Severity, **changed: Any) -> Problem:
    return Problem(
        **{"code": "lane.stalled", "severity": severity, "subject": "changes", "text": "t", "remedy": "r"}
        | changed
    )


def status(**changed: Any) -> EngineStatus:
    empty: dict[str, Any] = {"remotes": (), "roles": (), "lanes": (), "objects": (), "problems": ()}
    return EngineStatus(**{"at": NOW, "org": "00D", **empty} | changed)


MOMENTS = st.timedeltas(timedelta(0), timedelta(days=300)).map(lambda age: NOW - age)
COUNTS = st.builds(ProblemCounts, page=st.integers(0, 3), ticket=st.integers(0, 3), notice=st.integers(0, 3))
LAST = st.builds(LastKnown, at=MOMENTS, verdict=st.sampled_from([None, *TROUBLE]))
LINES = st.lists(
    st.builds(
        MemberStatus,
        name=st.text("abc", min_size=1, max_size=4),
        console=st.just("https://c.test"),
        worst=st.sampled_from(Verdict),
        counts=COUNTS,
        since=st.none() | MOMENTS,
        last=st.none() | LAST,
    ),
    max_size=12,
)
STATUSES = st.builds(
    status,
    problems=st.lists(st.builds(problem, st.sampled_from(Severity)), max_size=4).map(tuple),
    unknown=st.lists(st.sampled_from(["lanes", "budgets"]), max_size=2).map(tuple),
    remotes=st.lists(st.builds(RemoteStatus, name=st.just("s3"), health=st.sampled_from(Health))).map(tuple),
)


@given(LINES)
def test_pages_come_first_unknown_right_after_them_and_ok_last(lines: list[MemberStatus]) -> None:
    verdicts = [each.worst for each in worst_first(lines)]
    expected = ["page", "unknown", "ticket", "notice", "ok"]
    assert [str(each) for each in verdicts] == sorted(map(str, verdicts), key=expected.index)


@given(LINES, st.randoms())
def test_the_order_does_not_depend_on_the_order_of_the_settings(lines: list[MemberStatus], luck: Any) -> None:
    unique = list({each.name: each for each in lines}.values())
    shuffled = luck.sample(unique, len(unique))
    assert worst_first(shuffled) == worst_first(unique)
    assert len(worst_first(unique)) == len(unique)


@given(LINES)
def test_of_the_same_verdict_and_past_the_org_with_more_pages_comes_first(lines: list[MemberStatus]) -> None:
    found = [each for each in worst_first(lines) if each.last is None]
    for first, second in pairwise(found):
        if first.worst is second.worst:
            assert first.counts.page >= second.counts.page


@given(LINES)
def test_the_fleet_is_as_bad_as_its_worst_org(lines: list[MemberStatus]) -> None:
    fleet = FleetStatus(at=NOW, members=worst_first(lines))
    assert fleet.worst is (fleet.members[0].worst if lines else Verdict.UNKNOWN)
    assert sum(fleet.counts.values()) == len(lines)


@given(STATUSES)
def test_a_report_with_an_unknown_part_is_never_good(found: EngineStatus) -> None:
    silent = bool(found.unknown) or any(each.health is Health.UNKNOWN for each in found.remotes)
    line = reported(MEMBER, found)
    assert line.worst is verdict_of(found)
    if silent:
        assert line.worst in (Verdict.PAGE, Verdict.UNKNOWN)
        assert line.why.startswith("not known: ")
        assert line.remedy


@given(STATUSES)
def test_the_first_problem_is_of_the_worst_severity_and_every_problem_is_counted(found: EngineStatus) -> None:
    line = reported(MEMBER, found)
    assert line.counts.all == len(found.problems)
    if line.problem is not None:
        order = list(Severity)
        assert order.index(line.problem.severity) == min(
            order.index(each.severity) for each in found.problems
        )
    else:
        assert found.problems == ()


@given(STATUSES)
def test_an_org_without_a_report_is_unknown_however_it_was(before: EngineStatus) -> None:
    line = unreported(MEMBER, "no answer within 5 s", "look", reported(MEMBER, before))
    assert line.worst is Verdict.UNKNOWN
    assert line.reported_at is None
    assert line.last is not None
    assert line.last.at == line.since == before.at
    assert line.last.verdict in (None, *TROUBLE)
    numbers = (line.freshness_p95, line.writebacks_waiting, line.writebacks_dead, line.budget_spent)
    assert numbers == (None,) * 4


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.PAGE, 2),
        (Verdict.UNKNOWN, 3),
        (Verdict.TICKET, 1),
        (Verdict.NOTICE, 0),
        (Verdict.OK, 0),
    ],
)
def test_a_verdict_ends_check_as_status_does(verdict: Verdict, code: int) -> None:
    assert EXIT_CODES_OF[verdict] == code


def test_numbers_are_of_the_slowest_object_and_the_budget_that_is_spent_most() -> None:
    found = status(
        objects=(
            ObjectStatus(
                object="Case", freshness_p95=timedelta(seconds=4), freshness_p99=timedelta(seconds=9)
            ),
            ObjectStatus(
                object="Account", freshness_p95=timedelta(seconds=7), freshness_p99=timedelta(seconds=8)
            ),
            ObjectStatus(object="Task"),
        ),
        writebacks=WritebackTotals(waiting=12, held=1, dead=3),
        budgets=(
            BudgetUse(budget="api_calls", used=610, maximum=1_000),
            BudgetUse(budget="bulk_query_jobs", used=1, maximum=1_000),
        ),
    )
    line = reported(MEMBER, found)
    assert (line.freshness_p95, line.freshness_p99) == (timedelta(seconds=7), timedelta(seconds=9))
    assert (line.writebacks_waiting, line.writebacks_dead) == (12, 3)
    assert (line.budget, line.budget_spent) == ("api_calls", 0.61)


@pytest.mark.parametrize(
    ("age", "said"),
    [(OLD_AFTER + timedelta(seconds=1), "old"), (-OLD_AFTER - timedelta(seconds=1), "ahead of our clock")],
)
def test_a_report_of_another_time_says_nothing_of_now(age: timedelta, said: str) -> None:
    why, _ = faults_of(MEMBER, status(at=NOW - age), NOW) or ("", "")
    assert why == f"its report is {OLD_AFTER.total_seconds() + 1:,.0f} s {said}"
    for near in (timedelta(0), OLD_AFTER, -OLD_AFTER):
        assert faults_of(MEMBER, status(at=NOW - near), NOW) is None


def test_a_budget_without_a_maximum_is_not_spent_and_the_smallest_may_be() -> None:
    def most(**maxima: int) -> tuple[str, float | None]:
        uses = tuple(BudgetUse(budget=name, used=1, maximum=maximum) for name, maximum in maxima.items())
        line = reported(MEMBER, status(budgets=uses))
        return line.budget, line.budget_spent

    assert most(none=0) == ("", None)
    assert most(none=0, small=1, large=2) == ("small", 1.0)
    assert reported(MEMBER, status()).budget_spent is None


def test_a_line_says_what_is_not_known_once_and_with_a_remedy_only_then() -> None:
    silent = RemoteStatus(name="s3", health=Health.UNKNOWN)
    down = RemoteStatus(name="kms", health=Health.DOWN)
    line = reported(MEMBER, status(remotes=(silent, down), unknown=("lanes", "s3")))
    assert (line.why, line.remedy) == ("not known: s3, lanes", "tidegate doctor")
    well = reported(MEMBER, status(remotes=(down,)))
    assert (well.why, well.remedy, well.since, well.reported_at) == ("", "", None, NOW)
    began = NOW - timedelta(minutes=9)
    assert reported(MEMBER, status(problems=(problem(Severity.PAGE, since=began),))).since == began


def test_an_org_that_was_never_seen_is_unknown_since_nobody_knows_when() -> None:
    for last in (None, unreported(MEMBER, "no answer", "look")):
        line = unreported(MEMBER, "no answer", "look", last)
        assert (line.worst, line.last, line.since) == (Verdict.UNKNOWN, None, None)
        assert (line.why, line.remedy) == ("no answer", "look")


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [(Severity.PAGE, Verdict.PAGE), (Severity.TICKET, Verdict.TICKET), (Severity.NOTICE, None), (None, None)],
)
def test_only_a_bad_state_is_kept_of_an_org_that_fell_silent(
    severity: Severity | None, verdict: Verdict | None
) -> None:
    problems: tuple[Problem, ...] = () if severity is None else (problem(severity),)
    last = unreported(MEMBER, "", "", reported(MEMBER, status(problems=problems))).last
    assert last is not None
    assert (last.verdict, last.problem) == (verdict, problems[0] if verdict else None)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param({"worst": Verdict.TICKET}, {"worst": Verdict.PAGE}, id="verdict"),
        pytest.param({}, {"last": LastKnown(at=NOW, verdict=Verdict.TICKET)}, id="last known"),
        pytest.param(
            {"last": LastKnown(at=NOW, verdict=None)},
            {"last": LastKnown(at=NOW, verdict=Verdict.TICKET)},
            id="last verdict",
        ),
        pytest.param({"counts": (1, 9)}, {"counts": (2, 0)}, id="pages"),
        pytest.param({"counts": (1, 1)}, {"counts": (1, 2)}, id="tickets"),
        pytest.param({"since": NOW}, {"since": NOW - timedelta(seconds=1)}, id="age"),
        pytest.param({}, {"since": NOW}, id="known age"),
        pytest.param({"name": "b"}, {"name": "a"}, id="name"),
    ],
)
def test_of_two_orgs_the_worse_comes_first(better: dict[str, Any], worse: dict[str, Any]) -> None:
    def line(facts: dict[str, Any]) -> MemberStatus:
        page, ticket = facts.get("counts", (1, 1))
        counts = ProblemCounts(page=page, ticket=ticket, notice=0)
        usual = {"name": "m", "console": "https://c.test", "worst": Verdict.UNKNOWN}
        return MemberStatus(**usual | facts | {"counts": counts})

    both = [line(better), line(worse)]
    assert worst_first(both) == worst_first(both[::-1]) == (both[1], both[0])


@pytest.mark.parametrize(
    ("severities", "unknown", "verdict"),
    [
        ((), (), Verdict.OK),
        ((Severity.NOTICE,), (), Verdict.NOTICE),
        ((Severity.NOTICE, Severity.TICKET), (), Verdict.TICKET),
        ((Severity.TICKET,), ("lanes",), Verdict.UNKNOWN),
        ((Severity.PAGE,), ("lanes",), Verdict.PAGE),
    ],
)
def test_a_verdict_is_the_worst_of_a_report(
    severities: tuple[Severity, ...], unknown: tuple[str, ...], verdict: Verdict
) -> None:
    problems = tuple(problem(each) for each in severities)
    assert verdict_of(status(problems=problems, unknown=unknown)) is verdict


def test_a_remote_that_is_down_is_no_unknown_of_its_own() -> None:
    for health, verdict in ((Health.UNKNOWN, Verdict.UNKNOWN), (Health.DOWN, Verdict.OK)):
        assert verdict_of(status(remotes=(RemoteStatus(name="s3", health=health),))) is verdict


def test_a_report_of_another_org_says_nothing_of_this_one() -> None:
    other = MEMBER.model_copy(update={"org_id": "00DTg0000000001MAA"})
    why, _ = faults_of(other, status(), NOW) or ("", "")
    assert why == "it answers for the org 00D, not 00DTg0000000001MAA"


def test_a_line_of_check_says_what_since_when_how_many_more_and_what_to_do() -> None:
    began = NOW - timedelta(minutes=10)
    problems = (
        problem(Severity.PAGE, since=began, text="nothing is heard", remedy="tidegate doctor"),
        problem(Severity.TICKET),
    )
    lines = (
        reported(MEMBER, status(problems=problems)),
        reported(MEMBER.model_copy(update={"name": "south"}), status()),
    )
    assert list(check_lines(FleetStatus(at=NOW, members=lines))) == [
        "PAGE north: lane.stalled changes: nothing is heard (since 03:02:00, 10 min ago); and 1 more -> tidegate doctor"
    ]


def test_the_last_state_of_a_silent_org_is_shown_with_its_age_and_never_as_good() -> None:
    def said(before: EngineStatus) -> str:
        return problem_text(
            unreported(MEMBER, "no answer", "look", reported(MEMBER, before)), NOW + timedelta(minutes=5)
        )

    assert said(status()) == "no answer; last report 03:12:00, 5 min ago"
    assert said(status(problems=(problem(Severity.PAGE),))) == (
        "no answer; last report 03:12:00, 5 min ago, then PAGE lane.stalled changes"
    )
