"""tidegate status: the engine at a glance."""

import asyncio
from collections.abc import Mapping
from contextlib import closing
from typing import Annotated, Final

import typer

from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import OUT, AsJson, Every, Watch, show
from cli.state import local_settings
from cli.status.engine import overview
from cli.status.page import status_page
from schemas.fleet import Verdict
from schemas.status import EngineStatus, Severity
from transforms.status.verdict import verdict_of
from workers.settings import Settings
from workers.status import StatusLook

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
"""Exit codes of `--check`, as monitoring plugins have them."""
EXIT_CODES_OF: Final[Mapping[Verdict, int]] = {
    Verdict.PAGE: CRITICAL,
    Verdict.UNKNOWN: UNKNOWN,
    Verdict.TICKET: WARNING,
    Verdict.NOTICE: OK,
    Verdict.OK: OK,
}

Check = Annotated[
    bool,
    typer.Option(
        "--check", help="A line a problem; ends with 0 OK, 1 ticket, 2 page or 3 unknown, for a monitor."
    ),
]


def status(
    as_json: AsJson = False,
    check: Check = False,
    watch: Watch = False,
    every: Every = 2.0,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show problems, lanes, runs, freshness, quarantine, writebacks and budgets.

    Example: tidegate status --watch
    """
    loaded = local_settings(settings, home)
    if check:
        _check(loaded)
    with closing(StatusLook(loaded)) as look, asyncio.Runner() as runner:
        show(
            lambda: runner.run(overview(look, loaded)), status_page, as_json=as_json, watch=watch, every=every
        )


def _check(settings: Settings) -> None:
    with closing(StatusLook(settings)) as look, asyncio.Runner() as runner:
        found = runner.run(look.sure()).status
    for each in found.problems:
        if each.severity is not Severity.NOTICE:
            subject = f" {each.subject}" if each.subject else ""
            line = f"{str(each.severity).upper()} {each.code}{subject}: {each.text} -> {each.remedy}"
            OUT.print(line, markup=False, soft_wrap=True)
    code = exit_code(found)
    if code == OK:
        OUT.print(f"OK as of {found.at:%Y-%m-%d %H:%M:%S} UTC")
    elif found.unknown:
        OUT.print(f"UNKNOWN {', '.join(found.unknown)}", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def exit_code(found: EngineStatus) -> int:
    """2: somebody is needed now. 3: something could not be asked. 1: within the working day. 0:
    nobody is needed.
    """
    return EXIT_CODES_OF[verdict_of(found)]
