"""A backfill: its parts are read one after another, or its records by their ids; then it tells what came of it.

No lock keeps the stream out meanwhile: what is read are snapshots, and the fold settles what is newer.
"""

import asyncio

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.backfills import (
        BackfillCounts,
        BackfillInput,
        BackfillPlan,
        BackfillState,
        Part,
        PartInput,
        RecordsInput,
        StretchResult,
    )
    from schemas.ids import ORIGIN
    from schemas.messages import Act, PauseInput
    from workflows.acts import keep_record
    from workflows.options import PLAN_BACKFILL, READ_ROWS

_STAGE = SearchAttributeKey.for_keyword("Stage")
_CHANGES = SearchAttributeKey.for_int("Changes")
_QUARANTINED = SearchAttributeKey.for_int("Quarantined")
_MOST_ATTEMPTS = 5
"""Query jobs of a part that may be lost; then something is wrong that another job does not mend."""
_LOST = frozenset({"JobLostError", "RowsMissingError"})


@workflow.defn(name=names.BACKFILL_WORKFLOW)
class BackfillWorkflow:
    """`backfill/{org}/{object}/{window}`. Signals: pause, resume, cancel. Query: progress. Returns its last state."""

    @workflow.init
    def __init__(self, request: BackfillInput) -> None:
        self._request = request
        self._began_at = workflow.now()
        self._reading = round(self._began_at.timestamp() * 1_000) if request.is_repair else 0
        self._stage = "planning"
        self._counts = BackfillCounts()
        self._plan = BackfillPlan(parts=())
        self._parts_done = 0
        self._paused_because = ""
        self._is_paused = self._is_cancelled = self._interrupt = False
        self._acts: list[Act] = []

    @workflow.run
    async def run(self, request: BackfillInput) -> BackfillState:
        recorder = asyncio.create_task(keep_record(self._acts))
        self._note("backfill.start", request.by, request.reason)
        if request.ids_key is not None:
            await self._read_records(request.ids_key)
        else:
            await self._read_parts()
        self._show("cancelled" if self._is_cancelled else "done")
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._acts)
        recorder.cancel()
        return self.progress().model_copy(update={"ended_at": workflow.now()})

    async def _read_parts(self) -> None:
        self._plan = await workflow.execute_activity(
            names.PLAN_BACKFILL,
            self._request,
            result_type=BackfillPlan,
            summary=f"plan {self._request.object}",
            **PLAN_BACKFILL,
        )
        for part in self._plan.parts:
            await self._read_part(part)
            if self._is_cancelled:
                return
            self._parts_done += 1

    async def _read_part(self, part: Part) -> None:
        """Stretch after stretch, with another query job when one is lost."""
        position, attempt = ORIGIN, 0
        while await self._may_go_on():
            request = PartInput(
                org=self._request.org,
                object=self._request.object,
                window=self._request.window,
                part=part,
                attempt=attempt,
                lease_class=self._request.lease_class,
                reading=self._reading,
                after=self._request.after,
                stands_at=self._request.stands_at,
                position=position,
            )
            try:
                stretch = await self._stretch(names.READ_PART, request, f"part {part.number}")
            except ActivityError as error:
                if not _is_lost(error) or attempt + 1 >= _MOST_ATTEMPTS:
                    raise
                position, attempt = ORIGIN, attempt + 1
                continue
            if stretch is None:
                continue
            if stretch.done:
                return
            position = stretch.position

    async def _read_records(self, ids_key: str) -> None:
        position = ORIGIN
        while await self._may_go_on():
            request = RecordsInput(
                org=self._request.org,
                object=self._request.object,
                window=self._request.window,
                ids_key=ids_key,
                lease_class=self._request.lease_class,
                reading=self._reading,
                after=self._request.after,
                stands_at=self._request.stands_at,
                position=position,
            )
            stretch = await self._stretch(names.READ_RECORDS, request, "records by id")
            if stretch is None:
                continue
            if stretch.done:
                return
            position = stretch.position

    async def _may_go_on(self) -> bool:
        """Wait while it is paused; False when it is cancelled."""
        if self._is_paused and not self._is_cancelled:
            self._show("paused")
            await workflow.wait_condition(lambda: not self._is_paused or self._is_cancelled)
        if not self._is_cancelled:
            self._show("reading")
        return not self._is_cancelled

    async def _stretch(
        self, activity: str, request: PartInput | RecordsInput, what: str
    ) -> StretchResult | None:
        """One stretch, its counts added; None when it was interrupted: what it landed is found again."""
        self._interrupt = False
        reader = workflow.start_activity(
            activity,
            request,
            result_type=StretchResult,
            summary=f"{self._request.object}, {what}",
            **READ_ROWS,
        )
        await workflow.wait_condition(lambda: self._interrupt or reader.done())
        if not reader.done():
            reader.cancel()
        try:
            stretch: StretchResult = await reader
        except ActivityError as error:
            if self._interrupt or is_cancelled_exception(error):
                return None
            raise
        self._counts = self._counts.plus(stretch.counts)
        return stretch

    @workflow.signal(name=names.PAUSE)
    def pause(self, request: PauseInput) -> None:
        """Read nothing more until it is resumed; a query job lives for seven days."""
        self._is_paused = True
        self._paused_because = f"paused by {request.by}: {request.reason or 'no reason given'}"
        self._interrupt = True
        self._note("backfill.pause", request.by, request.reason)

    @workflow.signal(name=names.RESUME)
    def resume(self, request: PauseInput) -> None:
        """Go on at the page after the last one that was landed."""
        self._is_paused = False
        self._paused_because = ""
        self._note("backfill.resume", request.by, request.reason)

    @workflow.signal(name=names.CANCEL)
    def cancel(self, request: PauseInput) -> None:
        """End it. What was landed stays, and is right."""
        self._is_cancelled = True
        self._interrupt = True
        self._note("backfill.cancel", request.by, request.reason)

    @workflow.query(name=names.PROGRESS)
    def progress(self) -> BackfillState:
        """How far it has come."""
        return BackfillState(
            org=self._request.org,
            object=self._request.object,
            window=self._request.window,
            stage=self._stage,
            counts=self._counts,
            expected_rows=self._plan.expected_rows,
            parts=len(self._plan.parts),
            parts_done=self._parts_done,
            paused_because=self._paused_because,
            began_at=self._began_at,
        )

    def _note(self, act: str, by: str, detail: str) -> None:
        target = workflow.info().workflow_id
        self._acts.append(Act(act=act, by=by, target=target, detail=detail, at=workflow.now()))

    def _show(self, stage: str) -> None:
        self._stage = stage
        counts = self._counts
        workflow.upsert_search_attributes(
            [
                _STAGE.value_set(stage),
                _CHANGES.value_set(counts.changes),
                _QUARANTINED.value_set(counts.quarantined),
            ]
        )
        workflow.set_current_details(_details(self.progress()))


def _is_lost(error: ActivityError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type in _LOST


def _details(state: BackfillState) -> str:
    counts = state.counts
    of = "" if state.expected_rows is None else f" of {state.expected_rows:,}"
    because = f"\n\n> {state.paused_because}" if state.paused_because else ""
    return (
        f"**{state.stage}** · `{state.object}` · {counts.rows:,}{of} rows · part {state.parts_done} of {state.parts} done · "
        f"{counts.calls} API calls{because}\n\n"
        "| changes | applied | duplicate | quarantined | batches |\n| ---: | ---: | ---: | ---: | ---: |\n"
        f"| {counts.changes:,} | {counts.applied:,} | {counts.duplicate:,} | {counts.quarantined:,} | {counts.batches} |"
    )
