"""`tidegate status` on the terminal: problems first, what is well in a line."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.runs import RunRow
from cli.status.engine import RECENT_MINUTES, Overview, is_at_rest
from cli.status.quality import quality_lines
from schemas.deployment import DeploymentStatus
from schemas.status import EngineStatus, Health, LaneState, LaneStatus, ObjectStatus, Problem, Severity
from schemas.status_facts import ObjectLedger, Reconciled, Refused

_STYLES = {Severity.PAGE: "bold red", Severity.TICKET: "yellow", Severity.NOTICE: ""}
_WELL = (LaneState.FOLLOWING, LaneState.QUIET)


def status_page(found: Overview) -> Group:
    """Everything, the worst first."""
    status = found.status
    return Group(
        Text(_headline(found)),
        *_problems(status.problems),
        *_parts(status),
        *map(Text, _versions(found.facts.deployment)),
        *_lanes(status.lanes, status.at),
        *_objects(status.objects, found.warehouse.ledger, status.at),
        *(_backfill(view, status.at) for view in found.backfills or ()),
        *map(Text, found.other.lines()),
        Text(_quarantine(found.warehouse.quarantine)),
        *map(Text, quality_lines(found.quality)),
        *(Text(_reconciled(row)) for row in found.warehouse.reconciled or ()),
        *map(Text, _writebacks(found)),
        *map(Text, _budgets(found)),
    )


def _headline(found: Overview) -> str:
    law = {
        True: "landed = applied + duplicate + quarantined",
        False: "the ledger does NOT balance: report it",
        None: "the ledger's balance is unknown",
    }[found.is_balanced]
    at, took = found.status.at, found.status.took.total_seconds()
    return f"org {found.status.org} as of {at:%Y-%m-%d %H:%M:%S} UTC ({took:.1f} s); {law}"


def _problems(problems: Iterable[Problem]) -> Iterator[RenderableType]:
    table = Table("", "problem", "of", "finding", "remedy", box=None)
    for each in problems:
        since = f" (since {clock(each.since)})" if each.since else ""
        table.add_row(
            Text(str(each.severity), style=_STYLES[each.severity]),
            each.code,
            each.subject,
            Text(f"{each.text}{since}"),
            Text(each.remedy),
        )
    yield table if table.row_count else Text("no problems")


def _parts(status: EngineStatus) -> Iterator[RenderableType]:
    parts = [("remote", each.name, each.health, each.detail) for each in status.remotes]
    parts += [
        ("role", each.role, each.health, "" if each.since is None else f"last seen at {clock(each.since)}")
        for each in status.roles
    ]
    amiss = [part for part in parts if part[2] is not Health.UP]
    if not amiss:
        yield Text("remotes and roles: all up")
    else:
        table = Table("part", "name", "state", "", box=None)
        for kind, name, health, detail in amiss:
            table.add_row(kind, name, Text(str(health), style="bold red"), Text(detail))
        yield table
    if status.unknown:
        yield Text(f"unknown, and so not shown: {', '.join(status.unknown)}")


def _versions(deployment: DeploymentStatus | None) -> Iterator[str]:
    """Nothing of an engine without versions; where they are unknown, the line above says so."""
    if deployment is None:
        return
    ramping = deployment.ramping and f", {deployment.ramping} takes {deployment.ramp_percentage:g} % of it"
    pinned = [
        each for each in deployment.versions if each.pinned_runs and each.build_id != deployment.current
    ]
    left = "".join(f"; {each.build_id} has {each.pinned_runs:,} pinned runs" for each in pinned)
    yield f"version {deployment.current or 'none'} has the work{ramping}{left}"


def _lanes(lanes: tuple[LaneStatus, ...], now: datetime) -> Iterator[RenderableType]:
    resting = [lane for lane in lanes if is_at_rest(lane)]
    table = Table("lane", "state", "follows", "landed to", "heard", "received", "waits", box=None)
    for lane in lanes:
        if lane in resting:
            continue
        style = "" if lane.state in _WELL else "bold red" if lane.state is LaneState.STALLED else "yellow"
        table.add_row(
            lane.lane,
            Text(str(lane.state), style=style),
            lane.channel,
            lane.position,
            ago(lane.heard_at, now),
            ago(lane.received_at, now),
            _waiting(lane),
        )
        if lane.because and lane.state not in _WELL:
            table.add_row("", Text(lane.because))
    yield table
    if resting:
        yield Text(f"{len(resting)} lanes rest: the planner follows their objects by another lane")


def _waiting(lane: LaneStatus) -> str:
    if lane.unapplied_batches is None:
        return "unknown"
    if not lane.unapplied_batches:
        return ""
    return f"{lane.unapplied_changes or 0:,} changes in {lane.unapplied_batches:,} batches"


def _objects(
    objects: tuple[ObjectStatus, ...], ledger: tuple[ObjectLedger, ...] | None, now: datetime
) -> Iterator[RenderableType]:
    if ledger is None:
        yield Text("objects: unknown, the ledger could not be asked")
        return
    rows = {row.object: row for row in ledger}
    counts = ("landed", "applied", "duplicate", "quarantined")
    table = Table(
        "object (24 h)",
        *counts,
        f"a minute ({RECENT_MINUTES} min)",
        "slowest change: median",
        "worst",
        "newest change",
        "waits since",
        box=None,
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for each in objects:
        row = rows.get(each.object)
        table.add_row(
            each.object or "(unreadable)",
            *(f"{getattr(row, name):,}" if row else "0" for name in counts),
            f"{each.changes_per_minute or 0:,.0f}",
            _seconds(each.freshness_p50),
            _seconds(each.freshness_max),
            clock(each.newest_change_at),
            ago(each.oldest_unapplied_at, now),
        )
    yield table if objects else Text("nothing has been applied within 24 hours")


def _backfill(view: RunRow, now: datetime) -> Text:
    minutes = (now - view.began_at).total_seconds() / 60
    return Text(
        f"backfill of {view.object}, {view.name}: {view.stage} for {minutes:,.0f} min, {view.changes:,} changes"
    )


def _quarantine(refused: tuple[Refused, ...] | None) -> str:
    if refused is None:
        return "quarantine: unknown"
    listed = ", ".join(f"{each.changes:,} {each.reason}" for each in refused)
    return f"quarantine: {listed}" if listed else "quarantine is empty"


def _writebacks(found: Overview) -> Iterator[str]:
    if found.writebacks is None:
        yield "writebacks: unknown, the operational store could not be asked"
        return
    yield from found.writebacks.lines(found.status.at)


def _budgets(found: Overview) -> Iterator[str]:
    if found.budgets is None:
        yield "budgets: unknown, the governor could not be asked"
        return
    yield from found.budgets.lines()


def _reconciled(view: Reconciled) -> str:
    isolated = f"equal but for {view.isolated or 0:,} isolated fields"
    said = {
        "equal": "equal",
        "repaired": "repaired, equal",
        "differs": "DIFFERS",
        "isolated": isolated,
    }[view.verdict]
    found = f"; {view.found:,} found, {view.repaired:,} repaired" if view.found else ""
    altered = f"; {view.altered:,} altered" if view.altered else ""
    as_of = f"as of {view.as_of:%Y-%m-%d %H:%M:%S}"
    return f"{view.object}: {said} {as_of} by {view.depth}{found}{altered}; {view.calls} calls"


def clock(at: datetime | None) -> str:
    """The time of day, UTC; empty for None."""
    return "" if at is None else f"{at:%H:%M:%S}"


def ago(at: datetime | None, now: datetime) -> str:
    """12 s ago; 5 min ago; empty for None."""
    if at is None:
        return ""
    seconds = max(0.0, (now - at).total_seconds())
    return f"{seconds:.0f} s ago" if seconds < 180 else f"{seconds / 60:,.0f} min ago"


def _seconds(length: timedelta | None) -> str:
    return "" if length is None else f"{length.total_seconds():.1f} s"
