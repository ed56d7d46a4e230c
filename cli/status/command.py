"""tidegate status: the engine at a glance."""

import asyncio
from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import AsJson, Every, Watch, show
from cli.runs import RunRow
from cli.state import local_settings
from cli.status.engine import RECENT_MINUTES, LaneLine, ObjectLine, Overview, ReconciledView, overview
from cli.status.quality import quality_lines


def status(
    as_json: AsJson = False,
    watch: Watch = False,
    every: Every = 2.0,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show lanes, runs, freshness, quarantine, writebacks and budgets.

    Example: tidegate status --watch
    """
    loaded = local_settings(settings, home)
    show(lambda: asyncio.run(overview(loaded)), _page, as_json=as_json, watch=watch, every=every)


def _page(found: Overview) -> Group:
    law = (
        "landed = applied + duplicate + quarantined"
        if found.balanced
        else "the ledger does NOT balance: report it"
    )
    return Group(
        Text(f"org {found.org} at {found.at:%Y-%m-%d %H:%M:%S} UTC; {law}"),
        _lanes(found.lanes),
        _objects(found.objects),
        *(_backfill(view, found.at) for view in found.backfills),
        *map(Text, found.other.lines()),
        _quarantine(found.quarantine),
        *map(Text, quality_lines(found.quality)),
        *map(_reconciled, found.reconciled),
        *map(Text, found.writebacks.lines(found.at)),
        *(Text(line) for line in found.budgets.lines()),
    )


def _lanes(lanes: list[LaneLine]) -> Table:
    table = Table(
        "lane", "state", "channel", "landed to", "last event received", "batches under way", box=None
    )
    for view in lanes:
        received = "never" if view.last_received_at is None else f"{view.last_received_at:%H:%M:%S}"
        table.add_row(
            view.lane, view.state, view.channel, view.landed_position, received, str(view.batches_under_way)
        )
        if view.because:
            table.add_row("", view.because)
    return table


def _objects(objects: list[ObjectLine]) -> Table:
    numbers = ("landed", "applied", "duplicate", "quarantined", f"a minute ({RECENT_MINUTES} min)")
    table = Table("object", *numbers, "slowest change: median", "worst", "newest change", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for view in objects:
        counts = (view.landed, view.applied, view.duplicate, view.quarantined)
        newest = "" if view.newest_change_at is None else f"{view.newest_change_at:%H:%M:%S}"
        table.add_row(
            view.object,
            *(f"{count:,}" for count in counts),
            f"{view.changes_per_minute:,.0f}",
            _seconds(view.freshness_p50_seconds),
            _seconds(view.freshness_max_seconds),
            newest,
        )
    if not objects:
        table.add_row("nothing has been applied yet")
    return table


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _backfill(view: RunRow, now: datetime) -> Text:
    minutes = (now - view.began_at).total_seconds() / 60
    return Text(
        f"backfill of {view.object}, {view.name}: {view.stage} for {minutes:,.0f} min, {view.changes:,} changes"
    )


def _quarantine(reasons: dict[str, int]) -> Text:
    if not reasons:
        return Text("quarantine is empty")
    listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
    return Text(f"quarantine: {listed}")


def _reconciled(view: ReconciledView) -> Text:
    isolated = f"equal but for {view.isolated or 0:,} isolated fields"
    said = {
        "equal": "equal",
        "repaired": "repaired, equal",
        "differs": "DIFFERS",
        "isolated": isolated,
    }[view.verdict]
    found = f"; {view.found:,} found, {view.repaired:,} repaired" if view.found else ""
    altered = f"; {view.altered:,} altered" if view.altered else ""
    return Text(
        f"{view.object}: {said} as of {view.as_of:%Y-%m-%d %H:%M:%S} by {view.depth}{found}{altered}; {view.calls} calls"
    )
