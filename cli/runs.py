"""Runs from the command line: start one or join it, wait for its end with a bar, and the rows of
their lists.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from temporalio.client import Client
from temporalio.service import RPCError

from cli.output import OUT, print_json, progress_bar, say
from cli.state import workflow_url
from clients.temporal.run_kinds import RunKind
from clients.temporal.run_views import RunDescription, look, progress as run_progress, query
from clients.temporal.runs import Started, start_run
from schemas import names
from schemas.errors import ActRefusedError, UnavailableError
from schemas.message import Message
from workers.clients import connect_temporal
from workers.settings import Settings

S = TypeVar("S", bound=Message)
_LOOK_EVERY = 0.5
_LOOK_LATER = 2.0
LONGEST_SILENCE = 600.0
"""Seconds for which a command waits for a Temporal that does not answer."""
_RUNNING = "running"


@dataclass(frozen=True)
class Asked(Generic[S]):
    """A run that a command asks for."""

    kind: RunKind
    request: Message
    state: type[S]
    title: str
    """Of the bar: `backfill of Case`."""
    show: str
    """The command that shows it: `tidegate backfill show Case`."""
    share: Callable[[S], float] = lambda _: 0.0
    """How much of it is done, from 0 to 1."""
    words: Callable[[S], str] = lambda _: ""
    """How far it is, for the end of the bar."""
    waits: Callable[[S], bool] = lambda _: False
    """True = it waits for an operator, so that nobody needs to wait for it."""


@dataclass(frozen=True)
class Ended(Generic[S]):
    """A run at its end, or where it waits for an operator."""

    started: Started
    state: S | None
    """None = it failed and nothing more is known."""
    trouble: str
    """Why it failed; "" = it did not."""


def run_to_its_end(
    settings: Settings, asked: Asked[S], *, again: bool | None = None, detach: bool, as_json: bool
) -> Ended[S] | None:
    """Start a run or join it, and wait for its end; Ctrl-C leaves it running.

    Args:
        settings: Which engine.
        asked: The run.
        again: As of `clients.temporal.runs.start_run`.
        detach: True = do not wait: print where it is, and return None. A run that has ended is
            returned all the same.
        as_json: Print that as JSON.

    Raises:
        RunExistsError: A run of this name was asked something else.
    """

    async def begin() -> Ended[S] | None:
        client = await connect_temporal(settings)
        started = await start_run(client, asked.kind, asked.request, again=again)
        leaves = detach and started.ended_at is None
        _tell_start(settings, asked, started, leaves=leaves, as_json=as_json)
        return None if leaves else await _follow(client, asked, started)

    try:
        return asyncio.run(begin())
    except KeyboardInterrupt:
        say(f"It goes on; see it with: {asked.show}")
        raise


def _tell_start(
    settings: Settings, asked: Asked[S], started: Started, *, leaves: bool, as_json: bool
) -> None:
    url = workflow_url(settings, started.workflow_id)
    word = "started" if started.is_new else "ended before" if started.ended_at else "runs already"
    say(f"{word}: {url or started.workflow_id}")
    if not leaves:
        return
    if as_json:
        _, name = asked.kind.name_of(settings.salesforce.org_id, started.workflow_id)
        where = {"name": name, "workflow": started.workflow_id, "url": url}
        print_json({**where, "is_new": started.is_new})
    else:
        OUT.print(started.workflow_id, markup=False, soft_wrap=True)


async def _follow(client: Client, asked: Asked[S], started: Started) -> Ended[S]:
    silence = _Silence(asked.show)
    done = 0.0
    with progress_bar(asked.title, total=1.0) as bar:
        while True:
            try:
                seen = await _look(client, asked, started)
                silence.is_over()
            except (UnavailableError, RPCError) as error:
                silence.goes_on(error)
                bar.update(completed=done, detail="Temporal does not answer")
                await asyncio.sleep(_LOOK_LATER)
                continue
            if isinstance(seen, Ended):
                return seen
            state, detail = seen
            if state is not None:
                done, detail = asked.share(state), asked.words(state)
            bar.update(completed=done, detail=detail)
            await asyncio.sleep(_LOOK_EVERY)


async def _look(client: Client, asked: Asked[S], started: Started) -> Ended[S] | tuple[S | None, str]:
    """One look: the run's end, or its state and a word about it."""
    found = await look(client, started.workflow_id)
    if found is None:
        raise ActRefusedError(
            detail=f"{started.workflow_id} is gone. Somebody has deleted it; start it again."
        )
    if found.status != _RUNNING:
        state, trouble = await outcome(client, asked.kind, found, asked.state)
        return Ended(started, state, trouble)
    state, detail = await _state(client, asked, found)
    return Ended(started, state, "") if state is not None and asked.waits(state) else (state, detail)


class _Silence:
    """Temporal does not answer while a run is waited for: the run goes on, so the wait does."""

    def __init__(self, show: str) -> None:
        self._show = show
        self._since: float | None = None

    def is_over(self) -> None:
        if self._since is not None:
            say("Temporal answers again.")
        self._since = None

    def goes_on(self, error: Exception) -> None:
        """Say so once; raise `UnavailableError` when it has been too long."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
            say(
                f"Temporal does not answer. The run does not end by that; waiting. See it later with: {self._show}"
            )
        if now - self._since > LONGEST_SILENCE:
            detail = f"no answer for {LONGEST_SILENCE:.0f} s. The run does not end by that; see it with: {self._show}"
            raise UnavailableError(system="Temporal", detail=detail) from error


async def _state(client: Client, asked: Asked[S], found: RunDescription) -> tuple[S | None, str]:
    if not asked.kind.has_progress:
        return None, ""
    try:
        return await query(client, found.workflow_id, names.PROGRESS, asked.state), ""
    except UnavailableError:
        # A worker that is started again answers soon; the run goes on meanwhile, or then.
        return None, "no worker answers: tidegate worker"


async def outcome(
    client: Client, kind: RunKind, found: RunDescription, state: type[S]
) -> tuple[S | None, str]:
    """The state of a run, and why it failed, or "".

    A run that has failed still answers its query where a worker is there; None = none is, or the
    kind has no query.
    """
    known, trouble = await run_progress(client, found, state)
    if known is None and trouble and kind.has_progress:
        try:
            known = await query(client, found.workflow_id, names.PROGRESS, state)
        except UnavailableError:
            known = None
    return known, trouble


@dataclass(frozen=True)
class RunRow:
    """A run in a list."""

    object: str
    """"" for kinds that are of no object."""
    name: str
    status: str
    """As of `RunDescription`."""
    stage: str
    changes: int
    quarantined: int
    began_at: datetime
    ended_at: datetime | None
    workflow: str

    @classmethod
    def of(cls, kind: RunKind, org: str, found: RunDescription) -> "RunRow":
        """The row of a run."""
        object_name, name = kind.name_of(org, found.workflow_id)
        times = (found.began_at, found.ended_at)
        counts = (found.changes, found.quarantined)
        return cls(object_name, name, found.status, found.stage, *counts, *times, found.workflow_id)

    def as_json(self, settings: Settings) -> dict[str, Any]:
        """Plain values for --json; `window` is the name, as the release before called it."""
        return {**asdict(self), "window": self.name, "url": workflow_url(settings, self.workflow)}


def rows_page(kind: RunKind, rows: list[RunRow]) -> RenderableType:
    """A line each."""
    if not rows:
        return Text(f"no {kind.noun} of that is known")
    table = Table("object", "name", "stage", "changes", "quarantined", "began (UTC)", "ended (UTC)", box=None)
    for row in rows:
        stage = row.stage if row.stage and row.status in (_RUNNING, "completed") else row.status
        ended = "" if row.ended_at is None else f"{row.ended_at:%m-%d %H:%M:%S}"
        counts = (f"{row.changes:,}", f"{row.quarantined:,}")
        table.add_row(row.object, row.name, stage, *counts, f"{row.began_at:%m-%d %H:%M:%S}", ended)
    return table
