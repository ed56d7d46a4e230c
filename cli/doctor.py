"""tidegate doctor: ask the org, S3, KMS, warehouse, operational store and Temporal, and print each
fault with its remedy.
"""

import asyncio
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, progress_bar
from cli.state import local_settings
from schemas.doctor import CheckResult, Diagnosis, Remote, State
from schemas.errors import SettingsError
from workers.doctor import EVERYTHING, examine, without_settings
from workers.settings import Settings

_STYLES = {State.WRONG: "bold red", State.UNKNOWN: "bold magenta", State.WARNING: "yellow", State.OK: "green"}
_PAID = {
    "lease": "leased from the governor",
    "allowance": "from the allowance of doctor: no governor answers",
    "nothing": "",
}


def doctor(
    only: Annotated[
        list[Remote] | None, typer.Option("--only", help="Ask this remote alone; may be given again.")
    ] = None,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Ask every remote what is missing or wrong, and say what to do. Changes nothing; takes 20
    seconds at most.

    Ends with 0 when nothing is wrong and nothing unknown, else with 1.

    Example: tidegate doctor --only salesforce
    """
    wanted = frozenset(only) if only else EVERYTHING
    try:
        loaded = local_settings(settings, home)
    except SettingsError as error:
        found = without_settings(error, wanted)
    else:
        found = _examined(loaded, wanted)
    print_json(found.model_dump(mode="json") | {"is_well": found.is_well}) if as_json else OUT.print(
        doctor_page(found)
    )
    if not found.is_well:
        raise typer.Exit(EXIT_FAILED)


def _examined(settings: Settings, wanted: frozenset[Remote]) -> Diagnosis:
    with progress_bar("asking", len(wanted)) as bar:
        done: list[Remote] = []

        def one_more(remote: Remote) -> None:
            done.append(remote)
            bar.update(completed=len(done), detail=", ".join(sorted(wanted.difference(done))))

        return asyncio.run(examine(settings, wanted, one_more))


def doctor_page(found: Diagnosis) -> RenderableType:
    """The page for a person: a headline, then each finding with its remedy, the worst first."""
    lines = [_headline(found)]
    for each in found.findings:
        lines += _lines(each)
    return Group(*lines)


def _headline(found: Diagnosis) -> Text:
    counts = found.counts()
    told = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    paid = f"; {found.calls} API calls, {_PAID[found.paid_by]}" if found.calls else ""
    words = "NOT well" if not found.is_well else "well, but look" if counts[State.WARNING] else "all is well"
    style = "bold green" if found.is_well else "bold red"
    at = f"{found.at:%Y-%m-%d %H:%M:%S} UTC"
    return Text(
        f"{words}: {told} (org {found.org or 'unknown'} at {at}, {found.seconds:g} s{paid})", style=style
    )


def _lines(found: CheckResult) -> list[Text]:
    first = Text.assemble(
        (f"{found.state:<8}", _STYLES[found.state]),
        (f"{found.code:<34}", "bold" if found.remedy else ""),
        f" {found.where}: {found.found}" if found.where else f" {found.found}",
    )
    return [first] if not found.remedy else [first, Text(f"         do: {found.remedy}")]
