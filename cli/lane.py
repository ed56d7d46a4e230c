"""tidegate lane …: look at lanes, hold them, and move one to another position."""

import asyncio
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli.language.grammar import CommandApp
from cli.options import LookOptions, QuietActOptions, ReasonedActOptions
from cli.output import OUT, print_json, say
from cli.state import workflow_url
from clients.temporal.lanes import SeenLane, find_lane, list_lanes, move_lane, resume_lane
from clients.temporal.runs import signal
from schemas import names
from schemas.errors import SettingsError
from schemas.ids import lane_workflow_id
from schemas.ingest.messages import LaneState, MovePositionInput, PauseInput
from schemas.planner import Way
from workers.clients import connect_temporal
from workers.settings import Settings

app = CommandApp(
    about="Show, pause and resume lanes, and move one to another position.\n\nExample: tidegate lane list",
)
LaneName = Annotated[str, typer.Argument(metavar="LANE", help="As `tidegate lane list` shows it.")]
_SHORTEST_REASON = 3


@app.command("list")
def list_all(options: LookOptions) -> None:
    """List the lanes that run, each with its position.

    Example: tidegate lane list
    """
    loaded = options.loaded()

    async def ask() -> list[SeenLane]:
        return await list_lanes(await connect_temporal(loaded), loaded.salesforce.org_id)

    found = asyncio.run(ask())
    if options.as_json:
        print_json([_as_json(each, loaded) for each in found])
    else:
        OUT.print(_page(found) if found else Text("no lane runs: start a worker with `tidegate worker`"))


@app.command("show")
def show(lane: LaneName, options: LookOptions) -> None:
    """Show one lane: what it follows, its position, and why it is paused.

    Example: tidegate lane show changes
    """
    loaded = options.loaded()

    async def ask() -> SeenLane | None:
        return await find_lane(await connect_temporal(loaded), loaded.salesforce.org_id, lane)

    found = asyncio.run(ask())
    if found is None:
        raise _no_such(lane)
    values = _as_json(found, loaded)
    if options.as_json:
        print_json(values)
        return
    for name, value in values.items():
        if value not in (None, ""):
            OUT.print(f"{name:>15}  {value}", markup=False)


@app.command("pause")
def pause(lane: LaneName, options: QuietActOptions) -> None:
    """Stop following after what has been landed. The org's event bus keeps the rest for 72 hours.

    Example: tidegate lane pause changes --reason "the warehouse is being moved"
    """
    loaded = options.loaded()
    workflow_id = lane_workflow_id(loaded.salesforce.org_id, lane)
    request = PauseInput(by=options.actor, reason=options.reason)

    async def send() -> bool:
        return await signal(await connect_temporal(loaded), workflow_id, names.PAUSE, request)

    _tell_sent(asyncio.run(send()), loaded, lane, names.PAUSE)


@app.command("resume")
def resume(lane: LaneName, options: QuietActOptions) -> None:
    """Follow again from the lane's position.

    Example: tidegate lane resume changes
    """
    loaded = options.loaded()
    request = PauseInput(by=options.actor, reason=options.reason)

    async def send() -> bool:
        client = await connect_temporal(loaded)
        return await resume_lane(client, loaded.salesforce.org_id, lane, request)

    _tell_sent(asyncio.run(send()), loaded, lane, names.RESUME)


@app.command("move")
def move(
    lane: LaneName,
    position: Annotated[str, typer.Argument(help="The start of one of its batches, or origin.")],
    options: ReasonedActOptions,
) -> None:
    """Have a paused lane look for the end of its chain from another position.

    Example: tidegate lane move changes 123456 --reason "the batch after it was removed"
    """
    loaded = options.loaded()
    request = _move(position, options.actor, options.reason)

    async def ask() -> LaneState | None:
        client = await connect_temporal(loaded)
        return await move_lane(client, loaded.salesforce.org_id, lane, request)

    state = asyncio.run(ask())
    if state is None:
        raise _no_such(lane)
    if options.as_json:
        print_json(state.model_dump(mode="json"))
    else:
        say(f"{lane} is at position {state.position}; continue with: tidegate lane resume {lane}")


def _move(position: str, by: str, reason: str) -> MovePositionInput:
    if len(reason) < _SHORTEST_REASON:
        raise SettingsError("--reason: say in some words why the lane is moved.")
    try:
        return MovePositionInput(position=position, by=by, reason=reason)
    except ValueError:
        raise SettingsError(
            f"{position!r} is no position of a lane. Take the start of one of its batches, or origin."
        ) from None


def _tell_sent(is_sent: bool, settings: Settings, lane: str, name: str) -> None:
    if not is_sent:
        raise _no_such(lane)
    say(f"Sent `{name}` to {lane_workflow_id(settings.salesforce.org_id, lane)}.")


def _as_json(found: SeenLane, settings: Settings) -> dict[str, Any]:
    state = {} if found.state is None else found.state.model_dump(mode="json", exclude={"org", "lane"})
    where = {"workflow": found.workflow_id, "url": workflow_url(settings, found.workflow_id)}
    return {"lane": found.lane, **state, "trouble": found.trouble, **where}


def _page(found: list[SeenLane]) -> Table:
    table = Table("lane", "state", "follows", "position", "why", box=None)
    for each in found:
        state = each.state
        if state is None:
            table.add_row(each.lane, "unknown", "", "", each.trouble)
            continue
        follows = state.channel if state.way is Way.STREAM else f"{state.object} every {state.every}"
        word = "paused" if state.paused else "following"
        table.add_row(each.lane, word, follows, state.position, state.paused_because)
    return table


def _no_such(lane: str) -> SettingsError:
    return SettingsError(f"No lane {lane} runs. `tidegate lane list` shows the lanes. Correct the name.")
