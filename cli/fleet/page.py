"""`tidegate fleet status` on the terminal: a line an org, the worst first."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cli.status.page import ago, clock
from schemas.fleet import FleetStatus, LastKnown, MemberStatus, Verdict

_STYLES: Final = {
    Verdict.PAGE: "bold red",
    Verdict.UNKNOWN: "bold magenta",
    Verdict.TICKET: "yellow",
    Verdict.NOTICE: "",
    Verdict.OK: "green",
}
_NOT_KNOWN: Final = "?"
"""A number that is not known. A dash is a number that there is not."""


def fleet_page(found: FleetStatus) -> Group:
    """Everything, the worst first."""
    table = Table(
        "org",
        "worst",
        "first problem",
        "remedy, at that org",
        "fresh p95/p99",
        "waiting",
        "dead",
        "budget spent",
        "as of",
        box=None,
    )
    for column in table.columns[4:]:
        column.justify = "right"
    for each in found.members:
        table.add_row(
            Text(each.name),
            Text(str(each.worst).upper(), style=_STYLES[each.worst]),
            Text(problem_text(each, found.at)),
            Text(_remedy(each)),
            _freshness(each),
            _count(each.writebacks_waiting),
            _count(each.writebacks_dead),
            _spent(each),
            ago(each.reported_at, found.at) or _NOT_KNOWN,
        )
    return Group(Text(_headline(found)), table)


def check_lines(found: FleetStatus) -> Iterator[str]:
    """Lines for a monitor: one an org with problems or unknown; one that says so when there is
    none.
    """
    troubled = [each for each in found.members if each.worst.rank <= Verdict.TICKET.rank]
    for each in troubled:
        yield f"{str(each.worst).upper()} {each.name}: {problem_text(each, found.at)} -> {_remedy(each)}"
    if not troubled:
        yield _headline(found)


def problem_text(member: MemberStatus, now: datetime) -> str:
    """The first problem, its age, how many more there are, and what is not known."""
    parts = []
    if member.problem is not None:
        problem = member.problem
        subject = f" {problem.subject}" if problem.subject else ""
        since = f" (since {_when(problem.since, now)})" if problem.since else ""
        more = f"; and {member.counts.all - 1:,} more" if member.counts.all > 1 else ""
        parts.append(f"{problem.code}{subject}: {problem.text}{since}{more}")
    if member.why:
        parts.append(member.why)
    if member.last is not None:
        parts.append(_last(member.last, now))
    return "; ".join(parts)


def _last(last: LastKnown, now: datetime) -> str:
    said = f"last report {_when(last.at, now)}"
    if last.verdict is None:
        return said
    problem = "" if last.problem is None else f" {last.problem.code} {last.problem.subject}".rstrip()
    return f"{said}, then {str(last.verdict).upper()}{problem}"


def _when(at: datetime, now: datetime) -> str:
    """The time of day and the age; the day, too, when it is another one."""
    day = "" if at.date() == now.date() else f"{at:%Y-%m-%d} "
    return f"{day}{clock(at)}, {ago(at, now)}"


def _headline(found: FleetStatus) -> str:
    counts = ", ".join(f"{number:,} {verdict}" for verdict, number in found.counts.items())
    orgs = f"{len(found.members):,} org{'s' * (len(found.members) != 1)}"
    return f"{str(found.worst).upper()}: {orgs} as of {found.at:%Y-%m-%d %H:%M:%S} UTC: {counts or 'none'}"


def _remedy(member: MemberStatus) -> str:
    remedies = [member.problem.remedy] if member.problem is not None else []
    remedies += [member.remedy] if member.remedy else []
    return "; ".join(dict.fromkeys(remedies))


def _freshness(member: MemberStatus) -> str:
    if member.reported_at is None:
        return _NOT_KNOWN
    if member.freshness_p95 is None and member.freshness_p99 is None:
        return "-"
    return f"{_seconds(member.freshness_p95)}/{_seconds(member.freshness_p99)} s"


def _seconds(length: timedelta | None) -> str:
    return "-" if length is None else f"{length.total_seconds():.1f}"


def _count(number: int | None) -> str:
    return _NOT_KNOWN if number is None else f"{number:,}"


def _spent(member: MemberStatus) -> str:
    if member.budget_spent is None:
        return _NOT_KNOWN
    return f"{member.budget_spent:.0%} {member.budget}"
