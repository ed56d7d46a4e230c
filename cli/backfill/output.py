"""A backfill on the terminal and as JSON."""

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.output import numbers_table
from cli.state import workflow_url
from clients.temporal.backfills import BackfillView
from schemas.backfill import BackfillState
from schemas.ids import backfill_workflow_id
from transforms.backfill import Estimate
from workers.settings import Settings


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
    title = f"backfill of {state.object}, window {state.window}: {state.stage}, {pace(state)}"
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


def state_as_json(state: BackfillState, settings: Settings) -> dict[str, Any]:
    """The same for programs."""
    workflow = backfill_workflow_id(state.org, state.object, state.window)
    return {
        **state.model_dump(mode="json"),
        "workflow": workflow,
        "url": workflow_url(settings, workflow),
    }


def list_page(views: list[BackfillView]) -> RenderableType:
    """Many, a line each."""
    table = Table(
        "object", "window", "stage", "changes", "quarantined", "began (UTC)", "ended (UTC)", box=None
    )
    for view in views:
        stage = view.stage if view.status in ("running", "completed") else view.status
        ended = "" if view.ended_at is None else f"{view.ended_at:%m-%d %H:%M:%S}"
        table.add_row(
            view.object,
            view.window,
            stage,
            f"{view.changes:,}",
            f"{view.quarantined:,}",
            f"{view.began_at:%m-%d %H:%M:%S}",
            ended,
        )
    return table if views else Text("no backfill was started yet")


def list_as_json(views: list[BackfillView], settings: Settings) -> list[dict[str, Any]]:
    """The same for programs."""
    return [{**asdict(view), "url": workflow_url(settings, view.workflow)} for view in views]


def estimate_as_json(object_name: str, found: Estimate) -> dict[str, Any]:
    """The same for programs; `measured_at` null: the rate is assumed."""
    return {"object": object_name, **asdict(found)}
