"""A rotation of the org's data key: a new key, then the warehouse re-encrypted with it, object by
object, in the background.

Curated tables come first, the change logs after: a table is never seen half in one key and half in
the next. It may be stopped and begun again anywhere; what is left is found by the tokens.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.ingest.messages import Act
    from schemas.security.keys import BeginRotationInput, ReencryptInput, RotateInput, RotationState
    from workflows.contracts.audit import RECORD_ACT
    from workflows.contracts.keys import BEGIN_ROTATION, REENCRYPT_LOG, REENCRYPT_TABLES
    from workflows.runtime import is_history_long, run


@workflow.defn(name=names.ROTATE_KEYS_WORKFLOW)
class RotateKeysWorkflow:
    """`rotate-keys/{org}/{name}`. Query: progress. Returns its last state."""

    @workflow.init
    def __init__(self, request: RotateInput) -> None:
        self._request = request
        self._state = request.carried or RotationState(
            org=request.org, name=request.name, stage="preparing", began_at=workflow.now()
        )

    @workflow.run
    async def run(self, request: RotateInput) -> RotationState:
        if self._state.stage == "preparing":
            await self._begin()
        if self._state.stage == "tables":
            await self._switch()
        await self._follow_up()
        self._set(stage="done", ended_at=workflow.now())
        counts = self._state.counts
        done = f"{counts.tokens} tokens under key {self._state.key_id}"
        await self._record("keys.reencrypted", f"{done}: {request.reason}" if request.reason else done)
        return self._state

    async def _begin(self) -> None:
        request, info = self._request, workflow.info()
        asked = BeginRotationInput(
            org=request.org,
            makes_key=request.makes_key,
            run=info.first_execution_run_id,
            by=request.by,
        )
        plan = await run(BEGIN_ROTATION, asked, summary="a new data key" if request.makes_key else "the keys")
        if request.makes_key:
            made = f"made key {plan.key_id}"
            await self._record("keys.rotate", f"{made}: {request.reason}" if request.reason else made)
        self._set(stage="tables", key_id=plan.key_id, objects=plan.objects)

    async def _switch(self) -> None:
        for name in self._state.objects:
            asked = ReencryptInput(org=self._request.org, object=name)
            done = await run(REENCRYPT_TABLES, asked, summary=f"tables of {name}")
            switched = (*self._state.switched, name)
            self._set(switched=switched, counts=self._state.counts.plus(done.counts))
        self._set(stage="log")

    async def _follow_up(self) -> None:
        for name in self._state.objects[len(self._state.finished) :]:
            is_done = False
            while not is_done:
                asked = ReencryptInput(org=self._request.org, object=name, after=self._state.after)
                done = await run(REENCRYPT_LOG, asked, summary=f"change log of {name}")
                is_done = done.is_done
                self._set(after=done.after, counts=self._state.counts.plus(done.counts))
                if not is_done and is_history_long():
                    workflow.continue_as_new(self._request.model_copy(update={"carried": self._state}))
            self._set(finished=(*self._state.finished, name))

    async def _record(self, act: str, detail: str) -> None:
        target = workflow.info().workflow_id
        row = Act(act=act, by=self._request.by, target=target, detail=detail, at=workflow.now())
        await run(RECORD_ACT, row, summary=f"record {act}")

    def _set(self, **changed: object) -> None:
        self._state = self._state.model_copy(update=changed)
        state = self._state
        workflow.set_current_details(
            f"**{state.stage}** · key {state.key_id} · {len(state.switched)} of {len(state.objects)} objects' tables, "
            f"{len(state.finished)} change logs · {state.counts.tokens:,} tokens"
        )

    @workflow.query(name=names.PROGRESS)
    def progress(self) -> RotationState:
        """Its progress."""
        return self._state
