"""tidegate replay …: landed batches once more through the present code, into the tables or into a
shadow of them.
"""

import asyncio
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated

import typer

from cli.language.grammar import CommandApp
from cli.options import (
    DEFAULT_HOME,
    By,
    Detach,
    DryRun,
    Everything,
    Home,
    OfObject,
    Reason,
    SettingsFile,
)
from cli.output import EXIT_FAILED, OUT, TALK, AsJson, print_json, say
from cli.replay.options import Bounds, request_of, selection_of
from cli.replay.output import part_done, result_page, size_page, words
from cli.replay.shadow import add_shadow_commands, compare_with_tables
from cli.run_control import ShownRun, add_run_control, state_as_json
from cli.runs import Asked, run_to_its_end
from cli.state import local_settings
from cli.stores import object_store
from clients.storage.landed_batches import LandedBatches
from clients.temporal.run_kinds import REPLAY
from clients.temporal.run_views import look
from clients.warehouse.shadow.compare import shadows_of
from schemas.catalogue import Catalogue, load_catalogue
from schemas.errors import SettingsError
from schemas.ids import READING_LANES
from schemas.replay import ReplayInput, ReplaySelection, ReplaySize, ReplayState
from workers.clients import connect_temporal, open_warehouse
from workers.replays import count_replay
from workers.settings import Settings

app = CommandApp(
    about="Take landed batches through the present code once more.\n\nExample: tidegate replay --since 2h --dry-run",
    usual="start",
)
_POSITIONS = "a time such as 2026-11-24 or 2h (ago), or a position of the lane"


@dataclass(frozen=True)
class _Options:
    lane: str | None
    object: str | None
    record: str | None
    bounds: Bounds

    @property
    def is_empty(self) -> bool:
        return not any((self.lane, self.object, self.record, self.bounds.since, self.bounds.until))


_OfLane = Annotated[str | None, typer.Option("--lane", help="Only this lane.")]
_OfRecord = Annotated[
    str | None, typer.Option("--record", help="Only this record, by its id; it is folded again.")
]
_SinceHere = Annotated[str | None, typer.Option("--since", help=f"From here on: {_POSITIONS}.")]
_UntilHere = Annotated[str | None, typer.Option("--until", help="Before here; as --since.")]
_Shadow = Annotated[
    str | None, typer.Option("--shadow", help="Into tables of this name beside the others, then compare.")
]
_Name = Annotated[
    str | None, typer.Option("--name", help="Its name: one that has ended is not begun again under it.")
]
_Parallel = Annotated[int, typer.Option("--parallel", min=1, max=16, help="Groups of batches at once.")]


@app.command("start")
def start(
    lane: _OfLane = None,
    object_name: OfObject = None,
    record: _OfRecord = None,
    since: _SinceHere = None,
    until: _UntilHere = None,
    everything: Everything = False,
    shadow: _Shadow = None,
    name: _Name = None,
    parallel: _Parallel = 2,
    dry_run: DryRun = False,
    detach: Detach = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Take landed batches through the present code once more. Changes of the change log are not
    applied again. Costs no API call.

    Example: tidegate replay --since 2026-11-24 --until 2026-11-25
    """
    options = _Options(lane, object_name, record, Bounds(since, until))
    if not everything and options.is_empty:
        raise SettingsError(
            "Nothing was chosen. Give --lane, --object, --record, --since and --until; or --all."
        )
    loaded = local_settings(settings, home)
    selection = _selection(loaded, options)
    if dry_run:
        _show_size(loaded, selection, as_json=as_json)
        return
    request = request_of(selection, shadow=shadow, key=name, parallel=parallel, by=by, reason=reason)
    run_replay(loaded, request, again=name is None, detach=detach, as_json=as_json)


def _selection(settings: Settings, options: _Options) -> ReplaySelection:
    catalogue = load_catalogue(settings.catalogue)
    parts = (options.lane, options.object, options.record)
    selection = selection_of(settings, catalogue, *parts, options.bounds)
    if options.lane is not None:
        _refuse_unknown_lane(settings, options.lane)
    return selection


def run_replay(settings: Settings, request: ReplayInput, *, again: bool, detach: bool, as_json: bool) -> None:
    """Start a replay and wait for its end; its shadow is compared then.

    Args:
        settings: Which engine.
        request: The replay.
        again: False = one of the name that has ended well is shown, and not begun again.
        detach: True = do not wait.
        as_json: Print the result as JSON.
    """
    if request.shadow is not None:
        _refuse_old_shadow(settings, request)
    ended = run_to_its_end(settings, _asked(request), again=again, detach=detach, as_json=as_json)
    if ended is None:
        return
    state = ended.state
    if state is not None:
        values = state_as_json(state, settings, ended.started.workflow_id)
        print_json(values) if as_json else OUT.print(result_page(state))
    if ended.trouble or state is None or state.stage == "paused":
        say(
            f"The replay failed: {ended.trouble}"
            if ended.trouble
            else f"It waits: `tidegate replay resume {request.key}` continues it, `cancel` ends it."
        )
        raise typer.Exit(EXIT_FAILED)
    if request.shadow is not None and state.stage == "done" and not as_json:
        compare_with_tables(settings, request.shadow, request.selection.object, as_json=False)


def _asked(request: ReplayInput) -> Asked[ReplayState]:
    return Asked(
        kind=REPLAY,
        request=request,
        state=ReplayState,
        title="replay",
        show=f"tidegate replay show {request.key}",
        share=part_done,
        words=words,
        waits=lambda state: state.stage == "paused",
    )


def _show_size(settings: Settings, selection: ReplaySelection, *, as_json: bool) -> None:
    size = _sized(settings, load_catalogue(settings.catalogue), selection)
    print_json(size.model_dump()) if as_json else OUT.print(size_page(size))


def _sized(settings: Settings, catalogue: Catalogue, selection: ReplaySelection) -> ReplaySize:
    store, size = object_store(settings), ReplaySize()
    with TALK.status("counting batches") as status, closing(open_warehouse(settings)) as warehouse:
        for size in count_replay(store, warehouse, catalogue, selection):
            status.update(f"counting batches: {size.batches:,}, {size.changes:,} changes")
    return size


def _refuse_unknown_lane(settings: Settings, lane: str) -> None:
    """Raise `SettingsError` for a lane that landed nothing: misspelt, it would be replayed in no
    time without a word.
    """
    everything = ReplaySelection(org=settings.salesforce.org_id)
    known = LandedBatches(object_store(settings), everything).lanes()
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
    """Raise `SettingsError` for a shadow of another day, which would be mixed. A replay under way
    keeps its own.
    """

    async def runs() -> bool:
        found = await look(await connect_temporal(settings), REPLAY.workflow_id(request))
        return found is not None and found.status == "running"

    with closing(open_warehouse(settings)) as warehouse:
        exists = request.shadow in shadows_of(warehouse)
    if exists and not asyncio.run(runs()):
        raise SettingsError(
            f"The shadow {request.shadow} exists already. Look at it with `tidegate replay compare {request.shadow}`, "
            f"or remove it with `tidegate replay drop {request.shadow}` and start again."
        )


add_run_control(
    app,
    REPLAY,
    ShownRun(
        group="replay",
        sample="changes",
        about={
            "pause": "Begin no further group of batches. Groups under way are finished.",
            "resume": "Continue a replay that was paused, or that waits because a step failed.",
            "cancel": "End it after the groups under way. What was replayed stays.",
        },
        page=result_page,
    ),
)
add_shadow_commands(app)
