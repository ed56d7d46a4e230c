"""tidegate drift: how the org's schema has come to differ from the catalogue file, what was done, and what is left to do."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy

from cli.options import By, SettingsFile, who
from cli.output import OUT, AsJson, print_json, say
from cli.sandbox import DEFAULT_STATE, StateFolder
from cli.state import settings_of_state
from clients.warehouse import Warehouse
from clients.warehouse.live_catalogue import read_rows
from schemas import names
from schemas.catalogue import load_catalogue
from schemas.drift import DriftInput, DriftResult, DriftRow
from schemas.errors import UnavailableError
from schemas.ids import drift_workflow_id
from workers.clients import connect_temporal, open_warehouse
from workers.settings import Settings


@dataclass(frozen=True)
class Found:
    """The decisions, and what a check has just come to."""

    decisions: list[DriftRow]
    """Of each field the last one, unless all were asked for."""
    check: DriftResult | None

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json."""
        return {
            "decisions": [each.model_dump(mode="json", exclude_none=True) for each in self.decisions],
            "check": None if self.check is None else self.check.model_dump(mode="json", exclude_none=True),
        }


def drift(
    check: Annotated[bool, typer.Option("--check", help="Ask the org now, every object of it.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Every decision, not the last one of each field.")
    ] = False,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    by: By = "",
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Fields that the org has otherwise than the catalogue file: what was found, done, and is left to do.

    Example: tidegate drift --check
    """
    loaded = settings_of_state(settings, state)
    result = asyncio.run(_check(loaded, who(by))) if check else None
    if result is not None:
        say(
            f"{result.checked} objects looked at with {result.calls} API calls; {len(result.found)} new findings"
        )
    warehouse = open_warehouse(loaded)
    try:
        found = Found(_decisions(warehouse, every=every), result)
    finally:
        warehouse.close()
    print_json(found.as_json()) if as_json else OUT.print(drift_page(found))


async def _check(settings: Settings, by: str) -> DriftResult:
    client = await connect_temporal(settings)
    org = settings.salesforce.org_id
    request = DriftInput(org=org, objects=tuple(_objects(settings)), redrive=settings.drift.redrive, by=by)
    try:
        result: DriftResult = await client.execute_workflow(
            names.DRIFT_WORKFLOW,
            request,
            id=drift_workflow_id(org),
            task_queue=names.WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            result_type=DriftResult,
            static_summary="a check of the schema",
        )
    except WorkflowFailureError as error:
        raise UnavailableError(system="The check of the schema", detail=str(error.cause)) from error
    return result


def _objects(settings: Settings) -> list[str]:
    return sorted(load_catalogue(settings.catalogue).objects)


def _decisions(warehouse: Warehouse, *, every: bool) -> list[DriftRow]:
    with warehouse.transaction() as transaction:
        rows = read_rows(transaction)
    return rows if every else list({(row.object, row.field): row for row in rows}.values())


def drift_page(found: Found) -> RenderableType:
    """The page for a person: a line a decision, and under it the remedy."""
    if not found.decisions:
        return Text("the org's fields are as the catalogue has them")
    table = Table("object", "field", "what", "was", "now", "done", "found (UTC)", box=None)
    for each in found.decisions:
        at = f"{each.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(each.object, each.field, each.kind, each.was, each.now, each.effect, at)
    to_do = [Text(f"{each.object}.{each.field}: {each.advice}") for each in found.decisions if each.advice]
    return Group(table, *to_do)
