"""tidegate erase …: take a person's values out of every store, and certify it."""

import asyncio
from contextlib import closing
from typing import Annotated

import typer

from cli.language.grammar import CommandApp
from cli.options import DEFAULT_HOME, By, Detach, Home, NeededReason, SettingsFile, acting_user
from cli.output import EXIT_FAILED, OUT, AsJson, print_json, say
from cli.run_control import NamedRun, ShownRun, add_run_control, state_as_json
from cli.runs import Asked, outcome, run_to_its_end
from cli.security.erase.output import certificate_page, share, state_page, words
from cli.state import local_settings
from clients.database.erasures import ErasureCertificate, Erasures
from clients.temporal.run_kinds import ERASURE
from clients.temporal.run_views import look
from schemas.errors import SettingsError
from schemas.run_names import erasure_name
from schemas.salesforce.record_ids import whole_id
from schemas.security.erasure import ErasureInput, ErasureState
from workers.addresses import operational_address
from workers.clients import connect_temporal
from workers.settings import Settings

app = CommandApp(
    about="Take a person's values out of every store.\n\n"
    'Example: tidegate erase 003000000000001AAA --reason "request 2026-117" --dry-run',
    usual="start",
)
_Records = Annotated[
    list[str], typer.Argument(metavar="RECORD...", help="Record ids, 15 or 18 characters each.")
]
_WithRelated = Annotated[
    bool, typer.Option("--with-related", help="Also the records that point to them, such as their cases.")
]
_Count = Annotated[
    bool, typer.Option("--dry-run", help="Count the places in each store; erase nothing and record nothing.")
]


@app.command("start")
def start(
    records: _Records,
    reason: NeededReason,
    with_related: _WithRelated = False,
    dry_run: _Count = False,
    detach: Detach = False,
    by: By = "",
    as_json: AsJson = False,
    settings: SettingsFile = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Erase the values of records: from raw files, tables, writebacks and files beside them. Ids,
    counts and times stay. It cannot be undone. Costs no API call.

    Example: tidegate erase 003000000000001AAA --reason "request 2026-117"
    """
    loaded = local_settings(settings, home)
    request = ErasureInput(
        org=loaded.salesforce.org_id,
        key=erasure_name(ids := _ids(records), with_related=with_related, is_dry=dry_run),
        records=ids,
        with_related=with_related,
        is_dry=dry_run,
        grace=loaded.erasure.grace,
        by=acting_user(by),
        reason=reason,
    )
    ended = run_to_its_end(loaded, _asked(request), again=True, detach=detach, as_json=as_json)
    if ended is None:
        return
    state = ended.state
    if state is not None:
        values = state_as_json(state, loaded, ended.started.workflow_id)
        print_json(values) if as_json else OUT.print(state_page(state))
    if ended.trouble or state is None or state.stage == "paused":
        name = request.key
        say(
            f"The erasure failed: {ended.trouble}"
            if ended.trouble
            else f"It waits: see to the reason, then `tidegate erase resume {name}`."
        )
        raise typer.Exit(EXIT_FAILED)


def _ids(given: list[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(whole_id(each) for each in given))
    except ValueError as error:
        raise SettingsError(f"A record id is wrong: {error}. Correct it.") from None


def _asked(request: ErasureInput) -> Asked[ErasureState]:
    return Asked(
        kind=ERASURE,
        request=request,
        state=ErasureState,
        title="erasure",
        show=f"tidegate erase show {request.key}",
        share=share,
        words=words,
        waits=lambda state: state.stage == "paused",
    )


@app.command("show")
def show(
    name: NamedRun, as_json: AsJson = False, settings: SettingsFile = None, home: Home = DEFAULT_HOME
) -> None:
    """Show the certificate of an erasure, or how far it is.

    Example: tidegate erase show ids-1f8ac10f23c5
    """
    loaded = local_settings(settings, home)
    with closing(Erasures(operational_address(loaded.operational))) as erasures:
        found = erasures.find(name)
    if found is None:
        _show_progress(loaded, name, as_json=as_json)
        return
    print_json(_as_json(found)) if as_json else OUT.print(certificate_page(found))
    if not found.is_whole:
        raise typer.Exit(EXIT_FAILED)


def _as_json(found: ErasureCertificate) -> dict[str, object]:
    return {**found.content, "digest": found.digest, "is_whole": found.is_whole}


def _show_progress(settings: Settings, name: str, *, as_json: bool) -> None:
    async def ask() -> ErasureState | None:
        client = await connect_temporal(settings)
        found = await look(client, ERASURE.named(settings.salesforce.org_id, name))
        return None if found is None else (await outcome(client, ERASURE, found, ErasureState))[0]

    state = asyncio.run(ask())
    if state is None:
        raise SettingsError(f"There is no erasure {name}. `tidegate erase list` shows those that there are.")
    print_json(state.model_dump(mode="json")) if as_json else OUT.print(state_page(state))


add_run_control(
    app,
    ERASURE,
    ShownRun(
        group="erase",
        sample="ids-1f8ac10f23c5",
        about={
            "pause": "Begin no further step. The one under way is finished, and what is gone stays gone.",
            "resume": "Continue an erasure that was paused, or that waits because a step failed.",
        },
        page=state_page,
    ),
    without=("show",),
)
