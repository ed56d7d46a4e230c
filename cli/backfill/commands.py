"""tidegate backfill …: read an object again, all of it, a time, or some records, while its lane streams."""

import asyncio
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.backfill.actions import estimate, find, find_all, follow, keep_ids, start, steer
from cli.backfill.options import again_name, moment, read_ids, request_of, window_name
from cli.backfill.output import (
    estimate_as_json,
    estimate_page,
    list_as_json,
    list_page,
    state_as_json,
    state_page,
)
from cli.options import By, Reason, SettingsFile, who
from cli.output import EXIT_FAILED, OUT, TALK, AsJson, print_json, say
from cli.sandbox import DEFAULT_STATE, StateFolder
from cli.state import settings_of_state, workflow_url
from schemas import names
from schemas.backfill import BackfillInput, BackfillState
from schemas.catalogue import load_catalogue
from schemas.errors import SettingsError
from schemas.ids import backfill_workflow_id
from workers.settings import Settings

_START = "start"


class _Group(TyperGroup):
    """`tidegate backfill Case` is short for `tidegate backfill start Case`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [_START, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    help="Read an object again: tidegate backfill OBJECT. Also pause, resume, cancel, list, show.",
)
ObjectName = Annotated[str, typer.Argument(metavar="OBJECT", help="An object of the catalogue: Case.")]
Window = Annotated[str, typer.Option(help="Which backfill of the object; as it was named.")]


@app.command(_START)
def start_one(
    object_name: ObjectName,
    since: Annotated[
        str | None, typer.Option(help="Only rows changed from then on: 2026-11-24, 2026-11-24T10:00Z, 2h.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only rows changed before.")] = None,
    ids: Annotated[
        str | None,
        typer.Option(
            help="Only these records: a file (or - for stdin) with one id a line, or a CSV with a column Id."
        ),
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Its name; by default made of what is asked for.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read again what such a backfill has read before.")
    ] = False,
    reason: Reason = "",
    by: By = "",
    plan: Annotated[
        bool, typer.Option("--plan", help="Say rows, calls, jobs, bytes and minutes, and start nothing.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and do not wait for it.")] = False,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Read an object again and follow it to its end; Ctrl-C leaves it running. Exit code 1: it failed or was cancelled.

    Example: tidegate backfill Case --since 2026-11-01 --reason "new field"
    """
    loaded = settings_of_state(settings, state)
    spec = load_catalogue(loaded.catalogue).object(object_name)
    listed = None if ids is None else read_ids(ids, spec)
    bounds = moment("--since", since), moment("--until", until)
    name = window or window_name(*bounds, listed)
    if again:
        name = again_name(name)
    request = request_of(
        org=loaded.salesforce.org_id,
        object=spec.name,
        window=name,
        since=bounds[0],
        until=bounds[1],
        ids_key=None if listed is None else keep_ids(loaded, listed, is_kept=not plan),
        by=who(by),
        reason=reason,
    )
    if plan:
        _show_plan(loaded, request, None if listed is None else len(listed), as_json=as_json)
        return
    told = _begin(loaded, request)
    if detach:
        print_json(told) if as_json else OUT.print(told["workflow"])
        return
    try:
        ended = asyncio.run(follow(loaded, request))
    except KeyboardInterrupt:
        say(f"It goes on; see it with: tidegate backfill show {spec.name} --window {name}")
        raise
    _tell_end(ended, loaded, as_json=as_json)


@app.command("pause")
def pause(
    object_name: ObjectName,
    window: Window = "all",
    reason: Reason = "",
    by: By = "",
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Read nothing more until it is resumed; a query job lives for seven days.

    Example: tidegate backfill pause Case --reason "month's end"
    """
    _steer(settings_of_state(settings, state), object_name, window, names.PAUSE, by, reason)


@app.command("resume")
def resume(
    object_name: ObjectName,
    window: Window = "all",
    reason: Reason = "",
    by: By = "",
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Go on at the page after the last one that was landed.

    Example: tidegate backfill resume Case
    """
    _steer(settings_of_state(settings, state), object_name, window, names.RESUME, by, reason)


@app.command("cancel")
def cancel(
    object_name: ObjectName,
    window: Window = "all",
    reason: Reason = "",
    by: By = "",
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """End it, and delete its query jobs; what was landed stays, and is right.

    Example: tidegate backfill cancel Case --reason "wrong object"
    """
    _steer(settings_of_state(settings, state), object_name, window, names.CANCEL, by, reason)


@app.command("list")
def list_all(
    running: Annotated[bool, typer.Option("--running", help="Only those that run.")] = False,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Backfills, the newest first, repairs among them.

    Example: tidegate backfill list --running
    """
    loaded = settings_of_state(settings, state)
    views = asyncio.run(find_all(loaded, running=running))
    print_json(list_as_json(views, loaded)) if as_json else OUT.print(list_page(views))


@app.command("show")
def show_one(
    object_name: ObjectName,
    window: Window = "all",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """How far one backfill is, or what came of it.

    Example: tidegate backfill show Case --window 2026-11-01..
    """
    loaded = settings_of_state(settings, state)
    found = asyncio.run(find(loaded, object_name, window))
    if found is None:
        raise SettingsError(_unknown(object_name, window))
    print_json(state_as_json(found, loaded)) if as_json else OUT.print(state_page(found))


def _show_plan(loaded: Settings, request: BackfillInput, ids: int | None, *, as_json: bool) -> None:
    found = asyncio.run(estimate(loaded, request, ids))
    if as_json:
        print_json(estimate_as_json(request.object, found))
    else:
        OUT.print(estimate_page(request.object, found))


def _begin(loaded: Settings, request: BackfillInput) -> dict[str, Any]:
    """Start it and say where it is; returns the same for programs."""
    is_new = asyncio.run(start(loaded, request))
    workflow = backfill_workflow_id(request.org, request.object, request.window)
    url = workflow_url(loaded, workflow)
    TALK.print(f"{'started' if is_new else 'runs already'}: {url or workflow}", soft_wrap=True)
    return {"workflow": workflow, "url": url, "is_new": is_new}


def _steer(loaded: Settings, object_name: str, window: str, signal: str, by: str, reason: str) -> None:
    if not asyncio.run(steer(loaded, object_name, window, signal, who(by), reason)):
        raise SettingsError(_unknown(object_name, window))
    say(f"Sent {signal} to {backfill_workflow_id(loaded.salesforce.org_id, object_name, window)}.")


def _tell_end(state: BackfillState, loaded: Settings, *, as_json: bool) -> None:
    print_json(state_as_json(state, loaded)) if as_json else OUT.print(state_page(state))
    if state.stage != "done":
        sys.exit(EXIT_FAILED)


def _unknown(object_name: str, window: str) -> str:
    return f"No backfill of {object_name} with the window {window} runs. `tidegate backfill list` shows those there are."
