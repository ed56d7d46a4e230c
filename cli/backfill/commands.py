"""tidegate backfill …: read an object again, all of it, a time window, or some records, while its
lane streams.
"""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.backfill.estimate import estimate, keep_ids
from cli.backfill.options import read_ids, request_of
from cli.backfill.output import estimate_as_json, estimate_page, pace, share, state_page
from cli.language.grammar import CommandApp
from cli.options import (
    DEFAULT_HOME,
    By,
    Detach,
    DryRun,
    Home,
    ObjectName,
    Reason,
    SettingsFile,
    Since,
    Until,
    acting_user,
    time_range,
)
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.run_control import ShownRun, add_run_control, state_as_json
from cli.runs import Asked, Ended, run_to_its_end
from cli.state import local_settings
from clients.temporal.run_kinds import BACKFILL
from schemas.backfill import BackfillInput, BackfillState
from schemas.catalogue import load_catalogue
from schemas.errors import RunAlreadyCompletedError
from schemas.run_names import again_name, backfill_name, id_list
from workers.settings import Settings

app = CommandApp(
    about="Read an object again: all of it, a time window, or some records.\n\nExample: tidegate backfill Case --since 2h",
    usual="start",
)


@dataclass(frozen=True)
class _Options:
    object: str
    since: str | None
    until: str | None
    ids: str | None
    name: str | None
    is_again: bool
    by: str
    reason: str


_Ids = Annotated[
    str | None,
    typer.Option("--ids", help="Only these records: a file, or - for stdin: one id a line, or CSV."),
]
_Name = Annotated[str | None, typer.Option("--name", help="Its name; by default made of the question.")]
_Again = Annotated[bool, typer.Option("--again", help="Read again what such a backfill has read.")]


@app.command("start")
def start(
    object_name: ObjectName,
    since: Since = None,
    until: Until = None,
    ids: _Ids = None,
    name: _Name = None,
    again: _Again = False,
    dry_run: DryRun = False,
    detach: Detach = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Read an object again and wait for its end. Ctrl-C leaves it running. Exits 1 when it failed
    or was cancelled.

    Example: tidegate backfill Case --since 2026-11-01 --reason "new field"
    """
    loaded = local_settings(settings, home)
    options = _Options(object_name, since, until, ids, name, again, by, reason)
    request, count = _request(loaded, options, keeps=not dry_run)
    if dry_run:
        found = estimate(loaded, request, count)
        page = estimate_as_json if as_json else estimate_page
        print_json(page(request.object, found)) if as_json else OUT.print(page(request.object, found))
        return
    ended = run_to_its_end(loaded, asked(request), detach=detach, as_json=as_json)
    if ended is not None:
        _tell_end(ended, request, loaded, as_json=as_json)


def _request(loaded: Settings, options: _Options, *, keeps: bool) -> tuple[BackfillInput, int | None]:
    """The workflow's input, and the number of its record ids; None = it is by time. `keeps`: put
    the ids into the store.
    """
    spec = load_catalogue(loaded.catalogue).object(options.object)
    listed = None if options.ids is None else read_ids(options.ids, spec)
    since, until = time_range(options.since, options.until)
    stored = None if listed is None else id_list(listed)
    name = options.name or backfill_name(since, until, stored)
    if options.is_again:
        name = again_name(name, datetime.now(UTC))
    request = request_of(
        org=loaded.salesforce.org_id,
        object=spec.name,
        window=name,
        since=since,
        until=until,
        ids_key=None if stored is None else keep_ids(loaded, stored, is_kept=keeps),
        by=acting_user(options.by),
        reason=options.reason,
    )
    return request, None if listed is None else len(listed)


def asked(request: BackfillInput) -> Asked[BackfillState]:
    """A backfill as the command line waits for it."""
    return Asked(
        kind=BACKFILL,
        request=request,
        state=BackfillState,
        title=f"backfill of {request.object}",
        show=f"tidegate backfill show {request.object} --name {request.window}",
        share=share,
        words=lambda state: f"{state.stage}, {pace(state)}",
    )


def _tell_end(
    ended: Ended[BackfillState], request: BackfillInput, loaded: Settings, *, as_json: bool
) -> None:
    state, started = ended.state, ended.started
    if started.ended_at is not None and state is not None:
        raise RunAlreadyCompletedError(
            object_name=request.object, window=request.window, rows=state.counts.rows, at=started.ended_at
        )
    if state is not None:
        values = state_as_json(state, loaded, started.workflow_id)
        print_json(values) if as_json else OUT.print(state_page(state))
    if ended.trouble:
        say(f"The backfill failed: {ended.trouble}")
    if ended.trouble or state is None or state.stage != "done":
        sys.exit(EXIT_FAILED)


add_run_control(
    app,
    BACKFILL,
    ShownRun(
        group="backfill",
        sample="Case",
        about={
            "pause": "Read nothing more until it is resumed. A query job lives for seven days.",
            "resume": "Continue at the page after the last one that was landed.",
            "cancel": "End it and delete its query jobs. Landed rows stay, and are right.",
        },
        page=state_page,
    ),
)
