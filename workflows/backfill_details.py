"""Current details of a backfill in the Web UI: progress, expected end, and a remedy."""

from schemas.backfill import BackfillState

_NEXT = {
    "reading": "Signals `pause` and `cancel` stop it after the page that is being landed.",
    "paused": "Signal `resume` lets it go on at the next page.",
    "planning": "The org counts rows; a budget that is spent makes this wait: `tidegate budget`.",
    "failed": "Fix what is said above and start the same window again: it goes on where it stopped.",
    "cancelled": "What was landed stays. Started again, the window reads what is missing.",
}


def details(state: BackfillState, by: str) -> str:
    """Markdown."""
    counts = state.counts
    of = "" if state.expected_rows is None else f" of about {state.expected_rows:,}"
    parts = f" · part {state.parts_done} of {state.parts} done" if state.parts else ""
    lines = [
        f"**{state.stage}** · `{state.object}`, window `{state.window}`, asked for by {by}",
        "",
        f"{counts.rows:,}{of} rows{parts} · {counts.calls} API calls · {counts.bytes / 1e6:,.1f} MB landed",
        _pace(state),
        "",
        "| changes | applied | duplicate | quarantined | batches |",
        "| ---: | ---: | ---: | ---: | ---: |",
        f"| {counts.changes:,} | {counts.applied:,} | {counts.duplicate:,} | {counts.quarantined:,} | {counts.batches} |",
        "",
        *([f"> {state.paused_because}", ""] if state.paused_because else []),
        *(f"- {note}" for note in state.notes),
        *(["", _NEXT[state.stage]] if state.stage in _NEXT else []),
    ]
    return "\n".join(lines)


def _pace(state: BackfillState) -> str:
    """Rows a second since the beginning, without pauses, and when it will be done at that."""
    rows = state.counts.rows
    if not rows or not state.seconds:
        return "waits for the org's query job" if state.stage == "reading" else ""
    rate = rows / state.seconds
    left = (state.expected_rows or 0) - rows
    if state.stage != "reading" or left <= 0:
        return f"{rate:,.0f} rows/s"
    return f"{rate:,.0f} rows/s, {left / rate / 60:,.0f} more minutes at that"
