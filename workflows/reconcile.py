"""Is the warehouse equal to the org? The cheapest question first, and deeper only where the answers
differ.

Every look asks the org first and the warehouse `settle` later, so that a change on its way is no
difference. What differs is looked at record by record, repaired by a backfill of exactly these
records, and looked at again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ChildWorkflowError

with workflow.unsafe.imports_passed_through():
    from schemas import names
    from schemas.backfill import BackfillInput, BackfillState
    from schemas.governor import LeaseClass
    from schemas.ids import backfill_workflow_id
    from schemas.reconcile import (
        Depth,
        DifferenceKind,
        Grain,
        LogCheck,
        Range,
        ReconcileInput,
        ReconcileState,
        StepCost,
    )
    from schemas.reconcile_steps import (
        AskBucketsInput,
        CheckLogInput,
        ComparedFacts,
        CompareFactsInput,
        DifferingBuckets,
        FindIsolatedInput,
        KeepReportInput,
        ReadFactsInput,
        Scope,
        SetAsideInput,
    )
    from transforms.reconcile.cost import FEW_ROWS
    from transforms.reconcile.verdict import doubtful_records_of, kinds_of, log_checked, verdict_of
    from workflows.contracts.audit import RECORD_ACT
    from workflows.contracts.reconcile import (
        ASK_BUCKETS,
        CHECK_LOG,
        COMPARE_BUCKETS,
        COMPARE_FACTS,
        FIND_ISOLATED,
        KEEP_REPORT,
        READ_FACTS,
        SET_ASIDE,
    )
    from workflows.origins import act_of, started_by
    from workflows.runtime import failure_message, run

_STAGE = SearchAttributeKey.for_keyword("Stage")
_ORG = SearchAttributeKey.for_keyword("SfOrg")
_OBJECTS = SearchAttributeKey.for_keyword_list("SfObjects")
_LOOKS = 3
"""Interval between checks of records that change all the time."""
_NAMES_ISOLATED = "names-isolated-fields"
"""Patch of runs that name isolated fields; those that older releases began have no such step."""
SCHEDULE = "schedule"
"""The caller of runs that a schedule starts."""


@workflow.defn(name=names.RECONCILE_WORKFLOW)
class ReconcileWorkflow:
    """`reconcile/{org}/{object}/{window}`. Query: progress."""

    @workflow.init
    def __init__(self, request: ReconcileInput) -> None:
        info = workflow.info()
        self._request = request
        self._run = f"{info.start_time:%Y%m%dT%H%M%S}-{info.run_id[:8]}"
        self._number = 0
        self._found: list[ComparedFacts] = []
        self._left: list[ComparedFacts] = []
        self._log_keys: list[str] = []
        self._state = ReconcileState(
            org=request.org,
            object=request.object,
            window=request.window,
            run=self._run,
            depth=request.depth,
            repairs=request.repairs,
            stage="beginning",
            began_at=info.start_time,
        )

    @workflow.run
    async def run(self, request: ReconcileInput) -> ReconcileState:
        workflow.upsert_search_attributes([_ORG.value_set(request.org), _OBJECTS.value_set([request.object])])
        if request.by != SCHEDULE:
            await self._record("reconcile.start", f"depth {request.depth}: {request.reason}")
        if request.checks_log:
            await self._check_log()
        suspects = await self._suspects()
        if suspects:
            self._found = await self._confirm(suspects, "examine")
        self._set(
            found=sum(each.differing for each in self._found),
            kinds=kinds_of(self._found),
        )
        if request.repairs and self._state.found:
            await self._repair()
        await self._finish()
        return self._state

    @workflow.query(name=names.PROGRESS)
    def progress(self) -> ReconcileState:
        """Its progress."""
        return self._state

    async def _record(self, what: str, detail: str) -> None:
        act = act_of(what, self._request.by, detail, started_by(self._request))
        await run(RECORD_ACT, act, summary=f"record {what}")

    async def _check_log(self) -> None:
        """The warehouse against itself, stretch by stretch."""
        self._show("checking the log")
        total = LogCheck(done=False)
        while not total.done:
            request = CheckLogInput(
                org=self._request.org,
                object=self._request.object,
                run=self._run,
                repairs=self._request.repairs,
                after=total.after,
                number=len(self._log_keys),
            )
            summary = f"records after {total.after or 'the beginning'}"
            part = await run(CHECK_LOG, request, summary=summary)
            if part.key is not None:
                self._log_keys.append(part.key)
            total = log_checked(total, part)
            self._set(log=total)

    async def _suspects(self) -> list[ComparedFacts]:
        """Records that may differ, by buckets, and by every record when the depth asks for it."""
        depth, whole = self._request.depth, (self._request.range,)
        days = await self._buckets(Grain.DAY, whole)
        self._set(org_records=days.org_records, warehouse_records=days.warehouse_records)
        every = Scope(ranges=() if self._request.is_whole else whole, has_fields=depth is Depth.FIELDS)
        found = doubtful_records_of(days, depth)
        if days.differing:
            scope, rows = await self._drill(days, every)
            if rows and not (depth is not Depth.BUCKETS and scope == every):
                found.append(await self._look(scope, rows, "records"))
        if depth is not Depth.BUCKETS:
            rows = max(days.org_records, days.warehouse_records)
            found.append(await self._look(every, rows, "every record"))
        return [each for each in found if each.suspects]

    async def _drill(self, days: DifferingBuckets, every: Scope) -> tuple[Scope, int]:
        """Count the records that are read one by one."""
        if days.rows <= FEW_ROWS:
            return Scope(ranges=days.ranges), days.rows
        if 2 * days.rows > days.org_records + days.warehouse_records:
            # Most of it differs: every record by one job costs less than hour after hour.
            return every, max(days.org_records, days.warehouse_records)
        hours = await self._buckets(Grain.HOUR, days.ranges)
        return Scope(ranges=hours.ranges), hours.rows

    async def _buckets(self, grain: Grain, ranges: tuple[Range, ...]) -> DifferingBuckets:
        self._number += 1
        question = AskBucketsInput(
            org=self._request.org,
            object=self._request.object,
            run=self._run,
            grain=grain,
            ranges=ranges,
            number=self._number,
        )
        self._show(f"asking the org by {grain}")
        began = workflow.now()
        asked = await run(ASK_BUCKETS, question, summary=f"by {grain}")
        self._pay(f"buckets by {grain}", asked.calls, workflow.now() - began)
        if self._state.as_of is None:
            self._set(as_of=asked.asked_at)
        await self._settle()
        self._show(f"comparing by {grain}")
        return await run(COMPARE_BUCKETS, question, summary=f"by {grain}")

    async def _look(self, scope: Scope, rows: int, step: str) -> ComparedFacts:
        self._number += 1
        name, org = self._request.object, self._request.org
        question = ReadFactsInput(
            org=org, object=name, run=self._run, scope=scope, number=self._number, expected_rows=rows
        )
        self._show(f"asking the org: {step}")
        began = workflow.now()
        read = await run(READ_FACTS, question, summary=step)
        self._pay(step, read.calls, workflow.now() - began)
        await self._settle()
        self._show(f"comparing: {step}")
        both = CompareFactsInput(
            org=org, object=name, run=self._run, scope=scope, read=read, number=self._number
        )
        return await run(COMPARE_FACTS, both, summary=step)

    async def _confirm(self, suspects: Sequence[ComparedFacts], step: str) -> list[ComparedFacts]:
        """Look at suspects by their ids; those that change meanwhile again, some times."""
        if sum(each.differing + each.unsettled for each in suspects) > self._request.most_named:
            return list(suspects)
        found = []
        keys = tuple(dict.fromkeys(key for each in suspects for key in each.suspects))
        for _ in range(_LOOKS):
            compared = await self._look(Scope(ids_keys=keys), 0, step)
            if compared.differing:
                found.append(compared)
            if compared.unsettled_key is None:
                break
            keys = (compared.unsettled_key,)
        return found

    async def _repair(self) -> None:
        """Have exactly these records read again, and look at them again."""
        self._show("repairing")
        for number, each in enumerate(self._found):
            if each.ids_key is not None:
                await self._read_anew(each.ids_key, f"{self._run}.{number}")
            if each.above_key is not None:
                stands_at = await self._set_aside(each.above_key, each.kinds.get(DifferenceKind.AHEAD, 0))
                await self._read_anew(each.above_key, f"{self._run}.{number}.above", stands_at)
        is_many = self._state.found > self._request.most_named
        self._left = await (self._suspects() if is_many else self._confirm(self._found, "look again"))
        left = sum(each.differing for each in self._left)
        self._set(left=left, repaired=self._state.found - left)

    async def _set_aside(self, ids_key: str, ahead: int) -> datetime | None:
        """Take out of force what no repair could stand above; returns where one stands above the
        rest.
        """
        if ahead:
            detail = f"what lies ahead of the clock of {ahead:,} records of {self._request.object} leaves the change log for quarantine"
            await self._record("reconcile.set_aside", detail)
        as_of = self._state.as_of or workflow.now()
        org, name = self._request.org, self._request.object
        request = SetAsideInput(org=org, object=name, ids_key=ids_key, as_of=as_of)
        return (await run(SET_ASIDE, request, summary="changes ahead of the clock")).stands_at

    async def _read_anew(self, ids_key: str, window: str, stands_at: datetime | None = None) -> None:
        request = BackfillInput(
            org=self._request.org,
            object=self._request.object,
            window=window,
            ids_key=ids_key,
            lease_class=LeaseClass.REPAIR,
            is_repair=True,
            after=stands_at,
            stands_at=stands_at,
            by=self._request.by,
            reason=f"found by {workflow.info().workflow_id}",
        )
        began = workflow.now()
        try:
            done: BackfillState = await workflow.execute_child_workflow(
                names.BACKFILL_WORKFLOW,
                request,
                result_type=BackfillState,
                id=backfill_workflow_id(request.org, request.object, window),
                task_queue=names.WORKFLOW_QUEUE,
                static_summary=f"repairs what {workflow.info().workflow_id} has found",
            )
        except ChildWorkflowError as error:
            self._set(trouble=failure_message(error)[:500])
            return
        self._pay("repair", done.counts.calls, workflow.now() - began)

    async def _find_isolated(self) -> None:
        """Isolated fields, neither equal nor different: asked last, since a repair may have brought
        good values.
        """
        question = FindIsolatedInput(
            org=self._request.org, object=self._request.object, run=self._run, range=self._request.range
        )
        isolated = await run(FIND_ISOLATED, question, summary="isolated fields")
        self._set(isolated=isolated)

    async def _finish(self) -> None:
        if workflow.patched(_NAMES_ISOLATED):
            await self._find_isolated()
        verdict = verdict_of(self._state, repairs=self._request.repairs)
        self._set(verdict=verdict, ended_at=workflow.now())
        keys = [*self._log_keys, *(each.key for each in self._found if each.key)]
        left = self._left if self._request.repairs else self._found
        report = KeepReportInput(
            state=self._state,
            found_keys=tuple(keys),
            left_keys=tuple(each.key for each in left if each.key),
        )
        key = await run(KEEP_REPORT, report, summary=verdict)
        self._set(report_key=key)
        self._show("done")

    async def _settle(self) -> None:
        if self._request.settle:
            self._show("waiting until what was on its way has come")
            await workflow.sleep(self._request.settle)

    def _pay(self, step: str, calls: int, took: timedelta) -> None:
        cost = StepCost(step=step, calls=calls, seconds=round(took.total_seconds(), 1))
        self._set(costs=(*self._state.costs, cost))

    def _set(self, **changed: object) -> None:
        self._state = self._state.model_copy(update=changed)

    def _show(self, stage: str) -> None:
        self._set(stage=stage)
        workflow.upsert_search_attributes([_STAGE.value_set(stage)])
        state = self._state
        workflow.set_current_details(
            f"**{state.sentence()}** · {stage} · found {state.found}, repaired {state.repaired} · {state.calls} calls"
        )
