"""tidegate reconcile: is the warehouse equal to the org?"""

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table
from temporalio.client import Client, WorkflowFailureError

from cli.options import time_of, who
from cli.output import EXIT_FAILED, EXIT_ISOLATED, OUT, AsJson, print_json, progress, say
from cli.sandbox import DEFAULT_STATE, StateFolder
from cli.state import settings_of_state
from clients.storage.objects import ObjectStore
from clients.warehouse.sql import reconcile as sql
from schemas import names
from schemas.catalogue import load_catalogue
from schemas.errors import SettingsError
from schemas.ids import reconcile_workflow_id
from schemas.reconcile import Depth, ReconcileInput, ReconcileState, Verdict
from transforms.reconcile.cost import PlanTerms, calls_needed
from workers.addresses import s3_address
from workers.clients import connect_temporal, open_warehouse
from workers.reconciliations import start_reconciliation
from workers.settings import Settings

_SHOWN = 20
_EXITS = {Verdict.DIFFERS: EXIT_FAILED, Verdict.ISOLATED: EXIT_ISOLATED}
_EVERY_SECONDS = 0.5
_STAGES = ("beginning", "checking the log", "asking", "waiting", "comparing", "repairing", "done")


def reconcile(
    object_name: Annotated[str, typer.Argument(metavar="OBJECT", help="API name, as Case.")],
    depth: Annotated[
        Depth,
        typer.Option(
            help="buckets: aggregates, records only where they differ; ids: every record's time of change; fields: everything."
        ),
    ] = Depth.BUCKETS,
    since: Annotated[
        str, typer.Option(help="Only records last modified from this time on, ISO 8601 in UTC.")
    ] = "",
    until: Annotated[str, typer.Option(help="Only records last modified before.")] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Say what it would cost, and do nothing.")] = False,
    differences: Annotated[int, typer.Option(min=0, help="That --plan assumes.")] = 3,
    repairs: Annotated[
        bool, typer.Option("--repair/--no-repair", help="Repair what differs, or only name it.")
    ] = True,
    checks_log: Annotated[
        bool,
        typer.Option("--log/--no-log", help="Also hold the curated rows against the change log; no calls."),
    ] = True,
    settle: Annotated[
        float | None, typer.Option(min=0, help="Seconds that a lane may take to bring a change.")
    ] = None,
    reason: Annotated[str, typer.Option(help="For the audit log.")] = "",
    as_json: AsJson = False,
    settings: Annotated[
        Path | None, typer.Option(help="Settings file; by default the one under --state.")
    ] = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Hold the warehouse against the org, repair what differs, and say what it was.

    Exit code 1: something is left that differs; 5: nothing but fields whose value does not fit.

    Example: tidegate reconcile Case --depth ids
    """
    loaded = settings_of_state(settings, state)
    load_catalogue(loaded.catalogue).object(object_name)
    bounds = (_time("--since", since), _time("--until", until))
    if plan:
        _show_plan(loaded, object_name, depth, differences, as_json=as_json)
        return
    request = ReconcileInput(
        org=loaded.salesforce.org_id,
        object=object_name,
        window=_window(*bounds),
        depth=depth,
        since=bounds[0],
        until=bounds[1],
        repairs=repairs,
        checks_log=checks_log,
        settle=loaded.reconciliation.comparison_delay if settle is None else timedelta(seconds=settle),
        by=who(""),
        reason=reason,
    )
    try:
        done = asyncio.run(_run(loaded, request))
    except WorkflowFailureError as error:
        cause = error.cause.__cause__ or error.cause
        say(f"the reconciliation failed: {cause}")
        sys.exit(EXIT_FAILED)
    report = _report(loaded, done)
    if as_json:
        print_json(report)
    else:
        _show(done, report)
    if done.verdict in _EXITS:
        sys.exit(_EXITS[done.verdict])


async def _run(settings: Settings, request: ReconcileInput) -> ReconcileState:
    client = await connect_temporal(settings)
    handle = await start_reconciliation(client, request)
    if settings.temporal.ui_url:
        name = reconcile_workflow_id(request.org, request.object, request.window).replace("/", "%2F")
        say(f"{settings.temporal.ui_url}/namespaces/{settings.temporal.namespace}/workflows/{name}")
    ending = asyncio.create_task(handle.result())
    with progress(f"reconciling {request.object}", len(_STAGES)) as bar:
        reached = 0
        while not ending.done():
            await asyncio.wait([ending], timeout=_EVERY_SECONDS)
            state = await _progress(client, request)
            reached = max(reached, _place(state.stage))
            bar.update(completed=reached, detail=f"{state.stage}, {state.calls} calls")
    return await ending


async def _progress(client: Client, request: ReconcileInput) -> ReconcileState:
    handle = client.get_workflow_handle(reconcile_workflow_id(request.org, request.object, request.window))
    state: ReconcileState = await handle.query(names.PROGRESS, result_type=ReconcileState)
    return state


def _place(stage: str) -> int:
    return next((place for place, name in enumerate(_STAGES) if stage.startswith(name)), 0)


def _report(settings: Settings, done: ReconcileState) -> dict[str, Any]:
    if done.report_key is None:
        return done.model_dump(mode="json")
    found: dict[str, Any] = orjson.loads(ObjectStore(s3_address(settings.s3)).get(done.report_key))
    return found


def _show(done: ReconcileState, report: dict[str, Any]) -> None:
    OUT.print(f"{done.object}: {done.sentence()}")
    if done.org_records is not None:
        OUT.print(
            f"{done.org_records:,} live records in the org, {done.warehouse_records:,} in the warehouse"
        )
    if done.log is not None:
        OUT.print(f"{done.log.records:,} records held against the change log, {done.log.altered:,} altered")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in done.kinds.items())
    OUT.print(f"{done.found:,} differences found{f' ({kinds})' if kinds else ''}, {done.repaired:,} repaired")
    if done.trouble:
        OUT.print(f"the repair failed: {done.trouble}")
    differences = report.get("differences", [])
    if differences:
        table = Table("record", "what is wrong", "fields", box=None)
        for each in differences[:_SHOWN]:
            table.add_row(each["record_id"], each["kind"], ", ".join(each["fields"]))
        OUT.print(table)
        if len(differences) > _SHOWN:
            OUT.print(f"… and {len(differences) - _SHOWN:,} more: {done.report_key} in the bucket, or --json")
    _show_isolated(done, report.get("isolated_fields", []))
    costs = ", ".join(f"{cost.calls} {cost.step}" for cost in done.costs)
    OUT.print(f"{done.calls} API calls: {costs}")


def _show_isolated(done: ReconcileState, listed: list[dict[str, Any]]) -> None:
    if not listed:
        return
    table = Table("record", "isolated fields: their value does not fit", box=None)
    for each in listed[:_SHOWN]:
        table.add_row(each["record_id"], ", ".join(each["fields"]))
    OUT.print(table)
    more = (done.isolated.records if done.isolated else 0) - _SHOWN
    if more > 0:
        OUT.print(f"… and {more:,} more: {done.report_key} in the bucket, or --json")


def _show_plan(
    settings: Settings, object_name: str, depth: Depth, differences: int, *, as_json: bool
) -> None:
    spec = load_catalogue(settings.catalogue).object(object_name)
    warehouse = open_warehouse(settings)
    try:
        with warehouse.reading() as reading:
            ((rows, days),) = reading.fetch(sql.count_days(spec))
            ((isolated,),) = reading.fetch(sql.count_isolated(spec))
    finally:
        warehouse.close()
    terms = PlanTerms(page_rows=settings.reconciliation.page_rows)
    needed = calls_needed(
        int(rows), differences, days=int(days), depth=depth, isolated=int(isolated), terms=terms
    )
    parts = {name: getattr(needed, name) for name in ("buckets", "records", "examine", "repair", "again")}
    if as_json:
        print_json({"rows": int(rows), "differences": differences, "calls": needed.calls, **parts})
        return
    OUT.print(f"{object_name}: {int(rows):,} rows; at most {needed.calls} API calls, if {differences} differ")
    OUT.print(", ".join(f"{calls} {name}" for name, calls in parts.items()))


def _window(since: datetime | None, until: datetime | None) -> str:
    if since is None and until is None:
        return "all"
    first, last = (f"{moment:%Y-%m-%dT%H%M%S}" if moment else "" for moment in (since, until))
    return f"{first or 'begin'}..{last or 'now'}"


def _time(option: str, given: str) -> datetime | None:
    if not given:
        return None
    try:
        return time_of(given)
    except ValueError:
        raise SettingsError(f"{option}: {given!r} is not a time such as 2026-11-01T08:00:00Z.") from None
