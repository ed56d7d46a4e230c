"""tidegate reconcile …: is the warehouse equal to the org?"""

import sys
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from cli.language.grammar import CommandApp
from cli.options import (
    DEFAULT_HOME,
    By,
    Detach,
    DryRun,
    Home,
    ObjectName,
    Reason,
    SettingsFile,
    Since,
    Until,
    acting_user,
    time_range,
)
from cli.output import EXIT_FAILED, EXIT_ISOLATED, AsJson, print_json, say
from cli.reconcile.output import report_of, share, show_cost, show_report
from cli.reconcile.raw import raw
from cli.run_control import ShownRun, add_run_control
from cli.runs import Asked, run_to_its_end
from cli.state import local_settings
from clients.temporal.run_kinds import RECONCILE
from schemas.catalogue import load_catalogue
from schemas.reconcile import Depth, ReconcileInput, ReconcileState, Verdict
from schemas.run_names import reconcile_name
from workers.settings import Settings

app = CommandApp(
    about="Compare the warehouse with the org and repair what differs.\n\nExample: tidegate reconcile Case --depth ids",
    usual="start",
)
_EXITS = {Verdict.DIFFERS: EXIT_FAILED, Verdict.ISOLATED: EXIT_ISOLATED}


_Depth = Annotated[Depth, typer.Option("--depth", help="Compare sums by day, ids and times, or every field.")]
_Repairs = Annotated[bool, typer.Option("--repair/--no-repair", help="Repair what differs, or only name it.")]
_ChecksLog = Annotated[
    bool, typer.Option("--log/--no-log", help="Also compare the rows with the change log; no calls.")
]
_Settle = Annotated[
    float | None, typer.Option("--settle", min=0, help="Seconds that a lane may take to bring a change.")
]
_Differences = Annotated[
    int, typer.Option("--differences", min=0, help="Differing records that --dry-run assumes.")
]


@app.command("start")
def start(
    object_name: ObjectName,
    depth: _Depth = Depth.BUCKETS,
    since: Since = None,
    until: Until = None,
    repairs: _Repairs = True,
    checks_log: _ChecksLog = True,
    settle: _Settle = None,
    dry_run: DryRun = False,
    differences: _Differences = 3,
    detach: Detach = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Compare the warehouse with the org, repair what differs, and report it. Exits 1 when
    something is left, 5 when only isolated fields are.

    Example: tidegate reconcile Case --depth ids
    """
    loaded = local_settings(settings, home)
    first, last = time_range(since, until)
    if dry_run:
        show_cost(loaded, object_name, depth, differences, as_json=as_json)
        return
    request = ReconcileInput(
        org=loaded.salesforce.org_id,
        object=object_name,
        window=reconcile_name(first, last, depth, repairs=repairs, checks_log=checks_log),
        depth=depth,
        since=first,
        until=last,
        repairs=repairs,
        checks_log=checks_log,
        settle=loaded.reconciliation.comparison_delay if settle is None else timedelta(seconds=settle),
        by=acting_user(by),
        reason=reason,
    )
    _run(loaded, request, detach=detach, as_json=as_json)


def _run(loaded: Settings, request: ReconcileInput, *, detach: bool, as_json: bool) -> None:
    load_catalogue(loaded.catalogue).object(request.object)
    asked = Asked(
        kind=RECONCILE,
        request=request,
        state=ReconcileState,
        title=f"reconciling {request.object}",
        show=f"tidegate reconcile show {request.object} --name {request.window}",
        share=share,
        words=lambda state: f"{state.stage}, {state.calls} calls",
    )
    ended = run_to_its_end(loaded, asked, detach=detach, as_json=as_json)
    if ended is None:
        return
    if ended.trouble or ended.state is None:
        say(f"The reconciliation failed: {ended.trouble}")
        sys.exit(EXIT_FAILED)
    done = ended.state
    report = report_of(loaded, done)
    print_json(report) if as_json else show_report(done, report)
    if done.verdict in _EXITS:
        sys.exit(_EXITS[done.verdict])


def _page(state: ReconcileState) -> RenderableType:
    report = "" if state.report_key is None else f"; report {state.report_key} in the bucket"
    return Text(
        f"{state.object}, {state.window}: {state.sentence()}; {state.found:,} found, {state.repaired:,} repaired, "
        f"{state.calls} API calls{report}"
    )


app.command("raw")(raw)
add_run_control(app, RECONCILE, ShownRun(group="reconcile", sample="Case", about={}, page=_page))
