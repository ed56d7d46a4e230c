"""tidegate retention …: what is kept how long, what is due, and whether the archive is whole."""

from datetime import UTC, datetime
from itertools import count
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from activities.retention.due import plan_retention
from activities.retention.verify import verify_retention
from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, By, Detach, DryRun, Home, Reason, SettingsFile, acting_user, moment
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, progress_bar, say
from cli.runs import Asked, run_to_its_end
from cli.state import local_settings
from clients.retention.archived_months import archived_months
from clients.temporal.run_kinds import RETENTION
from schemas.security.retention import (
    RetentionInput,
    RetentionPlan,
    RetentionState,
    RetentionVerdict,
    TaskDone,
)
from workers.security.retention import opened_retention
from workers.settings import Settings

app = CommandApp(
    about="Keep data as long as promised, and end it then. Old months of the change log are archived under Object Lock."
    "\n\nExample: tidegate retention plan",
)
At = Annotated[str | None, typer.Option("--at", help="As if it were this time: 2027-11-24.")]


@app.command("plan")
def plan(
    at: At = None,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show what is due: objects by prefix, months by table, each with its rule. Changes nothing.

    Example: tidegate retention plan --at 2027-12-31
    """
    _show_plan(local_settings(settings, home), moment("--at", at) or datetime.now(UTC), as_json=as_json)


@app.command("run")
def run(
    dry_run: DryRun = False,
    detach: Detach = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Do what is due now, and wait for its end. Each deletion is written to the audit log.

    Example: tidegate retention run --reason "before the audit"
    """
    loaded = local_settings(settings, home)
    if dry_run:
        _show_plan(loaded, datetime.now(UTC), as_json=as_json)
        return
    request = RetentionInput(org=loaded.salesforce.org_id, by=acting_user(by), reason=reason)
    ended = run_to_its_end(loaded, _asked(request), detach=detach, as_json=as_json)
    if ended is None:
        return
    if ended.state is not None:
        print_json(ended.state.model_dump(mode="json")) if as_json else OUT.print(_done_page(ended.state))
    if ended.trouble or ended.state is None:
        say(f"The retention run failed: {ended.trouble}")
        raise typer.Exit(EXIT_FAILED)


@app.command("verify")
def verify(
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Read every archived file, and check checksums, rows, locks, lifecycle rules, and that nothing
    is overdue. Exits 1 and says where when something is wrong.

    Example: tidegate retention verify
    """
    loaded = local_settings(settings, home)
    with opened_retention(loaded) as parts:
        files = sum(row.files for row in archived_months(parts.warehouse))
        seen = count(1)
        with progress_bar("archived files", total=max(files, 1)) as bar:
            found = verify_retention(
                parts, datetime.now(UTC), lambda key: bar.update(completed=next(seen), detail=key)
            )
    print_json(found.model_dump(mode="json")) if as_json else OUT.print(_verdict_page(found))
    if found.findings or found.overdue:
        raise typer.Exit(EXIT_FAILED)


def _asked(request: RetentionInput) -> Asked[RetentionState]:
    return Asked(
        kind=RETENTION,
        request=request,
        state=RetentionState,
        title="retention",
        show="tidegate audit list --act retention",
        share=lambda state: len(state.done) / state.planned if state.planned else 0.0,
        words=lambda state: f"{state.stage}, {len(state.done)} of {state.planned} tasks",
    )


def _show_plan(settings: Settings, at: datetime, *, as_json: bool) -> None:
    with opened_retention(settings) as parts:
        found = plan_retention(parts, at, counts=True)
    print_json(found.model_dump(mode="json")) if as_json else OUT.print(_plan_page(found))


def _plan_page(found: RetentionPlan) -> RenderableType:
    if not found.tasks:
        return Text(f"nothing is due at {found.now:%Y-%m-%d %H:%M}")
    table = Table("does", "target", "month", "count", "due since", "rule", box=None)
    for task in found.tasks:
        rows = "" if task.rows is None else f"{task.rows:,}"
        table.add_row(task.work, task.target, task.month, rows, f"{task.due_since:%Y-%m-%d}", task.rule)
    return table


def _done_page(state: RetentionState) -> RenderableType:
    if not state.done and not state.failed:
        return Text("nothing was due")
    table = Table("did", "target", "month", "objects", "rows", "MB", "kept", "note", box=None)
    for done in state.done:
        table.add_row(*_done_row(done))
    for each in state.failed:
        table.add_row("failed", each)
    return table


def _done_row(done: TaskDone) -> list[Any]:
    counts = (f"{done.objects:,}", f"{done.rows:,}", f"{done.bytes / 1e6:,.1f}", f"{done.kept:,}")
    return [done.task.work, done.task.target, done.task.month, *counts, done.note]


def _verdict_page(found: RetentionVerdict) -> RenderableType:
    if not found.findings and not found.overdue:
        return Text(
            f"the archive is whole: {found.months} months, {found.files} files, {found.rows:,} rows; "
            f"{found.locked} files are locked; nothing is overdue"
        )
    table = Table("wrong", "where", "what to do", box=None)
    for each in found.findings:
        table.add_row(each.what, each.where, each.remedy)
    for task in found.overdue:
        where = f"{task.target} {task.month}".strip()
        table.add_row(f"{task.work} overdue since {task.due_since:%Y-%m-%d}", where, "tidegate retention run")
    return table
