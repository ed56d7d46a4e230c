"""An erasure: names the records where every process reads it, takes their values out of every
store, and looks again until a whole pass finds none.

The first pass takes what is there. Then it waits for every process to have heard, and for what
was under way; the next pass takes that. It ends with the pass that takes nothing. Each step can
be done again: what is gone stays gone. What cannot be retried pauses it with the reason.
"""

import asyncio
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ingest.messages import Act, PauseInput
    from schemas.security.erasure import (
        MOST_PASSES,
        CertifyInput,
        ErasedPlaces,
        ErasureInput,
        ErasureState,
        ErasureStep,
        after_pass,
        put_together,
    )
    from workflows.contracts.contract import Contract, In, Out
    from workflows.contracts.erasure import (
        CERTIFY_ERASURE,
        ERASE_ARCHIVE,
        ERASE_FILES,
        ERASE_RAW,
        ERASE_TABLES,
        ERASE_WRITEBACKS,
        SCOPE_ERASURE,
    )
    from workflows.runtime import failure_message, is_history_long, keep_record, run

_STAGE = SearchAttributeKey.for_keyword("Stage")
_CHANGES = SearchAttributeKey.for_int("Changes")


@workflow.defn(name=names.ERASURE_WORKFLOW)
class ErasureWorkflow:
    """`erasure/{org}/{key}`. Signals: pause, resume. Query: progress. Returns its last state."""

    @workflow.init
    def __init__(self, request: ErasureInput) -> None:
        self._request = request
        self._acts: list[Act] = []
        self._stage = "looking"
        self._paused = False
        self._because = ""
        self._state = request.carried or ErasureState(
            org=request.org,
            key=request.key,
            stage=self._stage,
            is_dry=request.is_dry,
            began_at=workflow.now(),
        )
        if request.carried is None and not request.is_dry:
            # The records' ids stand in the certificate; here their number says enough.
            self._note("erasure.start", request.by, f"{len(request.records)} records: {request.reason}")

    @workflow.run
    async def run(self, request: ErasureInput) -> ErasureState:
        recorder = asyncio.create_task(keep_record(self._acts))
        if request.carried is None:
            self._show("looking")
            scope = await self._step(SCOPE_ERASURE, request, "find the records and their keys")
            self._set(records=scope.records, related=scope.related)
        while not await self._pass():
            pass
        await self._certify()
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._acts)
        recorder.cancel()
        return self._state

    async def _pass(self) -> bool:
        """Go through every store once; True when it was the last pass."""
        self._show("erasing")
        if not self._state.after:
            self._set(pass_began_at=workflow.now())
            self._found(await self._step(ERASE_WRITEBACKS, self._at(), "writebacks and attempts"))
            self._found(await self._step(ERASE_FILES, self._at(), "files beside the batches"))
        while True:
            found = await self._step(
                ERASE_RAW, self._at(), f"raw files after {self._state.after or 'the first'}"
            )
            self._found(found)
            if found.after is None:
                break
            self._set(after=found.after)
            if is_history_long():
                await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._acts)
                workflow.continue_as_new(self._request.model_copy(update={"carried": self._told()}))
        self._found(await self._step(ERASE_TABLES, self._at(), "tables of the warehouse"))
        self._found(await self._step(ERASE_ARCHIVE, self._at(), "keys of archived records"))
        taken = sum(each.rewritten for each in self._state.pending)
        stores = after_pass(self._state.stores, self._state.pending)
        self._set(stores=stores, pending=(), after="", passes=self._state.passes + 1)
        if self._request.is_dry:
            return True
        # The first pass cannot be the last: what was under way may have landed behind it.
        if not taken and self._state.passes > 1:
            return True
        await self._wait()
        return False

    async def _wait(self) -> None:
        if self._state.passes >= MOST_PASSES:
            self._paused = True
            self._because = (
                f"{self._state.passes} passes each found values again: something writes them without reading the list "
                "of erased records. See that every worker runs this release, then resume"
            )
            await self._until_resumed()
            return
        self._show("waiting")
        await workflow.sleep(self._request.grace)

    async def _certify(self) -> None:
        self._show("certifying")
        request = self._request
        certify = CertifyInput(
            state=self._told(), records=request.records, by=request.by, reason=request.reason
        )
        made = await self._step(CERTIFY_ERASURE, certify, "store the certificate")
        if not request.is_dry:
            taken = sum(each.rewritten for each in self._state.stores)
            detail = f"{self._state.records} records, {taken} places in {len(self._state.stores)} stores; certificate {made.digest}"
            self._note("erasure.done", request.by, detail)
        self._set(digest=made.digest, ended_at=workflow.now())
        self._show("done")

    def _at(self) -> ErasureStep:
        request, state = self._request, self._state
        return ErasureStep(
            org=request.org,
            key=request.key,
            is_dry=request.is_dry,
            after=state.after,
            pass_began_at=state.pass_began_at,
        )

    def _found(self, found: ErasedPlaces) -> None:
        self._set(pending=put_together(self._state.pending, found.stores))
        self._show(self._stage)

    async def _step(self, contract: Contract[In, Out], request: In, summary: str) -> Out:
        """A step's result, however often it has to be begun."""
        while True:
            await self._until_resumed()
            try:
                return await run(contract, request, summary=summary)
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                self._paused = True
                self._because = failure_message(error)

    async def _until_resumed(self) -> None:
        if self._paused:
            self._show(self._stage)
            await workflow.wait_condition(lambda: not self._paused)
            self._show(self._stage)

    @workflow.signal(name=names.PAUSE)
    def pause(self, request: PauseInput) -> None:
        """Begin no further step; the one under way is finished."""
        self._paused = True
        self._because = f"paused by {request.by}: {request.reason or 'no reason given'}"
        self._note("erasure.pause", request.by, request.reason)

    @workflow.signal(name=names.RESUME)
    def resume(self, request: PauseInput) -> None:
        """Go on."""
        self._paused = False
        self._because = ""
        self._note("erasure.resume", request.by, request.reason)

    @workflow.query(name=names.PROGRESS)
    def progress(self) -> ErasureState:
        """Its progress."""
        return self._told()

    def _told(self) -> ErasureState:
        is_over = self._state.ended_at is not None
        stage = "paused" if self._paused and not is_over else self._stage
        return self._state.model_copy(update={"stage": stage, "paused_because": self._because})

    def _set(self, **changed: Any) -> None:
        self._state = self._state.model_copy(update=changed)

    def _note(self, act: str, by: str, reason: str) -> None:
        target = workflow.info().workflow_id
        self._acts.append(Act(act=act, by=by, target=target, detail=reason, at=workflow.now()))

    def _show(self, stage: str) -> None:
        self._stage = stage
        self._set(stage=stage)
        told = self._told()
        taken = sum(each.rewritten for each in (*told.stores, *told.pending))
        workflow.upsert_search_attributes([_STAGE.value_set(told.stage), _CHANGES.value_set(taken)])
        workflow.set_current_details(_details(told, workflow.now()))


def _details(state: ErasureState, now: datetime) -> str:
    lines = [
        f"**{state.stage}** · {state.records:,} records · {state.passes} passes · as of {now:%Y-%m-%d %H:%M:%S} UTC",
        "",
        "| store | places | taken |",
        "| --- | ---: | ---: |",
        *(
            f"| {each.store} | {each.places:,} | {each.rewritten:,} |"
            for each in after_pass(state.stores, state.pending)
        ),
    ]
    if state.paused_because:
        lines += ["", f"> {state.paused_because}"]
    return "\n".join(lines)
