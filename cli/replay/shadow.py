"""tidegate replay compare, drop: what operators do with a shadow."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, By, Home, OfObject, Reason, SettingsFile, acting_user
from cli.output import EXIT_FAILED, OUT, TALK, AsJson, print_json, say
from cli.replay.shadow_page import differences_page
from cli.state import local_settings
from cli.stores import audit_log
from clients.warehouse.shadow.compare import compare_shadow, drop_shadow, shadows_of
from schemas.errors import SettingsError
from schemas.ingest.messages import Act
from workers.clients import decided_catalogue, open_warehouse
from workers.settings import Settings

ShadowName = Annotated[str, typer.Argument(metavar="SHADOW", help="As given to --shadow.")]


def add_shadow_commands(app: CommandApp) -> None:
    """Add `compare` and `drop` to a group."""
    app.command("compare")(compare)
    app.command("drop")(drop)


def compare(
    name: ShadowName,
    object_name: OfObject = None,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Compare a shadow with the tables: rows, columns and some record ids. Exits 1 when anything
    differs.

    Example: tidegate replay compare rehearsal
    """
    compare_with_tables(local_settings(settings, home), name, object_name, as_json=as_json)


def drop(
    name: ShadowName,
    by: By = "",
    reason: Reason = "",
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Remove a shadow with all that is in it.

    Example: tidegate replay drop rehearsal --reason "the release is out"
    """
    loaded = local_settings(settings, home)
    with closing(open_warehouse(loaded)) as warehouse, audit_log(loaded) as log:
        if name not in (known := shadows_of(warehouse)):
            raise SettingsError(f"There is no shadow {name}; there is {', '.join(known) or 'none'}.")
        log.append(
            Act(act="shadow.drop", by=acting_user(by), target=name, detail=reason, at=datetime.now(UTC))
        )
        drop_shadow(warehouse, name)
    say(f"the shadow {name} is gone")


def compare_with_tables(settings: Settings, name: str, only: str | None, *, as_json: bool) -> None:
    """Print the differences; exits 1 when there are any.

    Args:
        settings: Which engine.
        name: The shadow.
        only: One object; None = all of them.
        as_json: Print JSON.
    """
    with TALK.status("comparing"), closing(open_warehouse(settings)) as warehouse:
        catalogue = decided_catalogue(settings, warehouse)
        if only is not None:
            catalogue.object(only)
        found = list(compare_shadow(warehouse, catalogue, name, only=only))
    if as_json:
        print_json([each.as_json() for each in found])
    else:
        OUT.print(differences_page(name, found))
    if not all(each.is_equal for each in found):
        raise typer.Exit(EXIT_FAILED)
