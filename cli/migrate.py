"""tidegate migrate: bring the stores to this release."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from cli.options import DEFAULT_HOME, Home, SettingsFile, acting_user
from cli.output import OUT, AsJson, print_json, say
from cli.state import local_settings
from workers.migrate import Migrated, migrate as migrate_stores


def migrate(
    grant: Annotated[
        str | None,
        typer.Option("--grant", metavar="ROLE", help="Give this database role the engine's rights, no more."),
    ] = None,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make the tables and search attributes that this release needs. Run it before its workers,
    as a user who may make tables. It drops nothing, and may be run again.

    Example: tidegate migrate --grant tidegate
    """
    loaded = local_settings(settings, home)
    made = asyncio.run(
        migrate_stores(
            loaded, grant_to=grant, by=acting_user(""), on_part=lambda part: say(f"looking at {part}")
        )
    )
    if as_json:
        print_json(asdict(made))
    else:
        _show(made)


def _show(made: Migrated) -> None:
    parts = {
        "warehouse": ("tables and columns", made.warehouse),
        "operational": ("steps", made.operational),
        "Temporal": ("search attributes", made.temporal),
    }
    for part, (what, names) in parts.items():
        told = f"{len(names)} {what} made" if names else "nothing was missing"
        OUT.print(f"{part:<12} {told}", markup=False)
    if made.granted_to is not None:
        OUT.print(f"rights       given to {made.granted_to}", markup=False)
