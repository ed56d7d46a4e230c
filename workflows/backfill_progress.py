"""Progress of a backfill, kept by its workflow: its query, search attributes, current details."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from schemas.backfill import BackfillCounts, BackfillInput, BackfillPlan, BackfillState
    from schemas.ingest.messages import PauseInput
    from workflows.backfill_details import details

_STAGE = SearchAttributeKey.for_keyword("Stage")
_CHANGES = SearchAttributeKey.for_int("Changes")
_QUARANTINED = SearchAttributeKey.for_int("Quarantined")
_MOST_NOTES = 50


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
        workflow.set_current_details(details(self.state(), self._request.by))
