"""tidegate refresh: read an object's calculated fields again, and land those that differ."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table

from activities.drift.plan_refresh import PlanRefresh
from cli.options import DEFAULT_HOME, By, Detach, DryRun, Home, ObjectName, Reason, SettingsFile, acting_user
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.runs import Asked, run_to_its_end
from cli.state import local_settings
from cli.stores import object_store
from clients.temporal.run_kinds import REFRESH
from schemas.drift import RefreshInput, RefreshPlan, RefreshState
from schemas.errors import SettingsError
from schemas.run_names import refresh_name
from workers.clients import decided_catalogue, open_warehouse
from workers.settings import Settings


def refresh(
    object_name: ObjectName,
    everything: Annotated[
        bool, typer.Option("--all", help="Every record, even where the inputs tell which are enough.")
    ] = False,
    fields: Annotated[
        str, typer.Option("--fields", help="Only these: A__c,B__c; by default the calculated ones.")
    ] = "",
    dry_run: DryRun = False,
    detach: Detach = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Read fields that change without a modstamp. Land those that differ from the warehouse.

    Example: tidegate refresh ServiceRequest__c --dry-run
    """
    loaded = local_settings(settings, home)
    listed = tuple(sorted(set(filter(None, (each.strip() for each in fields.split(","))))))
    request = RefreshInput(
        org=loaded.salesforce.org_id,
        object=object_name,
        fields=listed,
        name=refresh_name(listed, is_whole=everything),
        everything=everything,
        by=acting_user(by),
        reason=reason,
    )
    planned = _plan(loaded, request)
    if dry_run:
        page = planned.model_dump(mode="json") if as_json else _plan_page(object_name, planned)
        print_json(page) if as_json else OUT.print(page)
        return
    _run(loaded, request, detach=detach, as_json=as_json)


def _run(loaded: Settings, request: RefreshInput, *, detach: bool, as_json: bool) -> None:
    asked = Asked(
        kind=REFRESH,
        request=request,
        state=RefreshState,
        title=f"refresh of {request.object}",
        show="tidegate status",
        words=lambda state: f"{state.stage}, {state.counts.read:,} records read, {state.counts.calls} calls",
    )
    ended = run_to_its_end(loaded, asked, detach=detach, as_json=as_json)
    if ended is None:
        return
    if ended.trouble or ended.state is None:
        say(f"The refresh failed: {ended.trouble}")
        raise typer.Exit(EXIT_FAILED)
    counts = ended.state.counts
    if as_json:
        print_json(ended.state.model_dump(mode="json"))
        return
    say(
        f"{counts.read:,} records read with {counts.calls:,} API calls; {counts.differed:,} differed, "
        f"{counts.applied:,} applied, {counts.quarantined:,} quarantined"
    )


def _plan(settings: Settings, request: RefreshInput) -> RefreshPlan:
    warehouse = open_warehouse(settings)
    try:
        catalogue = decided_catalogue(settings, warehouse)
        spec = catalogue.object(request.object)
        if unknown := [name for name in request.fields if name not in spec.fields]:
            raise SettingsError(f"{request.object} has no field {', '.join(unknown)}. Correct the name.")
        return PlanRefresh(object_store(settings), warehouse, catalogue).plan(request)
    finally:
        warehouse.close()


def _plan_page(object_name: str, planned: RefreshPlan) -> RenderableType:
    if not planned.groups:
        return (
            f"nothing of {object_name} is worth reading: it has no calculated fields, or no input has changed"
        )
    table = Table("fields", "records", "why", box=None)
    for group in planned.groups:
        records = "every one" if group.records is None else f"{group.records:,}"
        table.add_row(", ".join(group.fields), records, group.why)
    table.caption = f"about {planned.expected_calls:,} API calls"
    return table
