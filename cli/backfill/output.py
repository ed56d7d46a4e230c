"""A backfill on the terminal and as JSON."""

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.output import numbers_table
from schemas.backfill import BackfillState
from transforms.backfill import Estimate


def estimate_page(object_name: str, found: Estimate) -> RenderableType:
    """The estimate of a backfill."""
    table = Table("object", "rows", "parts", "Bulk jobs", "API calls", "raw", "minutes, about", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row(
        object_name,
        f"{found.rows:,}",
        f"{found.parts:,}",
        f"{found.jobs:,}",
        f"{found.calls:,}",
        f"{found.bytes / 1e6:,.1f} MB",
        f"{found.minutes:,.1f}",
    )
    source = "assumed: no backfill of the object was measured"
    if found.measured_at is not None:
        source = f"measured with the backfill of {found.measured_at:%Y-%m-%d %H:%M} UTC"
    return Group(table, Text(f"at {found.rows_per_second:,.0f} rows a second, {source}"))


def state_page(state: BackfillState) -> RenderableType:
    """How far it is, or what came of it."""
    counts = state.counts
    table = numbers_table(
        {
            "rows": counts.rows,
            "changes": counts.changes,
            "applied": counts.applied,
            "duplicate": counts.duplicate,
            "quarantined": counts.quarantined,
            "batches": counts.batches,
            "API calls": counts.calls,
        }
    )
    title = f"backfill of {state.object}, {state.window}: {state.stage}, {pace(state)}"
    told = [state.paused_because, *state.notes]
    return Group(Text(title, style="bold"), table, *(Text(f"  {line}") for line in told if line))


def pace(state: BackfillState) -> str:
    """Rows, rate, and how long it will still take."""
    rows, expected = state.counts.rows, state.expected_rows
    of = "" if expected is None else f" of about {expected:,}"
    words = f"{rows:,}{of} rows"
    if not rows or state.seconds < 1:
        return words
    rate = rows / state.seconds
    words += f", {rate:,.0f} rows/s"
    if state.stage == "reading" and expected is not None and expected > rows:
        words += f", {(expected - rows) / rate / 60:,.0f} min left"
    return words


def share(state: BackfillState) -> float:
    """How much of it is read, from 0 to 1; 0 while the org's count is not known."""
    if state.stage == "done":
        return 1.0
    return min(1.0, state.counts.rows / state.expected_rows) if state.expected_rows else 0.0


def estimate_as_json(object_name: str, found: Estimate) -> dict[str, Any]:
    """The same for programs; `measured_at` null: the rate is assumed."""
    return {"object": object_name, **asdict(found)}
