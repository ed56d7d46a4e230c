"""tidegate drift: how the org's schema has come to differ from the catalogue file, what was done,
and what is left to do.
"""

from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.options import DEFAULT_HOME, By, Detach, Home, Reason, SettingsFile, acting_user
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.runs import Asked, run_to_its_end
from cli.state import local_settings
from clients.temporal.run_kinds import DRIFT
from clients.warehouse import Warehouse
from clients.warehouse.live_catalogue import read_rows
from schemas.catalogue import load_catalogue
from schemas.drift import DriftInput, DriftResult, DriftRow
from workers.clients import open_warehouse
from workers.settings import Settings


@dataclass(frozen=True)
class DriftFound:
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
    check: Annotated[bool, typer.Option("--check", help="Ask the org now, for every object.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Every decision, not the last one of each field.")
    ] = False,
    detach: Detach = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show fields that the org has otherwise than the catalogue. What was found, what was done, and
    what is left to do.

    Example: tidegate drift --check
    """
    loaded = local_settings(settings, home)
    result = None
    if check:
        ended = run_to_its_end(
            loaded, _asked(loaded, acting_user(by), reason), detach=detach, as_json=as_json
        )
        if ended is None:
            return
        if ended.trouble or ended.state is None:
            say(f"The check of the schema failed: {ended.trouble}")
            raise typer.Exit(EXIT_FAILED)
        result = ended.state
        calls = f"{result.checked} objects looked at with {result.calls} API calls"
        say(f"{calls}; {len(result.found)} new findings")
    with closing(open_warehouse(loaded)) as warehouse:
        found = DriftFound(_decisions(warehouse, every=every), result)
    print_json(found.as_json()) if as_json else OUT.print(drift_page(found))


def _asked(settings: Settings, by: str, reason: str) -> Asked[DriftResult]:
    request = DriftInput(
        org=settings.salesforce.org_id,
        objects=tuple(_objects(settings)),
        redrive=settings.drift.redrive,
        by=by,
        reason=reason,
    )
    return Asked(
        kind=DRIFT, request=request, state=DriftResult, title="check of the schema", show="tidegate drift"
    )


def _objects(settings: Settings) -> list[str]:
    return sorted(load_catalogue(settings.catalogue).objects)


def _decisions(warehouse: Warehouse, *, every: bool) -> list[DriftRow]:
    with warehouse.transaction() as transaction:
        rows = read_rows(transaction)
    return rows if every else list({(row.object, row.field): row for row in rows}.values())


def drift_page(found: DriftFound) -> RenderableType:
    """The page for a person: a line a decision, and under it the remedy."""
    if not found.decisions:
        return Text("the org's fields are as the catalogue has them")
    table = Table("object", "field", "what", "was", "now", "done", "found (UTC)", box=None)
    for each in found.decisions:
        at = f"{each.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(each.object, each.field, each.kind, each.was, each.now, each.effect, at)
    to_do = [Text(f"{each.object}.{each.field}: {each.advice}") for each in found.decisions if each.advice]
    return Group(table, *to_do)
