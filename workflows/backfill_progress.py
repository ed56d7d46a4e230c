"""How far a backfill is, kept by its workflow and shown in its query, its search attributes and
its current details.
"""

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from schemas.backfill import BackfillState

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.backfill import BackfillCounts, BackfillInput, BackfillPlan, BackfillState
    from schemas.ingest.messages import PauseInput
_STAGE = SearchAttributeKey.for_keyword("Stage")
_CHANGES = SearchAttributeKey.for_int("Changes")
_QUARANTINED = SearchAttributeKey.for_int("Quarantined")
_MOST_NOTES = 50
_KEEPS_PROGRESS = "backfill-progress-memo"
"""Histories without this mark are of releases whose backfills kept no memo."""


class Progress:
    """Of one backfill. Made and used inside its workflow."""

    def __init__(self, request: BackfillInput) -> None:
        self._request = request
        self.began_at = workflow.now()
        self.stage = "planning"
        self.counts = BackfillCounts()
        self.plan = BackfillPlan(parts=())
        self.parts_done = 0
        self.is_paused = False
        self._because = ""
        self._paused_seconds = 0.0
        self._notes: list[str] = []
        self._shown: tuple[str, int, int] | None = None

    def pause(self, request: PauseInput) -> None:
        """The time from now on does not count as work."""
        if not self.is_paused:
            self._paused_seconds -= workflow.now().timestamp()
        self.is_paused = True
        self._because = f"paused by {request.by}: {request.reason or 'no reason given'}"

    def resume(self) -> None:
        """It counts again."""
        if self.is_paused:
            self._paused_seconds += workflow.now().timestamp()
        self.is_paused = False
        self._because = ""

    def tell(self, note: str) -> None:
        """Something that happened on the way; the latest fifty are kept."""
        self._notes = [*self._notes, note][-_MOST_NOTES:]

    def seconds(self) -> float:
        """At work, without the pauses."""
        now = workflow.now().timestamp()
        paused = self._paused_seconds + (now if self.is_paused else 0.0)
        return max(0.0, now - self.began_at.timestamp() - paused)

    def state(self) -> BackfillState:
        """As its query tells it."""
        return BackfillState(
            org=self._request.org,
            object=self._request.object,
            window=self._request.window,
            stage=self.stage,
            counts=self.counts,
            expected_rows=self.plan.expected_rows,
            parts=len(self.plan.parts),
            parts_done=self.parts_done,
            paused_because=self._because,
            notes=tuple(self._notes),
            began_at=self.began_at,
            seconds=self.seconds(),
        )

    def show(self, stage: str) -> None:
        """Go to a stage, and show what there is."""
        self.stage = stage
        shown = (stage, self.counts.changes, self.counts.quarantined)
        if shown != self._shown:
            self._shown = shown
            _, changes, quarantined = shown
            workflow.upsert_search_attributes(
                [
                    _STAGE.value_set(stage),
                    _CHANGES.value_set(changes),
                    _QUARANTINED.value_set(quarantined),
                ]
            )
            if workflow.patched(_KEEPS_PROGRESS):
                workflow.upsert_memo({names.PROGRESS_MEMO: workflow.now().isoformat()})
        workflow.set_current_details(details(self.state(), self._request.by))


_NEXT = {
    "reading": "Signals `pause` and `cancel` stop it after the page that is being landed.",
    "paused": "Signal `resume` lets it go on at the next page.",
    "planning": "The org counts rows; a budget that is spent makes this wait: `tidegate budget`.",
    "failed": "Fix the problem above and start the same window again: it goes on where it stopped.",
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
