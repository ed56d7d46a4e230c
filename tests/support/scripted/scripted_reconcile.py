"""The steps of a reconciliation as a script: one record differs, is repaired by a backfill, and is
equal then.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorBoundary
from schemas import names
from schemas.backfill import BackfillCounts, RecordsInput, StretchResult
from schemas.ingest.messages import Act
from schemas.reconcile import Grain, Isolated, LogCheck, Range, ReconcileState
from schemas.reconcile_steps import (
    AskBucketsInput,
    AskedBuckets,
    CheckLogInput,
    ComparedFacts,
    CompareFactsInput,
    DifferingBuckets,
    FindIsolatedInput,
    KeepReportInput,
    ReadFacts,
    ReadFactsInput,
    SetAside,
    SetAsideInput,
)
from workers.roles import sandboxed_runner
from workflows import WORKFLOWS

MOMENT = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)


class ScriptedReconciliation:
    """Every step, and what it was asked."""

    def __init__(
        self, *, rows: int = 100_000, most_equal: int = 0, ahead: int = 0, isolated: int = 0
    ) -> None:
        self.rows = rows
        """In the days that differ."""
        self.ahead = ahead
        """Records whose last change lies ahead of the clock."""
        self.isolated = isolated
        """Records with an isolated field."""
        self.most_equal = most_equal
        """After so many comparisons of records nothing differs any more."""
        self.compared = 0
        self.reports: list[ReconcileState] = []

    @activity.defn(name=names.CHECK_LOG)
    async def check_log(self, request: CheckLogInput) -> LogCheck:
        if not request.after:
            return LogCheck(records=2_000, after="500", done=False)
        return LogCheck(records=10, altered=1, mended=1, key="log.json")

    @activity.defn(name=names.ASK_BUCKETS)
    async def ask_buckets(self, request: AskBucketsInput) -> AskedBuckets:
        key = f"buckets-{request.number}"
        return AskedBuckets(key=key, records=1_000_000, calls=1, asked_at=MOMENT)

    @activity.defn(name=names.COMPARE_BUCKETS)
    async def compare_buckets(self, request: AskBucketsInput) -> DifferingBuckets:
        length = timedelta(seconds=request.grain.seconds)
        rows = self.rows if request.grain is Grain.DAY else self.rows // 24
        return DifferingBuckets(
            ranges=(Range(since=MOMENT, until=MOMENT + length),),
            buckets=700,
            differing=1 if self.rows else 0,
            rows=rows,
            org_records=1_000_000,
            warehouse_records=999_999,
            in_flight=3,
            ahead=self.ahead,
            ahead_key="ahead.json" if self.ahead else None,
            isolated=self.isolated,
            isolated_key="isolated-ids.json" if self.isolated else None,
        )

    @activity.defn(name=names.READ_FACTS)
    async def read_facts(self, request: ReadFactsInput) -> ReadFacts:
        prefix = f"facts-{request.number}/"
        return ReadFacts(prefix=prefix, pages=1, rows=1, calls=2, asked_from=MOMENT)

    @activity.defn(name=names.COMPARE_FACTS)
    async def compare_facts(self, request: CompareFactsInput) -> ComparedFacts:
        self.compared += 1
        if self.compared > self.most_equal:
            return ComparedFacts(records=1)
        unsettled = "unsettled.json" if self.compared == self.most_equal else None
        kinds = {"ahead" if self.ahead else "stale": 1}
        return ComparedFacts(
            records=1,
            differing=1,
            kinds=kinds,
            key="differences.json",
            ids_key="ids.json",
            above_key="above.json" if self.ahead else None,
            unsettled=1 if unsettled else 0,
            unsettled_key=unsettled,
        )

    @activity.defn(name=names.READ_RECORDS)
    async def read_records(self, request: RecordsInput) -> StretchResult:
        return StretchResult(position="1", done=True, counts=BackfillCounts(rows=1, calls=1))

    @activity.defn(name=names.SET_ASIDE)
    async def set_aside(self, request: SetAsideInput) -> SetAside:
        return SetAside(changes=1, records=1, stands_at=MOMENT)

    @activity.defn(name=names.FIND_ISOLATED)
    async def find_isolated(self, request: FindIsolatedInput) -> Isolated:
        key = "isolated.json" if self.isolated else None
        return Isolated(records=self.isolated, fields=self.isolated, key=key)

    @activity.defn(name=names.KEEP_REPORT)
    async def keep_report(self, request: KeepReportInput) -> str:
        self.reports.append(request.state)
        return "report.json"

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        return 1


@asynccontextmanager
async def reconcile_workers(client: Client, script: ScriptedReconciliation) -> AsyncIterator[None]:
    """Workers that serve reconciliations and the backfills that repair, with the scripted steps."""
    looks: list[Callable[..., Any]] = [
        script.check_log,
        script.ask_buckets,
        script.compare_buckets,
        script.read_facts,
        script.compare_facts,
        script.set_aside,
        script.find_isolated,
        script.keep_report,
    ]
    steps: dict[str, list[Callable[..., Any]]] = {
        names.RECONCILE_QUEUE: looks,
        names.BATCH_QUEUE: [script.record_act],
        names.BACKFILL_QUEUE: [script.read_records],
    }
    workflows = Worker(
        client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
    )
    boundary = [ErrorBoundary()]
    workers = [
        Worker(client, task_queue=queue, activities=each, interceptors=boundary)
        for queue, each in steps.items()
    ]
    async with workflows, workers[0], workers[1], workers[2]:
        yield
