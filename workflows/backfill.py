"""A backfill: its parts are read, two at a time, or its records by their ids; then it tells what
came of it.

No lock keeps the stream out meanwhile: what is read are snapshots, and the fold settles what is
newer.
"""

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.backfill import (
        BackfillCounts,
        BackfillInput,
        BackfillRate,
        BackfillState,
        Part,
        PartInput,
        ReadSlice,
        RecordsInput,
    )
    from schemas.errors import JobLostError
    from schemas.ids import ORIGIN
    from schemas.ingest.messages import Act, PauseInput
    from workflows.backfill_progress import Progress
    from workflows.contracts.backfill import DROP_JOB, KEEP_RATE, PLAN_BACKFILL, READ_PART, READ_RECORDS
    from workflows.contracts.contract import Contract, In, Out
    from workflows.origins import act_of, asked_by, started_by
    from workflows.runtime import failure_message, keep_record, run, start

PARTS_AT_ONCE = 2
"""Parts that are read at the same time: one is landed while the org still works at the other's job.
"""
_MOST_ATTEMPTS = 5
"""Query jobs of a part that may be lost; then something is wrong that another job does not fix."""
_RATE_FROM_ROWS = 1_000
"""Fewer tell nothing of how fast many would be."""


@workflow.defn(name=names.BACKFILL_WORKFLOW)
class BackfillWorkflow:
    """`backfill/{org}/{object}/{window}`. Signals: pause, resume, cancel. Query: progress. Returns
    its last state.
    """

    @workflow.init
    def __init__(self, request: BackfillInput) -> None:
        self._request = request
        self._at = Progress(request)
        self._reading = round(self._at.began_at.timestamp() * 1_000) if request.is_repair else 0
        self._under_way: dict[int, PartInput] = {}
        self._is_cancelled = False
        self._interrupts = 0
        self._acts: list[Act] = []

    @workflow.run
    async def run(self, request: BackfillInput) -> BackfillState:
        recorder = asyncio.create_task(keep_record(self._acts))
        self._acts.append(act_of("backfill.start", request.by, request.reason, started_by(request)))
        try:
            await self._read()
        except Exception as error:
            self._at.tell(failure_message(error))
            self._at.show("failed")
            await self._end_record()
            raise
        self._at.show("cancelled" if self._is_cancelled else "done")
        await self._end_record()
        recorder.cancel()
        return self.progress().model_copy(update={"ended_at": workflow.now()})

    async def _end_record(self) -> None:
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._acts)

    async def _read(self) -> None:
        try:
            if self._request.ids_key is not None:
                await self._read_records(self._request.ids_key)
            else:
                await self._read_parts()
        except asyncio.CancelledError:
            self._at.show("cancelled")
            await self._drop_jobs()
            raise
        if self._is_cancelled:
            await self._drop_jobs()
        elif self._tells_a_rate():
            await self._keep_rate()

    async def _read_parts(self) -> None:
        plan = None
        while plan is None:
            if not await self._may_go_on("planning"):
                return
            plan = await self._step(PLAN_BACKFILL, self._request, "divide into parts")
        self._at.plan = plan
        self._at.counts = self._at.counts.plus(BackfillCounts(calls=plan.calls))
        waiting = list(plan.parts)
        readers = [
            asyncio.create_task(self._read_some(waiting)) for _ in range(min(PARTS_AT_ONCE, len(waiting)))
        ]
        try:
            await asyncio.gather(*readers)
        finally:
            for reader in readers:
                reader.cancel()

    async def _read_some(self, waiting: list[Part]) -> None:
        while waiting and not self._is_cancelled:
            await self._read_part(waiting.pop(0))

    async def _read_part(self, part: Part) -> None:
        """Stretch after stretch, with another query job when one is lost."""
        given, request = BackfillCounts(), self._first_stretch(part)
        self._under_way[part.number] = request
        while await self._may_go_on():
            what = f"part {part.number + 1} of {len(self._at.plan.parts)}"
            stretch = await self._stretch(READ_PART, request, what)
            if stretch is None:
                continue
            if stretch.lost:
                self._lose(request, stretch, given)
                given, request = BackfillCounts(), _next_attempt(request)
                self._under_way[part.number] = request
                continue
            given = given.plus(stretch.counts)
            if stretch.done:
                self._end_part(part, given.rows)
                return
            request = request.model_copy(update={"position": stretch.position})

    def _first_stretch(self, part: Part) -> PartInput:
        return PartInput(
            org=self._request.org,
            object=self._request.object,
            window=self._request.window,
            part=part,
            lease_class=self._request.lease_class,
            reading=self._reading,
            after=self._request.after,
            stands_at=self._request.stands_at,
        )

    def _lose(self, request: PartInput, stretch: ReadSlice, given: BackfillCounts) -> None:
        """Rows of the lost job stay, and are right, but they are not the part's rows.

        The stretch counts all of it, so what was counted before is taken off; calls are each
        stretch's own.
        """
        again = given.model_copy(update={"calls": 0, "rows": given.rows + stretch.counts.rows})
        self._at.counts = self._at.counts.minus(again)
        if request.attempt + 1 >= _MOST_ATTEMPTS:
            raise ApplicationError(stretch.lost, type=JobLostError.code, non_retryable=True)
        self._at.tell(f"part {request.part.number + 1}: {stretch.lost}")

    def _end_part(self, part: Part, rows: int) -> None:
        del self._under_way[part.number]
        self._at.parts_done += 1
        if part.expected_rows not in (None, rows):
            self._at.tell(
                f"part {part.number + 1} has {rows:,} rows; {part.expected_rows:,} were counted before. "
                "Rows come and go meanwhile."
            )

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
            stretch = await self._stretch(READ_RECORDS, request, "records by id")
            if stretch is None:
                continue
            if stretch.done:
                return
            position = stretch.position

    async def _may_go_on(self, stage: str = "reading") -> bool:
        """Wait while it is paused; False when it is cancelled."""
        if self._at.is_paused and not self._is_cancelled:
            self._at.show("paused")
            await workflow.wait_condition(lambda: not self._at.is_paused or self._is_cancelled)
        if not self._is_cancelled:
            self._at.show(stage)
        return not self._is_cancelled

    async def _stretch(self, contract: Contract[In, ReadSlice], request: In, what: str) -> ReadSlice | None:
        """One stretch, its counts added; None when it was interrupted: what it landed is found
        again.
        """
        stretch = await self._step(contract, request, what)
        if stretch is not None:
            self._at.counts = self._at.counts.plus(stretch.counts)
            self._at.show(self._at.stage)
        return stretch

    async def _step(self, contract: Contract[In, Out], request: In, what: str) -> Out | None:
        """The activity's result; None when a signal has interrupted it."""
        before = self._interrupts
        handle = start(contract, request, summary=f"{self._request.object}, {what}")
        try:
            await workflow.wait_condition(lambda: self._interrupts > before or handle.done())
        finally:
            if not handle.done():
                handle.cancel()
        try:
            return await handle
        except ActivityError as error:
            if self._interrupts > before and is_cancelled_exception(error):
                return None
            raise

    async def _drop_jobs(self) -> None:
        """Of the parts that were not read to their end. What cannot be dropped now the org forgets
        after seven days.
        """
        drops = (
            run(DROP_JOB, request, summary="delete the query job") for request in self._under_way.values()
        )
        await asyncio.gather(*drops, return_exceptions=True)

    def _tells_a_rate(self) -> bool:
        """Enough rows, and most of them new: duplicates go twice as fast."""
        counts = self._at.counts
        is_by_time = self._request.ids_key is None
        return is_by_time and counts.rows >= _RATE_FROM_ROWS and 2 * counts.applied >= counts.changes

    async def _keep_rate(self) -> None:
        rate = BackfillRate(
            org=self._request.org,
            object=self._request.object,
            rows=self._at.counts.rows,
            seconds=self._at.seconds(),
            bytes=self._at.counts.bytes,
            at=workflow.now(),
        )
        with suppress(ActivityError):
            await run(KEEP_RATE, rate, summary="remember the rate")

    @workflow.signal(name=names.PAUSE)
    def pause(self, request: PauseInput) -> None:
        """Read nothing more until it is resumed; a query job lives for seven days."""
        self._note("backfill.pause", request.by, request.reason)
        self._at.pause(request)
        self._interrupts += 1

    @workflow.signal(name=names.RESUME)
    def resume(self, request: PauseInput) -> None:
        """Go on at the page after the last one that was landed."""
        self._note("backfill.resume", request.by, request.reason)
        self._at.resume()

    @workflow.signal(name=names.CANCEL)
    def cancel(self, request: PauseInput) -> None:
        """End it. What was landed stays, and is right."""
        self._note("backfill.cancel", request.by, request.reason)
        self._is_cancelled = True
        self._interrupts += 1

    @workflow.query(name=names.PROGRESS)
    def progress(self) -> BackfillState:
        """Its progress."""
        return self._at.state()

    def _note(self, act: str, by: str, detail: str) -> None:
        self._acts.append(act_of(act, by, detail, asked_by()))


def _next_attempt(request: PartInput) -> PartInput:
    return request.model_copy(update={"attempt": request.attempt + 1, "position": ORIGIN})
