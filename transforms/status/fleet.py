"""The lines of the fleet: one an org, from its report or from why there is none, the worst
first.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from schemas.fleet import OLD_AFTER, LastKnown, MemberStatus, ProblemCounts, Verdict
from schemas.settings.fleet import FleetMember
from schemas.status import EngineStatus, Health, Problem, Severity
from transforms.status.verdict import verdict_of

_LATER = datetime.max.replace(tzinfo=UTC)
_PARTS_REMEDY = "tidegate doctor"


def worst_first(members: Iterable[MemberStatus]) -> tuple[MemberStatus, ...]:
    """By verdict; then the verdict that was last known, more pages, more tickets, the older
    problem, the name.
    """
    return tuple(sorted(members, key=_badness))


def _badness(member: MemberStatus) -> tuple[int, int, int, int, datetime, str]:
    last = member.last.verdict if member.last is not None else None
    return (
        member.worst.rank,
        len(Verdict) if last is None else last.rank,
        -member.counts.page,
        -member.counts.ticket,
        member.since or _LATER,
        member.name,
    )


def reported(member: FleetMember, status: EngineStatus) -> MemberStatus:
    """The line of an org that gave a report."""
    first = _first(status.problems)
    why = _not_known(status)
    p95, p99 = (
        max((getattr(each, name) for each in status.objects if getattr(each, name) is not None), default=None)
        for name in ("freshness_p95", "freshness_p99")
    )
    uses = {each.budget: each.used / each.maximum for each in status.budgets or () if each.maximum > 0}
    most = max(uses, key=lambda name: uses[name], default="")
    totals = status.writebacks
    return MemberStatus(
        name=member.name,
        console=member.console,
        worst=verdict_of(status),
        org=status.org,
        counts=_counts(status.problems),
        problem=first,
        why=why,
        remedy=_PARTS_REMEDY if why else "",
        since=None if first is None else first.since,
        freshness_p95=p95,
        freshness_p99=p99,
        writebacks_waiting=None if totals is None else totals.waiting,
        writebacks_dead=None if totals is None else totals.dead,
        budget=most,
        budget_spent=uses.get(most),
        reported_at=status.at,
    )


def unreported(member: FleetMember, why: str, remedy: str, last: MemberStatus | None = None) -> MemberStatus:
    """The line of an org without a report: unknown, however it was.

    Args:
        member: The org.
        why: Why there is none.
        remedy: What to do about it.
        last: Its last line with a report; None = this process has seen none.
    """
    known = None if last is None else _last_known(last)
    return MemberStatus(
        name=member.name,
        console=member.console,
        worst=Verdict.UNKNOWN,
        why=why,
        remedy=remedy,
        since=None if known is None else known.at,
        last=known,
    )


def _last_known(last: MemberStatus) -> LastKnown | None:
    if last.reported_at is None:
        return None
    is_bad = last.worst in (Verdict.PAGE, Verdict.UNKNOWN, Verdict.TICKET)
    return LastKnown(
        at=last.reported_at,
        verdict=last.worst if is_bad else None,
        problem=last.problem if is_bad else None,
    )


def faults_of(member: FleetMember, status: EngineStatus, now: datetime) -> tuple[str, str] | None:
    """Why a report says nothing of the org now, and what to do; None: it does."""
    if member.org_id is not None and status.org != member.org_id:
        return f"it answers for the org {status.org}, not {member.org_id}", "Correct its url or its org_id."
    age = now - status.at
    if abs(age) > OLD_AFTER:
        said = "old" if age > timedelta(0) else "ahead of our clock"
        seconds = abs(age).total_seconds()
        return (
            f"its report is {seconds:,.0f} s {said}",
            "Compare the clocks of both machines, and look for a cache before its API.",
        )
    return None


def _first(problems: Iterable[Problem]) -> Problem | None:
    """The first of the worst severity, in the order of the report."""
    order = list(Severity)
    return min(problems, key=lambda each: order.index(each.severity), default=None)


def _counts(problems: Iterable[Problem]) -> ProblemCounts:
    severities = [each.severity for each in problems]
    return ProblemCounts(
        page=severities.count(Severity.PAGE),
        ticket=severities.count(Severity.TICKET),
        notice=severities.count(Severity.NOTICE),
    )


def _not_known(status: EngineStatus) -> str:
    silent = [each.name for each in status.remotes if each.health is Health.UNKNOWN]
    missing = list(dict.fromkeys([*silent, *status.unknown]))
    return f"not known: {', '.join(missing)}" if missing else ""
