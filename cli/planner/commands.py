"""tidegate planner pin, unpin: bind an object to a way, whatever the plan says. `tidegate plan`
shows the plan.
"""

import asyncio
from typing import Annotated

import typer

from cli.language.grammar import CommandApp
from cli.options import ObjectName, ReasonedActOptions
from cli.output import print_json, say
from cli.planner.output import view_as_json
from clients.temporal.planner import pin_object
from schemas.errors import SettingsError
from schemas.planner import PinInput, PlannerView, Way
from workers.clients import connect_temporal

app = CommandApp(
    about='Bind an object to a stream or to polling, or let it go.\n\nExample: tidegate planner pin Case stream --reason "audit week"',
)
_SHORTEST_REASON = 3


@app.command("pin")
def pin(
    object_name: ObjectName,
    way: Annotated[Way, typer.Argument(help="The way that it is followed.")],
    options: ReasonedActOptions,
) -> None:
    """Bind an object to a way, whatever it costs. A plan is made at once.

    Example: tidegate planner pin Case stream --reason "audit week"
    """
    view = _ask(object_name, way, options)
    _tell(view, f"{object_name} goes by {way} now", as_json=options.as_json)


@app.command("unpin")
def unpin(object_name: ObjectName, options: ReasonedActOptions) -> None:
    """Let the plan decide again how an object is followed.

    Example: tidegate planner unpin Case --reason "the audit is over"
    """
    view = _ask(object_name, None, options)
    _tell(view, f"the plan decides on {object_name}", as_json=options.as_json)


def _ask(object_name: str, way: Way | None, options: ReasonedActOptions) -> PlannerView:
    """Send the update; the planner puts it on record."""
    if len(options.reason) < _SHORTEST_REASON:
        raise SettingsError("--reason: say in some words why the plan is overruled.")
    settings = options.loaded()
    request = PinInput(object=object_name, way=way, by=options.actor, reason=options.reason)

    async def send() -> PlannerView | None:
        return await pin_object(await connect_temporal(settings), settings.salesforce.org_id, request)

    view = asyncio.run(send())
    if view is None:
        raise SettingsError(
            "No planner runs: the configured lanes are followed as they are. Set TIDEGATE_PLANNER__ON=true."
        )
    return view


def _tell(view: PlannerView, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(view_as_json(view))
    else:
        say(f"{words}; see `tidegate plan`.")
