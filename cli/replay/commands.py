"""tidegate replay: landed batches once more through the present code, into the tables or into a shadow of them."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer
from temporalio.service import RPCError, RPCStatusCode

from cli.options import By, Reason, SettingsFile, who
from cli.output import EXIT_FAILED, OUT, TALK, AsJson, print_json, say
from cli.replay.options import request_of, selection_of
from cli.replay.output import begin, follow, result_as_json, result_page, size_page
from cli.replay.shadow_output import differences_page
from cli.sandbox import DEFAULT_STATE, StateFolder
from cli.state import settings_of_state
from clients.database.audit_log import AuditLog
from clients.storage.landed_batches import LandedBatches
from clients.storage.objects import ObjectStore
from clients.temporal.replays import replay_handle, replay_state
from clients.warehouse.shadow.compare import compare_shadow, drop_shadow, shadows_of
from schemas import names
from schemas.catalogue import Catalogue, load_catalogue
from schemas.errors import SettingsError
from schemas.ids import READING_LANES, replay_workflow_id
from schemas.ingest.messages import Act, PauseInput
from schemas.replay import ReplayInput, ReplaySelection, ReplaySize
from workers.addresses import s3_address
from workers.clients import connect_temporal, decided_catalogue, open_warehouse
from workers.replays import count_replay
from workers.settings import Settings

app = typer.Typer(help="Landed batches once more through the present code.", no_args_is_help=False)

Key = Annotated[str, typer.Argument(help="The replay's key, as `tidegate replay` prints it.")]
Name = Annotated[str, typer.Argument(help="The shadow's name.")]


@app.callback(invoke_without_command=True)
def replay(
    context: typer.Context,
    lane: Annotated[str | None, typer.Option(help="One lane; by default all of them.")] = None,
    object_name: Annotated[str | None, typer.Option("--object", help="One object, by its API name.")] = None,
    record: Annotated[str | None, typer.Option(help="One record, by its id; it is folded again.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="A position of the lane, a time (2026-11-24, 2026-11-24T10:00Z), or 2h, 3d ago."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="As --from; what begins there is left out.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that raw has.")] = False,
    shadow: Annotated[
        str | None, typer.Option(help="Into a shadow of this name, beside the tables, and compare.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say how much it is and how long it takes.")
    ] = False,
    key: Annotated[
        str | None, typer.Option(help="Name of this wish: the same key is granted once, ever.")
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Groups of batches at once.")] = 2,
    follows: Annotated[bool, typer.Option("--follow", help="Stay until it has ended.")] = False,
    as_json: AsJson = False,
    by: By = "",
    reason: Reason = "",
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Take landed batches through the present code once more. What the change log has is not applied again. Costs no API call.

    Example: tidegate replay --from 2026-11-24 --to 2026-11-25 --follow
    """
    if context.invoked_subcommand is not None:
        return
    chosen = (lane, object_name, record, since, until)
    if not everything and all(each is None for each in chosen):
        raise SettingsError(
            "Nothing was chosen. Say what to replay: --lane, --object, --record, --from and --to; or --all."
        )
    loaded = settings_of_state(settings, state)
    catalogue = load_catalogue(loaded.catalogue)
    selection = selection_of(loaded, catalogue, lane, object_name, record, since, until)
    if lane is not None:
        _refuse_unknown_lane(loaded, lane)
    if plan:
        _say_size(_sized(loaded, catalogue, selection), as_json=as_json)
        return
    request = request_of(selection, shadow=shadow, key=key, parallel=parallel, by=by, reason=reason)
    run(loaded, request, only_once=key is not None, follows=follows, as_json=as_json)


def run(
    settings: Settings,
    request: ReplayInput,
    *,
    only_once: bool,
    follows: bool,
    as_json: bool,
) -> None:
    """Start the replay and say how to steer it, or stay until it has ended; a shadow is compared then."""
    if request.shadow is not None:
        _refuse_old_shadow(settings, request)
    ended = asyncio.run(begin(settings, request, only_once=only_once))
    if follows or ended:
        found = asyncio.run(follow(settings, request))
        if as_json:
            print_json(result_as_json(found, settings))
        else:
            OUT.print(result_page(found))
        if found.stage == "paused":
            say(f"It waits: `tidegate replay resume {request.key}` goes on, `cancel` ends it.")
            raise typer.Exit(EXIT_FAILED)
        if request.shadow is not None and found.stage == "done" and not as_json:
            _compare(settings, request.shadow, request.selection.object, as_json=False)
    elif as_json:
        workflow = replay_workflow_id(request.selection.org, request.key)
        print_json({"key": request.key, "workflow": workflow})


@app.command("show")
def show_replay(
    key: Key, as_json: AsJson = False, settings: SettingsFile = None, state: StateFolder = DEFAULT_STATE
) -> None:
    """How far a replay is, or how it ended.

    Example: tidegate replay show changes
    """
    loaded = settings_of_state(settings, state)

    async def ask() -> None:
        client = await connect_temporal(loaded)
        found = await replay_state(client, loaded.salesforce.org_id, key)
        if found is None:
            raise _no_such(key)
        if as_json:
            print_json(result_as_json(found, loaded))
        else:
            OUT.print(result_page(found))

    asyncio.run(ask())


@app.command("pause")
def pause(
    key: Key,
    by: By = "",
    reason: Reason = "",
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Begin no further group; those under way are finished.

    Example: tidegate replay pause changes --reason "the warehouse is busy"
    """
    _signal(settings_of_state(settings, state), key, names.PAUSE, by, reason)


@app.command("resume")
def resume(
    key: Key,
    by: By = "",
    reason: Reason = "",
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Go on with a replay that was paused, or that waits because a step failed.

    Example: tidegate replay resume changes
    """
    _signal(settings_of_state(settings, state), key, names.RESUME, by, reason)


@app.command("cancel")
def cancel(
    key: Key,
    by: By = "",
    reason: Reason = "",
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """End a replay after the groups under way. What was replayed stays.

    Example: tidegate replay cancel changes
    """
    _signal(settings_of_state(settings, state), key, names.CANCEL, by, reason)


@app.command("compare")
def compare(
    name: Name,
    object_name: Annotated[str | None, typer.Option("--object", help="One object; by default all.")] = None,
    as_json: AsJson = False,
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Compare a shadow with the tables: rows, columns, and some record ids. Exits 1 when anything differs.

    Example: tidegate replay compare rehearsal
    """
    loaded = settings_of_state(settings, state)
    _compare(loaded, name, object_name, as_json=as_json)


@app.command("drop")
def drop(
    name: Name,
    by: By = "",
    reason: Reason = "",
    settings: SettingsFile = None,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Remove a shadow with all that is in it.

    Example: tidegate replay drop rehearsal
    """
    loaded = settings_of_state(settings, state)
    with (
        closing(open_warehouse(loaded)) as warehouse,
        closing(AuditLog(loaded.operational.dsn.get_secret_value())) as log,
    ):
        if name not in (known := shadows_of(warehouse)):
            raise SettingsError(f"There is no shadow {name}; there is {', '.join(known) or 'none'}.")
        log.ensure_tables()
        log.append(Act(act="shadow.drop", by=who(by), target=name, detail=reason, at=datetime.now(UTC)))
        drop_shadow(warehouse, name)
    say(f"the shadow {name} is gone")


def _sized(settings: Settings, catalogue: Catalogue, selection: ReplaySelection) -> ReplaySize:
    store, size = ObjectStore(s3_address(settings.s3)), ReplaySize()
    with TALK.status("counting batches") as status, closing(open_warehouse(settings)) as warehouse:
        for size in count_replay(store, warehouse, catalogue, selection):
            status.update(f"counting batches: {size.batches:,}, {size.changes:,} changes")
    return size


def _say_size(size: ReplaySize, *, as_json: bool) -> None:
    if as_json:
        print_json(size.model_dump())
    else:
        OUT.print(size_page(size))


def _refuse_unknown_lane(settings: Settings, lane: str) -> None:
    """A misspelt lane would be replayed in no time, without a word."""
    everything = ReplaySelection(org=settings.salesforce.org_id)
    known = LandedBatches(ObjectStore(s3_address(settings.s3)), everything).lanes()
    listed = []
    for each in known:
        if each == lane:
            return
        # Lanes of backfills may be thousands: none of them is what somebody meant to type.
        if not each.startswith(READING_LANES):
            listed.append(each)
    raise SettingsError(
        f"No lane {lane} has landed anything; there is {', '.join(listed) or 'none'}. Correct --lane, or leave it out."
    )


def _refuse_old_shadow(settings: Settings, request: ReplayInput) -> None:
    """A shadow of another day would be mixed with this one's; that of a replay under way is this one's."""

    async def runs() -> bool:
        client = await connect_temporal(settings)
        found = await replay_state(client, request.selection.org, request.key)
        return found is not None and found.ended_at is None

    with closing(open_warehouse(settings)) as warehouse:
        exists = request.shadow in shadows_of(warehouse)
    if exists and not asyncio.run(runs()):
        raise SettingsError(
            f"The shadow {request.shadow} exists already. Look at it with `tidegate replay compare {request.shadow}`, "
            f"or remove it with `tidegate replay drop {request.shadow}` and start again."
        )


def _compare(settings: Settings, name: str, only: str | None, *, as_json: bool) -> None:
    with TALK.status("comparing"), closing(open_warehouse(settings)) as warehouse:
        catalogue = decided_catalogue(settings, warehouse)
        if only is not None:
            catalogue.object(only)
        found = list(compare_shadow(warehouse, catalogue, name, only=only))
    if as_json:
        print_json([each.as_json() for each in found])
    else:
        OUT.print(differences_page(name, found))
    if not all(each.is_equal for each in found):
        raise typer.Exit(EXIT_FAILED)


def _signal(settings: Settings, key: str, signal: str, by: str, reason: str) -> None:
    async def send() -> None:
        client = await connect_temporal(settings)
        try:
            request = PauseInput(by=who(by), reason=reason)
            await replay_handle(client, settings.salesforce.org_id, key).signal(signal, request)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise _no_such(key) from error
            raise

    asyncio.run(send())
    say(f"{signal}: told to {replay_workflow_id(settings.salesforce.org_id, key)}")


def _no_such(key: str) -> SettingsError:
    return SettingsError(
        f"No replay {key} is under way. `temporal workflow list --query 'WorkflowType = \"replay\"'` lists them."
    )
