"""tidegate refresh: read an object's calculated fields again, and land those that differ."""

import asyncio
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy

from activities.drift.plan_refresh import PlanRefresh
from cli.options import By, Reason, SettingsFile, who
from cli.output import OUT, AsJson, print_json, say
from cli.sandbox import DEFAULT_STATE, StateFolder
from cli.state import settings_of_state
from clients.storage.objects import ObjectStore
from schemas import names
from schemas.errors import SettingsError, UnavailableError
from schemas.ids import refresh_workflow_id
from schemas.refresh import RefreshInput, RefreshPlan, RefreshState
from workers.addresses import s3_address
from workers.clients import connect_temporal, decided_catalogue, open_warehouse
from workers.settings import Settings


def refresh(
    object_name: Annotated[str, typer.Argument(metavar="OBJECT", help="By its API name.")],
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be read, and read nothing.")] = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="Every record, even where the inputs tell which are enough.")
    ] = False,
    fields: Annotated[
        str, typer.Option(help="These fields, of every record: A__c,B__c; by default the calculated ones.")
    ] = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    by: By = "",
    reason: Reason = "",
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Read fields that change without a modstamp, and land those that differ from the warehouse.

    Example: tidegate refresh ServiceRequest__c --plan
    """
    loaded = settings_of_state(settings, state)
    request = RefreshInput(
        org=loaded.salesforce.org_id,
        object=object_name,
        fields=tuple(filter(None, (each.strip() for each in fields.split(",")))),
        name="by-hand",
        everything=everything,
        by=who(by),
        reason=reason,
    )
    planned = _plan(loaded, request)
    if plan:
        print_json(planned.model_dump(mode="json")) if as_json else OUT.print(
            _plan_page(object_name, planned)
        )
        return
    done = asyncio.run(_run(loaded, request))
    counts = done.counts
    if as_json:
        print_json(done.model_dump(mode="json"))
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
        return PlanRefresh(ObjectStore(s3_address(settings.s3)), warehouse, lambda: catalogue).plan(request)
    finally:
        warehouse.close()


async def _run(settings: Settings, request: RefreshInput) -> RefreshState:
    client = await connect_temporal(settings)
    try:
        state: RefreshState = await client.execute_workflow(
            names.REFRESH_WORKFLOW,
            request,
            id=refresh_workflow_id(request.org, request.object, request.name),
            task_queue=names.WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            result_type=RefreshState,
            static_summary=f"refreshes {request.object}",
        )
    except WorkflowFailureError as error:
        raise UnavailableError(system="The refresh", detail=str(error.cause)) from error
    return state


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
