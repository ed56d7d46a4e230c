"""tidegate catalogue: write the catalogue from what the org describes, and compare one with the
org.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.state import local_settings
from schemas.catalogue_check import CatalogueCheck, CatalogueDifference, Costs
from schemas.errors import SettingsError
from workers.catalogue import Generation, Wanted, check_catalogue, generate_catalogue

app = CommandApp(
    about="Generate the object catalogue, or compare one with the org.\n\nExample: tidegate catalogue check",
)
_STYLES = {
    Costs.MISSED: "bold red",
    Costs.ISOLATED: "bold red",
    Costs.UNKNOWN: "bold magenta",
    Costs.NOTHING: "yellow",
}
_PAID = {
    "lease": "leased from the governor",
    "allowance": "without a lease: no governor answers",
    "nothing": "",
}
_SHOWN = 8


@app.command("generate")
def generate(
    objects: Annotated[str, typer.Option(help="API names with commas between: Case,Account.")] = "",
    all_with_cdc: Annotated[
        bool, typer.Option("--all-with-cdc", help="Every object that is selected for Change Data Capture.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write to this file, whole or not at all. By default to stdout.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file, and what was decided in it.")
    ] = False,
    history: Annotated[str, typer.Option(help="Objects whose versions are kept: Case,Account.")] = "",
    polled: Annotated[
        bool, typer.Option("--polled", help="Take objects that are not selected; lanes must poll them.")
    ] = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write a catalogue from what the org describes. Types, lengths, references, compound parts,
    picklist values, and what is personal.

    Example: tidegate catalogue generate --objects Case,Account --history Case --out
    catalogue.yaml
    """
    wanted = Wanted(_names(objects), all_with_cdc, polled, frozenset(_names(history)))
    if not wanted.objects and not all_with_cdc:
        raise SettingsError("Say which objects: --objects Case,Account, or --all-with-cdc.")
    if out is not None and out.exists() and not force:
        raise SettingsError(
            f"{out} is there, and may hold decisions. Give another --out and compare them, or replace it with --force."
        )
    made = asyncio.run(generate_catalogue(local_settings(settings, home), wanted))
    if out is None:
        sys.stdout.write(made.generated.text)
    else:
        _write(out, made.generated.text)
    _tell(made, out)


@app.command("check")
def check(
    file: Annotated[Path | None, typer.Option(help="By default the engine's own.")] = None,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Compare the catalogue with the org, and say what to do. Changes nothing.

    Ends with 0 when nothing is missed, isolated or unknown, else with 1.

    Example: tidegate catalogue check --file catalogue.yaml
    """
    loaded = local_settings(settings, home)
    found = asyncio.run(check_catalogue(loaded, file or loaded.catalogue))
    print_json(found.model_dump(mode="json") | {"is_well": found.is_well}) if as_json else OUT.print(
        check_page(found)
    )
    if not found.is_well:
        raise typer.Exit(EXIT_FAILED)


def check_page(found: CatalogueCheck) -> RenderableType:
    """The page for a person: a headline, then each difference with its remedy, the worst first."""
    counts = {costs: sum(each.costs is costs for each in found.differences) for costs in Costs}
    told = ", ".join(f"{count} {costs}" for costs, count in counts.items() if count)
    words = "the catalogue fits the org" if found.is_well else "the catalogue does NOT fit the org"
    paid = f"{found.objects} objects, {found.calls} API calls, {_PAID[found.paid_by]}"
    head = f"{words}{': ' + told if told else ''} ({found.file}; {paid})"
    lines = [Text(head, style="bold green" if found.is_well else "bold red")]
    for each in found.differences:
        lines += _lines(each)
    return Group(*lines)


def _lines(each: CatalogueDifference) -> list[Text]:
    where = f"{each.object}.{each.field}" if each.field else each.object
    change = f"{each.was} -> {each.now}" if each.was and each.now else each.was or each.now
    first = Text.assemble((f"{each.costs:<9}", _STYLES[each.costs]), f"{each.what:<22} {where}: {change}")
    return [first, Text(f"         do: {each.advice}")] if each.advice else [first]


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for each in text.split(",") if (name := each.strip()))


def _write(out: Path, text: str) -> None:
    """Put the whole text in place at once; nothing stays when that fails."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=out.parent, delete=False, encoding="utf-8") as file:
            file.write(text)
        try:
            Path(file.name).chmod(0o644)
            Path(file.name).replace(out)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"{out} cannot be written: {error}. Give another --out.") from error


def _tell(made: Generation, out: Path | None) -> None:
    found = made.generated
    specs = found.catalogue.objects.values()
    encrypted = sum(entry.is_protected for spec in specs for entry in spec.fields.values())
    fields = sum(len(spec.fields) for spec in specs)
    say(
        f"{len(found.catalogue.objects)} objects, {fields} fields, {encrypted} of them encrypted, {len(found.left_out)} left out; "
        f"{made.calls} API calls, {_PAID[made.paid_by]}"
    )
    if found.to_decide:
        more = f" and {len(found.to_decide) - _SHOWN} more" if len(found.to_decide) > _SHOWN else ""
        say(f"free text, encrypted until you decide: {', '.join(found.to_decide[:_SHOWN])}{more}")
    if out is not None:
        say(f"written to {out}; next: read it, then tidegate catalogue check --file {out}")
