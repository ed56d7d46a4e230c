"""The commands that every kind of run has, once: pause, resume, cancel, list, show."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from temporalio.client import Client

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, By, Home, Most, ObjectName, OfObject, Reason, SettingsFile, acting_user
from cli.output import OUT, AsJson, print_json, say
from cli.runs import RunRow, outcome, rows_page
from cli.state import local_settings, workflow_url
from clients.temporal.run_kinds import RunAct, RunKind
from clients.temporal.run_views import STATUSES, RunDescription, list_runs, look
from clients.temporal.runs import signal
from schemas import names
from schemas.errors import SettingsError
from schemas.ingest.messages import PauseInput
from schemas.message import Message
from workers.clients import connect_temporal
from workers.settings import Settings

RunName = Annotated[str, typer.Option("--name", help="Which run of the object, as `list` shows it.")]
NamedRun = Annotated[str, typer.Argument(metavar="NAME", help="The run's name, as `list` shows it.")]
RunStatus = StrEnum("RunStatus", {each.upper(): each for each in STATUSES})  # type: ignore[misc]  # the words are Temporal's
OfStatus = Annotated[RunStatus | None, typer.Option("--state", help="Only runs in this state.")]

_SIGNALS: dict[RunAct, str] = {"pause": names.PAUSE, "resume": names.RESUME, "cancel": names.CANCEL}
_WHY: dict[RunAct, str] = {
    "pause": ' --reason "month\'s end"',
    "resume": "",
    "cancel": ' --reason "asked by mistake"',
}


@dataclass(frozen=True)
class ShownRun:
    """How the commands of a kind speak."""

    group: str
    """Of the command line: `backfill`."""
    sample: str
    """An argument for the examples: `Case`."""
    about: Mapping[RunAct, str]
    """The effect of each act, in a sentence."""
    page: Callable[[Any], RenderableType]
    """A state on the terminal."""


def add_run_control(
    app: CommandApp, kind: RunKind, shown: ShownRun, *, without: tuple[str, ...] = ()
) -> None:
    """Add the acts that the kind has, `list` and `show` to a group of commands.

    Args:
        app: The group.
        kind: What it runs.
        shown: Its words.
        without: Commands that the group has of its own.
    """
    for act in kind.acts:
        example = f"tidegate {shown.group} {act} {shown.sample}{_WHY[act]}"
        help_text = f"{shown.about[act]}\n\nExample: {example}"
        app.command(act, help=help_text)(_steering(kind, act))
    app.command("list", help=_list_help(kind, shown))(_listing(kind))
    if "show" in without:
        return
    about = f"Show how far one {kind.noun} is, or its result."
    app.command("show", help=f"{about}\n\nExample: tidegate {shown.group} show {shown.sample}")(
        _showing(kind, shown)
    )


def _list_help(kind: RunKind, shown: ShownRun) -> str:
    return f"List {kind.plural}, the newest first.\n\nExample: tidegate {shown.group} list --state running"


def _steering(kind: RunKind, act: RunAct) -> Callable[..., None]:
    def steer_of_object(
        object_name: ObjectName,
        name: RunName = kind.usual_name,
        by: By = "",
        reason: Reason = "",
        settings: SettingsFile = None,
        home: Home = DEFAULT_HOME,
    ) -> None:
        _steer(local_settings(settings, home), kind, act, (object_name, name), (by, reason))

    def steer(
        name: NamedRun,
        by: By = "",
        reason: Reason = "",
        settings: SettingsFile = None,
        home: Home = DEFAULT_HOME,
    ) -> None:
        _steer(local_settings(settings, home), kind, act, (name,), (by, reason))

    return steer_of_object if kind.is_of_object else steer


def _steer(
    settings: Settings, kind: RunKind, act: RunAct, parts: tuple[str, ...], asked: tuple[str, str]
) -> None:
    """Send a signal; the workflow puts it on record. `asked`: by whom, and why."""
    workflow_id = kind.named(settings.salesforce.org_id, *parts)
    request = PauseInput(by=acting_user(asked[0]), reason=asked[1])

    async def send() -> None:
        client = await connect_temporal(settings)
        if not await signal(client, workflow_id, _SIGNALS[act], request):
            raise await _no_such(client, settings, kind, parts)

    asyncio.run(send())
    say(f"Sent `{act}` to {workflow_id}.")


def _listing(kind: RunKind) -> Callable[..., None]:
    def list_of_objects(
        object_name: OfObject = None,
        status: OfStatus = None,
        most: Most = 50,
        as_json: AsJson = False,
        settings: SettingsFile = None,
        home: Home = DEFAULT_HOME,
    ) -> None:
        _list(local_settings(settings, home), kind, object_name or "", status, most, as_json=as_json)

    def list_all(
        status: OfStatus = None,
        most: Most = 50,
        as_json: AsJson = False,
        settings: SettingsFile = None,
        home: Home = DEFAULT_HOME,
    ) -> None:
        _list(local_settings(settings, home), kind, "", status, most, as_json=as_json)

    return list_of_objects if kind.is_of_object else list_all


def _list(
    settings: Settings, kind: RunKind, object_name: str, status: str | None, most: int, *, as_json: bool
) -> None:
    async def ask() -> list[RunRow]:
        return await rows_of(
            await connect_temporal(settings), settings, kind, object_name, status or "", most
        )

    rows = asyncio.run(ask())
    print_json([row.as_json(settings) for row in rows]) if as_json else OUT.print(rows_page(kind, rows))


async def rows_of(
    client: Client, settings: Settings, kind: RunKind, object_name: str = "", status: str = "", most: int = 50
) -> list[RunRow]:
    """The runs of a kind, the newest first.

    Args:
        client: Of Temporal.
        settings: Which org.
        kind: The kind.
        object_name: "" = of every object.
        status: As of `RunDescription`; "" = in every state.
        most: The last so many.
    """
    org = settings.salesforce.org_id
    prefix = kind.named(org, object_name, "") if object_name else kind.prefix(org)
    found, _ = await list_runs(client, kind.workflow_type, prefix, status=status, most=most)
    return [RunRow.of(kind, org, each) for each in found]


def _showing(kind: RunKind, shown: ShownRun) -> Callable[..., None]:
    def show_of_object(
        object_name: ObjectName,
        name: RunName = kind.usual_name,
        as_json: AsJson = False,
        settings: SettingsFile = None,
        home: Home = DEFAULT_HOME,
    ) -> None:
        _show(local_settings(settings, home), kind, (object_name, name), shown, as_json=as_json)

    def show(
        name: NamedRun,
        as_json: AsJson = False,
        settings: SettingsFile = None,
        home: Home = DEFAULT_HOME,
    ) -> None:
        _show(local_settings(settings, home), kind, (name,), shown, as_json=as_json)

    return show_of_object if kind.is_of_object else show


def _show(
    settings: Settings, kind: RunKind, parts: tuple[str, ...], shown: ShownRun, *, as_json: bool
) -> None:
    async def ask() -> tuple[RunDescription, Message | None, str]:
        client = await connect_temporal(settings)
        found = await look(client, kind.named(settings.salesforce.org_id, *parts))
        if found is None:
            raise await _no_such(client, settings, kind, parts)
        return found, *await outcome(client, kind, found, kind.state)

    found, state, trouble = asyncio.run(ask())
    if as_json:
        known = {} if state is None else state_as_json(state, settings, found.workflow_id)
        print_json({"status": found.status, "trouble": trouble, **known})
        return
    if state is not None:
        OUT.print(shown.page(state))
    if trouble:
        OUT.print(f"{kind.noun} {found.status}: {trouble}", markup=False)


def state_as_json(state: Message, settings: Settings, workflow_id: str) -> dict[str, Any]:
    """A state for programs, with its workflow and where the Web UI shows it."""
    values = state.model_dump(mode="json", exclude={"cursor"})
    return {**values, "workflow": workflow_id, "url": workflow_url(settings, workflow_id)}


async def _no_such(
    client: Client, settings: Settings, kind: RunKind, parts: tuple[str, ...]
) -> SettingsError:
    rows = await rows_of(client, settings, kind, parts[0] if kind.is_of_object else "", most=5)
    known = ", ".join(row.name for row in rows) or "none"
    of = f" of {parts[0]}" if kind.is_of_object else ""
    return SettingsError(
        f"There is no {kind.noun} {parts[-1]}{of}, or it has ended. The last ones{of}: {known}. Correct the name."
    )
