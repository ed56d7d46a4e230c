"""A replay on the terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.output import numbers_table
from schemas.replay import ReplaySize, ReplayState

USUAL_RATE = 10_000
"""Changes a second, for an estimate; benchmarks/README.md has what was measured."""


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


def part_done(found: ReplayState) -> float:
    """How much of it is replayed, from 0 to 1; 0 while the batches are counted."""
    if found.expected is None:
        return 0.0
    if found.stage == "done" or not found.expected.batches:
        return 1.0
    return min(1.0, found.counts.batches / found.expected.batches)


def words(found: ReplayState) -> str:
    """How far it is."""
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
