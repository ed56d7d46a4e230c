"""A replay: finds the landed batches that it is to take, and has them taken through the present
code, some groups at once.

It may be stopped and begun again anywhere: what has been replayed is found as duplicates. What
cannot be retried pauses it with the reason; an operator fixes that and resumes.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ingest.messages import Act, PauseInput
    from schemas.replay import (
        BatchGroup,
        FindBatchesInput,
        RedriveInput,
        ReplayCounts,
        ReplayCursor,
        ReplayInput,
        ReplayState,
    )
    from schemas.run_names import replay_name
    from workflows.contracts.contract import Contract, In, Out
    from workflows.contracts.replay import FIND_BATCHES, REDRIVE_BATCHES, SIZE_REPLAY
    from workflows.origins import act_of, asked_by, said_by, started_by
    from workflows.runtime import failure_message, keep_record, run

_STAGE = SearchAttributeKey.for_keyword("Stage")
_CHANGES = SearchAttributeKey.for_int("Changes")
_QUARANTINED = SearchAttributeKey.for_int("Quarantined")


@workflow.defn(name=names.REPLAY_WORKFLOW)
class ReplayWorkflow:
    """`replay/{org}/{key}`. Signals: pause, resume, cancel. Query: progress."""

    @workflow.init
    def __init__(self, request: ReplayInput) -> None:
        self._request = request
        self._selection = request.selection
        self._acts: list[Act] = []
        self._cancelled = False
        self._stage = "counting"
        self._state = request.carried or ReplayState(
            org=request.selection.org,
            key=request.key,
            stage=self._stage,
            shadow=request.shadow,
            began_at=workflow.now(),
        )
        self._because = self._state.paused_because
        self._paused = bool(self._because)
        if request.carried is None:
            what = replay_name(request.selection, request.shadow)
            said = f"{what}: {request.reason}" if request.reason else what
            self._acts.append(act_of("replay.start", request.by, said, started_by(request)))

    @workflow.run
    async def run(self, request: ReplayInput) -> ReplayState:  # noqa: ARG002 -- @workflow.init has taken it
        recorder = asyncio.create_task(keep_record(self._acts))
        await self._count()
        cursor: ReplayCursor | None = self._state.cursor
        while cursor is not None and not self._cancelled:
            cursor = await self._page(cursor)
            if cursor is not None and workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._acts)
                workflow.continue_as_new(self._request.model_copy(update={"carried": self._told()}))
        self._paused, self._because = False, ""
        self._show("cancelled" if self._cancelled else "done", ended_at=workflow.now())
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._acts)
        recorder.cancel()
        return self._state

    async def _count(self) -> None:
        if self._state.expected is not None:
            return
        self._show("counting")
        expected = await self._step(SIZE_REPLAY, self._selection, "count batches and changes")
        if expected is not None:
            self._state = self._state.model_copy(update={"expected": expected})

    async def _page(self, cursor: ReplayCursor) -> ReplayCursor | None:
        """Replay the next batches; where to go on, None when these were the last."""
        self._show("replaying")
        request = FindBatchesInput(selection=self._selection, cursor=cursor)
        found = await self._step(FIND_BATCHES, request, f"batches after {cursor.after or 'the beginning'}")
        if found is None:
            return cursor
        await self._redrive(found.groups)
        if not self._cancelled:
            self._add(ReplayCounts(missing=found.missing))
            self._state = self._state.model_copy(update={"cursor": found.cursor or cursor})
        return found.cursor

    async def _redrive(self, groups: Sequence[BatchGroup]) -> None:
        left = list(groups)

        async def work() -> None:
            while left and not self._cancelled:
                group = left.pop(0)
                request = RedriveInput(selection=self._selection, group=group, shadow=self._request.shadow)
                summary = f"{len(group.batches)} batches, {group.changes} changes"
                counts = await self._step(REDRIVE_BATCHES, request, summary)
                if counts is not None:
                    self._add(counts)
                    self._show(self._stage)

        most = 1 if self._request.shadow else self._request.parallel
        await asyncio.gather(*(work() for _ in range(most)))

    async def _step(self, contract: Contract[In, Out], request: In, summary: str) -> Out | None:
        """A step's result, however often it has to be begun; None when the replay is cancelled
        before.
        """
        while True:
            if self._paused:
                self._show(self._stage)
                await workflow.wait_condition(lambda: not self._paused or self._cancelled)
            if self._cancelled:
                return None
            self._show(self._stage)
            try:
                return await run(contract, request, summary=summary)
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                self._paused = True
                self._because = failure_message(error)

    @workflow.signal(name=names.PAUSE)
    def pause(self, request: PauseInput) -> None:
        """Begin no further group; those under way are finished."""
        self._paused = True
        self._because = f"paused by {said_by(request.by)}: {request.reason or 'no reason given'}"
        self._note("replay.pause", request.by, request.reason)

    @workflow.signal(name=names.RESUME)
    def resume(self, request: PauseInput) -> None:
        """Go on."""
        self._paused = False
        self._because = ""
        self._note("replay.resume", request.by, request.reason)

    @workflow.signal(name=names.CANCEL)
    def cancel(self, request: PauseInput) -> None:
        """End after the groups under way. What has been replayed stays."""
        self._cancelled = True
        self._note("replay.cancel", request.by, request.reason)

    @workflow.query(name=names.PROGRESS)
    def progress(self) -> ReplayState:
        """Its progress."""
        return self._told()

    def _told(self) -> ReplayState:
        is_over = self._state.ended_at is not None
        stage = "paused" if self._paused and not is_over else self._stage
        return self._state.model_copy(update={"stage": stage, "paused_because": self._because})

    def _add(self, counts: ReplayCounts) -> None:
        self._state = self._state.model_copy(update={"counts": self._state.counts.plus(counts)})

    def _note(self, act: str, by: str, reason: str) -> None:
        self._acts.append(act_of(act, by, reason, asked_by()))

    def _show(self, stage: str, ended_at: datetime | None = None) -> None:
        self._stage = stage
        if ended_at is not None:
            self._state = self._state.model_copy(update={"stage": stage, "ended_at": ended_at})
        told = self._told()
        counts = told.counts
        updates: list[Any] = [_STAGE.value_set(told.stage), _CHANGES.value_set(counts.changes)]
        workflow.upsert_search_attributes([*updates, _QUARANTINED.value_set(counts.quarantined)])
        workflow.set_current_details(_details(told))


def _details(state: ReplayState) -> str:
    counts, expected = state.counts, state.expected
    of = "" if expected is None else f" of {expected.changes:,} in {expected.batches:,} batches"
    where = f" · into shadow `{state.shadow}`" if state.shadow else ""
    lines = [
        f"**{state.stage}**{where} · {counts.changes:,} changes{of}",
        "",
        "| batches | applied | duplicate | quarantined | released | rebuilt records |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
        f"| {counts.batches:,} | {counts.applied:,} | {counts.duplicate:,} | {counts.quarantined:,} "
        f"| {counts.released:,} | {counts.rebuilt:,} |",
    ]
    if state.paused_because:
        lines += ["", f"> {state.paused_because}"]
    return "\n".join(lines)
