"""tidegate fleet status: every org's state on one screen, the worst first."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli.fleet.page import check_lines, fleet_page
from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, Home, SettingsFile
from cli.output import OUT, AsJson, Watch, show
from cli.state import local_fleet
from cli.status.command import EXIT_CODES_OF
from schemas.errors import SettingsError
from schemas.fleet import FleetStatus
from schemas.settings.fleet import FleetSettings
from workers.fleet import FleetLook

app = CommandApp(
    about="Look at many orgs at once, each by its own API.\n\nExample: tidegate fleet status",
    usual="status",
    meant_alone=True,
)

Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="A line an org with problems; ends with 0 OK, 1 ticket, 2 page or 3 unknown, of the worst.",
    ),
]
EachTime = Annotated[float, typer.Option("--every", min=0.5, help="Seconds between two looks of --watch.")]


@dataclass(frozen=True)
class _Shown:
    fleet: FleetStatus

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json."""
        fleet = self.fleet
        counts = {str(verdict): number for verdict, number in fleet.counts.items()}
        return {"worst": str(fleet.worst), "orgs": counts, **fleet.model_dump(mode="json")}


@app.command("status")
def fleet_status(
    as_json: AsJson = False,
    check: Check = False,
    watch: Watch = False,
    every: EachTime = 10.0,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show every org, the worst first: its first problem, remedy and numbers. An org that does not
    answer is unknown, never good.

    Example: tidegate fleet status --watch
    """
    loaded = local_fleet(settings, home)
    if not loaded.is_configured:
        raise SettingsError(
            "No fleet is configured. List its orgs in TIDEGATE_FLEET__MEMBERS or TIDEGATE_FLEET__FILE."
        )
    if check:
        _check(loaded)
    with asyncio.Runner() as runner:
        look = FleetLook(loaded)
        try:
            show(
                lambda: _Shown(runner.run(look.look())),
                lambda shown: fleet_page(shown.fleet),
                as_json=as_json,
                watch=watch,
                every=every,
            )
        finally:
            runner.run(look.close())


def _check(settings: FleetSettings) -> None:
    found = asyncio.run(_sure(settings))
    for line in check_lines(found):
        OUT.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(EXIT_CODES_OF[found.worst])


async def _sure(settings: FleetSettings) -> FleetStatus:
    look = FleetLook(settings)
    try:
        return await look.sure()
    finally:
        await look.close()
