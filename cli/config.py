"""tidegate config show, check: the settings as they are in force, and whether they fit together."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import AliasChoices
from rich.table import Table

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import EXIT_REFUSED, OUT, AsJson, print_json, say
from cli.state import local_settings, settings_file
from clients.database.tls import TlsDemand
from schemas.catalogue import Catalogue, load_catalogue
from schemas.errors import CatalogueError, SettingsError
from schemas.planner import Way
from schemas.security.secret_reference import secret_reference
from workers.fleet.members import fleet_members
from workers.settings import DEFAULT_FILE, FILE_VARIABLE, Settings

app = CommandApp(
    about="Show the settings in force, secrets masked, and check them.\n\nExample: tidegate config show",
)
MASK = "**********"
_PREFIX = "TIDEGATE_"
_MASKED = frozenset({"sha256", "access_key"})
"""Settings that are no secrets of themselves and still nobody's business."""


@app.command("show")
def show(as_json: AsJson = False, settings: SettingsFile = None, home: Home = DEFAULT_HOME) -> None:
    """Show every setting with its value and its source. Secrets are masked.

    Example: tidegate config show
    """
    loaded = local_settings(settings, home)
    values = masked(loaded)
    if as_json:
        print_json(values)
        return
    file = _file_of(settings, home)
    left = {} if file is None else json.loads(file.read_text())
    table = Table("setting", "value", "from", box=None)
    for path, value in _flat(values):
        table.add_row(".".join(path), json.dumps(value) if value is not None else "", _source(path, left))
    OUT.print(table)


@app.command("check")
def check(as_json: AsJson = False, settings: SettingsFile = None, home: Home = DEFAULT_HOME) -> None:
    """Check that the settings are complete and fit the catalogue. Asks nobody; `tidegate doctor`
    asks. Exits 2 when they do not.

    Example: tidegate config check --settings settings.json
    """
    problems = list(problems_of(local_settings(settings, home)))
    if as_json:
        print_json({"problems": problems})
    elif problems:
        for problem in problems:
            OUT.print(problem, markup=False)
    else:
        say("The settings are complete, and fit the catalogue.")
    if problems:
        raise typer.Exit(EXIT_REFUSED)


def masked(settings: Settings) -> dict[str, Any]:
    """The settings as plain values, secrets replaced by `MASK`."""
    values: dict[str, Any] = _mask(settings.model_dump(mode="json"))
    return values


def _mask(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _mask(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_mask(part, name) for part in value]
    return MASK if name in _MASKED and value is not None else value


def _flat(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, (*path, name))
        else:
            yield (*path, name), value


def _file_of(named: Path | None, home: Path) -> Path | None:
    """The settings file that was read; None = there is none."""
    given = os.environ.get(FILE_VARIABLE)
    for file in (named, settings_file(home), Path(given) if given else None, DEFAULT_FILE):
        if file is not None and file.exists():
            return file
    return None


def _source(path: tuple[str, ...], left: dict[str, Any]) -> str:
    spellings = list(_spellings(path))
    for spelled in spellings:
        parts = [part.upper() for part in spelled]
        if any(_PREFIX + "__".join(parts[:length]) in os.environ for length in range(1, len(parts) + 1)):
            return "environment"
    return "file" if any(_holds(left, spelled) for spelled in spellings) else "default"


def _spellings(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The path of a setting, by its name and by its old one."""
    yield path
    group: Any = Settings.model_fields[path[0]].annotation
    fields = getattr(group, "model_fields", {})
    if len(path) > 1 and path[1] in fields and isinstance(fields[path[1]].validation_alias, AliasChoices):
        for name in fields[path[1]].validation_alias.choices[1:]:
            yield (path[0], str(name), *path[2:])


def _holds(values: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def problems_of(settings: Settings) -> Iterator[str]:
    """Mistakes in the settings, a sentence each."""
    for name, file in (
        ("SALESFORCE__PRIVATE_KEY_FILE", settings.salesforce.private_key_file),
        ("SALESFORCE__CA_FILE", settings.salesforce.ca_file),
        ("WAREHOUSE__CA_FILE", settings.warehouse.ca_file),
        ("OPERATIONAL__CA_FILE", settings.operational.ca_file),
        ("FLEET__CA_FILE", settings.fleet.ca_file),
    ):
        if file is not None and not file.is_file():
            yield f"{_PREFIX}{name}: there is no file {file}. Correct the path."
    try:
        fleet_members(settings.fleet)
    except SettingsError as error:
        yield str(error)
    yield from _weak_tls(settings)
    if settings.warehouse.kind == "redshift" and settings.warehouse.copy_role is None:
        yield f"{_PREFIX}WAREHOUSE__COPY_ROLE is missing. Redshift reads the bucket with it."
    try:
        catalogue = load_catalogue(settings.catalogue)
    except CatalogueError as error:
        yield f"{_PREFIX}CATALOGUE: {error}"
        return
    yield from _unknown(settings, catalogue)


def _weak_tls(settings: Settings) -> Iterator[str]:
    """Connection URLs that ask for less than the settings demand. References are not followed."""
    for name, group in (("WAREHOUSE", settings.warehouse), ("OPERATIONAL", settings.operational)):
        url = None if group.dsn is None else group.dsn.get_secret_value()
        if url is None or secret_reference(url) is not None:
            continue
        try:
            TlsDemand(group.tls, group.ca_file, f"{_PREFIX}{name}").applied(url)
        except SettingsError as error:
            yield str(error)


def _unknown(settings: Settings, catalogue: Catalogue) -> Iterator[str]:
    """Settings that name what the catalogue lacks."""
    named = {f"LANES, lane {lane.name}": lane.object for lane in settings.lanes if lane.way is Way.POLL}
    named |= {f"PLANNER__PINS, {name}": name for name in settings.planner.pins}
    named |= {
        f"WRITEBACK__CONFLICT_POLICY, {name}": name.partition(".")[0]
        for name in settings.writeback.conflict_policy
    }
    for where, name in named.items():
        if name not in catalogue.objects:
            yield f"{_PREFIX}{where}: {settings.catalogue} has no object {name}. Correct the name, or add the object."
