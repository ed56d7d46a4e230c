"""Starting a replay from the command line, and watching it to its end."""

import asyncio
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.output import numbers_table, progress, say
from cli.state import workflow_url
from clients.temporal.replays import replay_state, start_replay
from schemas.ids import replay_workflow_id
from schemas.replay import ReplayInput, ReplaySize, ReplayState
from workers.clients import connect_temporal
from workers.settings import Settings

USUAL_RATE = 10_000
"""Changes a second, for an estimate; benchmarks/README.md has what was measured."""
_LOOK_EVERY = 0.5
_OVER = ("done", "cancelled", "paused")


async def begin(settings: Settings, request: ReplayInput, *, only_once: bool) -> bool:
    """Start it, and say where it is; True when one of this key has ended before and is not begun again."""
    client = await connect_temporal(settings)
    org = request.selection.org
    started = await start_replay(client, request, only_once=only_once)
    workflow = replay_workflow_id(org, request.key)
    say(f"{'started' if started else 'was started before:'} {workflow_url(settings, workflow) or workflow}")
    if started:
        return False
    found = await replay_state(client, org, request.key)
    return found is not None and found.ended_at is not None


async def follow(settings: Settings, request: ReplayInput) -> ReplayState:
    """Show its progress until it has ended or waits for somebody; returns how it is then."""
    client = await connect_temporal(settings)
    with progress("replay", total=1.0) as bar:
        while True:
            found = await replay_state(client, request.selection.org, request.key)
            if found is not None:
                bar.update(completed=_part(found), detail=_words(found))
                if found.stage in _OVER:
                    return found
            await asyncio.sleep(_LOOK_EVERY)


def result_page(found: ReplayState) -> RenderableType:
    """Its outcome."""
    counts = found.counts
    table = numbers_table(
        {
            "batches": counts.batches,
            "changes": counts.changes,
            "applied": counts.applied,
            "duplicate": counts.duplicate,
            "quarantined": counts.quarantined,
            "released": counts.released,
            "rebuilt records": counts.rebuilt,
        }
    )
    lines = [Text(f"replay {found.key}: {found.stage}{_took(found)}", style="bold")]
    if found.paused_because:
        lines.append(Text(found.paused_because, style="red"))
    if counts.missing:
        lines.append(Text(f"{counts.missing:,} batches that the warehouse names are kept in raw no more"))
    return Group(*lines, table)


def result_as_json(found: ReplayState, settings: Settings) -> dict[str, Any]:
    """The same for programs."""
    workflow = replay_workflow_id(found.org, found.key)
    return {
        **found.model_dump(mode="json", exclude={"cursor"}),
        "workflow": workflow,
        "url": workflow_url(settings, workflow),
    }


def size_page(size: ReplaySize) -> RenderableType:
    """The estimate of a replay."""
    table = Table("batches", "changes", "raw", "API calls", "minutes, about", box=None)
    for column in table.columns:
        column.justify = "right"
    minutes = size.changes / USUAL_RATE / 60
    table.add_row(
        f"{size.batches:,}", f"{size.changes:,}", f"{size.raw_bytes / 1e6:,.1f} MB", "0", f"{minutes:,.1f}"
    )
    return table


def _part(found: ReplayState) -> float:
    if found.expected is None:
        return 0.0
    if found.stage == "done" or not found.expected.batches:
        return 1.0
    return min(1.0, found.counts.batches / found.expected.batches)


def _words(found: ReplayState) -> str:
    if found.expected is None:
        return "counting"
    of = f"{found.counts.batches:,} of {found.expected.batches:,} batches"
    return f"{of}, {found.counts.changes:,} changes, {found.counts.applied:,} applied"


def _took(found: ReplayState) -> str:
    if found.began_at is None or found.ended_at is None:
        return ""
    seconds = (found.ended_at - found.began_at).total_seconds()
    rate = f", {found.counts.changes / seconds:,.0f} changes a second" if seconds >= 1 else ""
    return f" in {seconds:,.1f} s{rate}"
