"""A refresh: what is worth reading is planned, read stretch by stretch, and what differed is in the
warehouse at the end.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.drift import (
        FieldsInput,
        RefreshCounts,
        RefreshGroup,
        RefreshInput,
        RefreshPlan,
        RefreshState,
    )
    from schemas.ids import ORIGIN, fields_lane
    from workflows.contracts.audit import RECORD_ACT
    from workflows.contracts.drift import END_REFRESH, PLAN_REFRESH, READ_FIELDS
    from workflows.origins import act_of, started_by
    from workflows.runtime import run


@workflow.defn(name=names.REFRESH_WORKFLOW)
class RefreshWorkflow:
    """`refresh/{org}/{object}`. Query: progress. Returns its last state."""

    @workflow.init
    def __init__(self, request: RefreshInput) -> None:
        self._request = request
        self._stage = "planning"
        self._counts = RefreshCounts()
        self._plan: RefreshPlan | None = None

    @workflow.run
    async def run(self, request: RefreshInput) -> RefreshState:
        reading = round(workflow.now().timestamp() * 1_000)
        plan = self._plan = await run(PLAN_REFRESH, request, summary=f"plan {request.object}")
        self._stage = "reading"
        for number, group in enumerate(plan.groups):
            await self._read(group, reading, number)
        self._stage = "done"
        await run(END_REFRESH, self.progress(), summary="remember how far")
        if request.by != "schedule":
            await self._record()
        return self.progress()

    async def _read(self, group: RefreshGroup, reading: int, number: int) -> None:
        request, position, done = self._request, ORIGIN, False
        while not done:
            stretch = await run(
                READ_FIELDS,
                FieldsInput(
                    org=request.org,
                    object=request.object,
                    fields=group.fields,
                    lane=fields_lane(request.object.lower().replace("__c", ""), reading, number),
                    ids_key=group.ids_key,
                    lease_class=request.lease_class,
                    reading=reading,
                    position=position,
                ),
                summary=f"{request.object}, {', '.join(group.fields)}"[:200],
            )
            position, done = stretch.position, stretch.done
            self._counts = self._counts.plus(stretch.counts)
            workflow.set_current_details(_details(self.progress()))

    async def _record(self) -> None:
        detail = f"{self._counts.differed} of {self._counts.read} records differed; {self._request.reason}"
        act = act_of("refresh.done", self._request.by, detail, started_by(self._request))
        await run(RECORD_ACT, act, summary="record the refresh")

    @workflow.query(name=names.PROGRESS)
    def progress(self) -> RefreshState:
        """Its progress."""
        return RefreshState(
            org=self._request.org,
            object=self._request.object,
            name=self._request.name,
            stage=self._stage,
            counts=self._counts,
            plan=self._plan,
        )


def _details(state: RefreshState) -> str:
    counts = state.counts
    return (
        f"**{state.stage}** · `{state.object}` · {counts.read:,} records read, {counts.differed:,} differed · "
        f"{counts.applied:,} applied, {counts.quarantined:,} quarantined · {counts.calls} API calls"
    )
