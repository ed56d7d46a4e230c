"""Reconciliations on real parts: an org, S3, PostgreSQL, Temporal; faults are seeded by hand."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.org.faults.faults import FaultRule
from sandbox.org.traffic.fill import FillPlan, fill
from schemas.reconcile import Depth, Grain, Range, Verdict
from schemas.reconcile_steps import AskBucketsInput
from tests.support.engines.reconciling import BEHIND, ReconcilingEngine, reconciling_engine
from tests.support.faults.faults_of_data import FaultSeeds, differing_records
from transforms.reconcile.cost import ReconcileCostConfig, calls_needed

pytestmark = pytest.mark.service


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[ReconcilingEngine]:
    async with reconciling_engine(client, store, warehouse, database, tmp_path) as made:
        yield made


async def test_what_was_backfilled_is_equal_and_costs_one_call(engine: ReconcilingEngine) -> None:
    await fill(engine.served.org, FillPlan(object="Account", records=1_000))
    await engine.backfill("Account")
    engine.served.calls()
    state = await engine.reconcile("Account")
    assert (state.verdict, state.found, state.calls) == (Verdict.EQUAL, 0, 1)
    assert len(engine.served.calls()) == state.calls
    assert state.org_records == state.warehouse_records == 1_000
    assert state.log is not None
    assert (state.log.records, state.log.altered) == (1_000, 0)
    [row] = engine.rows("SELECT object, verdict, depth, found, calls FROM ops.reconciliation")
    assert row == ("Account", "equal", "buckets", 0, 1)
    report = orjson.loads(engine.store.get(str(state.report_key)))
    assert report["sentence"].startswith("equal as of ")


async def test_a_hundred_seeded_faults_are_all_found_and_repaired(engine: ReconcilingEngine) -> None:
    org = engine.served.org
    await fill(org, FillPlan(object="Account", records=600, days=60))
    seeds = FaultSeeds(engine, random.Random(17))
    await seeds.prepare()
    await engine.backfill("Account")
    planted = seeds.plant(100)
    engine.log_checks.changes_at_once = 100  # the log is checked in several stretches
    engine.served.calls()
    state = await engine.reconcile("Account", "faults", depth=Depth.FIELDS)
    assert len(engine.served.calls()) == state.calls
    assert (state.verdict, state.left) == (Verdict.REPAIRED, 0)
    report = orjson.loads(engine.store.get(str(state.report_key)))
    named = {difference["record_id"] for difference in report["differences"]}
    missed = {record_id: kind for record_id, kind in planted.items() if record_id not in named}
    assert missed == {}
    assert set(planted) == named, "nothing else differs"
    assert await differing_records(engine) == []
    again = await engine.reconcile("Account", "again", depth=Depth.FIELDS)
    assert (again.verdict, again.found) == (Verdict.EQUAL, 0)
    assert again.log is not None
    assert again.log.altered == 0


async def test_what_buckets_can_show_is_found_by_buckets_alone(engine: ReconcilingEngine) -> None:
    org = engine.served.org
    await fill(org, FillPlan(object="Account", records=600, days=60))
    seeds = FaultSeeds(engine, random.Random(18))
    await seeds.prepare()
    await engine.backfill("Account")
    planted = seeds.plant(24, hidden=False)
    state = await engine.reconcile("Account", "buckets", depth=Depth.BUCKETS)
    assert (state.verdict, state.left) == (Verdict.REPAIRED, 0)
    report = orjson.loads(engine.store.get(str(state.report_key)))
    assert set(planted) == {difference["record_id"] for difference in report["differences"]}
    assert await differing_records(engine) == []


async def test_without_repair_the_differences_are_named_and_stay(engine: ReconcilingEngine) -> None:
    org = engine.served.org
    with org.transaction() as tx:
        ids = [tx.create("Account", {"Name": f"Account {n}", "Type": "Household"}) for n in range(5)]
    await engine.backfill("Account")
    engine.rows(
        f"UPDATE curated.account_current SET type = 'by hand' WHERE record_id = '{ids[1]}' RETURNING 1"
    )
    engine.served.org.advance_clock(60)
    with org.transaction() as tx:
        tx.update("Account", ids[3], {"Name": "Renamed"})
    engine.served.org.advance_clock(60)
    state = await engine.reconcile("Account", "look", repairs=False)
    assert (state.verdict, state.found, state.repaired) == (Verdict.DIFFERS, 2, 0)
    report = orjson.loads(engine.store.get(str(state.report_key)))
    named = {(each["record_id"], each["kind"]): each["fields"] for each in report["differences"]}
    assert named[ids[1], "altered"] == ["Type"]
    assert named[ids[3], "stale"] == ["Name", "LastModifiedDate"]
    assert "by hand" not in orjson.dumps(report).decode()
    assert engine.rows("SELECT COUNT(*) FROM curated.account_current WHERE type = 'by hand'") == [(1,)]


async def test_calls_are_as_many_as_the_plan_says_at_three_sizes(engine: ReconcilingEngine) -> None:
    """Pages are made small instead of objects large. What is measured holds the plan for 35 million
    records.
    """
    org, terms = (
        engine.served.org,
        ReconcileCostConfig(page_rows=100, job_from_rows=150, waits=(0.2,), job_rows_a_second=10**9),
    )
    engine.fact_reads.terms = terms
    # Both sides are divided on disk, as tens of millions of records are.
    engine.fact_comparisons.part_rows, engine.fact_comparisons.rows_at_once = 200, 150
    engine.read_part.waits = (0.01, 0.05)
    days, rows = 20, 0
    for more in (600, 900, 1_500):
        rows += more
        await fill(org, FillPlan(object="Opportunity", records=more, days=days))
        await engine.backfill("Opportunity", f"up-to-{rows}")
        _three_differences(engine, rows)
        for depth in (Depth.IDS, Depth.BUCKETS):
            engine.served.calls()
            asked = {"depth": depth, "checks_log": False}
            state = await engine.reconcile("Opportunity", f"{depth}-{rows}", **asked)
            found = 3 if depth is Depth.IDS else 0
            assert (state.found, state.left) == (found, 0)
            assert len(engine.served.calls()) == state.calls, "every call is counted"
            plan = calls_needed(rows, found, days=days + 1, depth=depth, terms=terms)
            assert plan.calls - 12 <= state.calls <= plan.calls, (rows, depth, state.costs)


def _three_differences(engine: ReconcilingEngine, rows: int) -> None:
    [(first,), (second,), (third,)] = engine.rows(
        "SELECT record_id FROM curated.opportunity_current WHERE NOT is_deleted ORDER BY record_id DESC LIMIT 3"
    )
    with engine.served.org.transaction() as tx:
        tx.update("Opportunity", first, {"Name": f"at {rows}"})
        tx.delete("Opportunity", second)
    with engine.warehouse.transaction() as transaction:
        for table in ("curated.opportunity_current", "audit.opportunity_change"):
            transaction.execute(f"DELETE FROM {table} WHERE record_id = '{third}'")
    engine.served.org.advance_clock(60)


async def test_a_reading_that_breaks_off_goes_on_where_it_was_and_every_call_is_counted(
    engine: ReconcilingEngine,
) -> None:
    org, terms = engine.served.org, ReconcileCostConfig(page_rows=100, job_from_rows=150, waits=(0.01,))
    await fill(org, FillPlan(object="Opportunity", records=1_000))
    await engine.backfill("Opportunity")
    engine.fact_reads.terms = terms
    # One question for aggregates fails, and then the fifth page, more often than the client tries.
    org.faults.add(FaultRule(point="http", kind="status", match="/query", status=500, code="X", times=1))
    org.faults.add(FaultRule(point="bulk.page", kind="fail", status=500, code="X", after=4, times=4))
    engine.served.calls()
    state = await engine.reconcile("Opportunity", depth=Depth.IDS, checks_log=False)
    calls = engine.served.calls()
    assert state.verdict is Verdict.EQUAL
    assert state.calls == len(calls)
    pages = [call for call in calls if call.endswith("/results")]
    assert len(pages) == 10 + 4, "no page but the broken one is fetched twice"
    assert len([call for call in calls if call == "POST /jobs/query"]) == 1


async def test_a_query_job_that_the_org_has_forgotten_is_made_anew(engine: ReconcilingEngine) -> None:
    org = engine.served.org
    await fill(org, FillPlan(object="Opportunity", records=500))
    await engine.backfill("Opportunity")
    engine.fact_reads.terms = ReconcileCostConfig(page_rows=100, job_from_rows=150, waits=(0.01,))
    gone = FaultRule(point="bulk.page", kind="fail", status=404, code="NOT_FOUND", after=2, times=1)
    org.faults.add(gone)
    engine.served.calls()
    state = await engine.reconcile("Opportunity", depth=Depth.IDS, checks_log=False)
    calls = engine.served.calls()
    assert (state.verdict, state.calls) == (Verdict.EQUAL, len(calls))
    assert len([call for call in calls if call == "POST /jobs/query"]) == 2


async def test_more_suspects_than_may_be_named_are_repaired_all_the_same(engine: ReconcilingEngine) -> None:
    org = engine.served.org
    await fill(org, FillPlan(object="Opportunity", records=50))
    await engine.backfill("Opportunity")
    org.advance_clock(60)
    await fill(org, FillPlan(object="Opportunity", records=30, seed=2))
    state = await engine.reconcile("Opportunity", most_named=10)
    assert (state.verdict, state.found, state.left) == (Verdict.REPAIRED, 30, 0)
    assert state.kinds == {"missing": 30}


async def test_changes_that_reach_the_warehouse_after_the_org_was_asked_are_no_differences(
    engine: ReconcilingEngine,
) -> None:
    org = engine.served.org
    await fill(org, FillPlan(object="Account", records=1_000, days=40))
    await engine.backfill("Account")
    newest = "SELECT record_id FROM curated.account_current ORDER BY last_modified_date DESC LIMIT 400"
    ids = [row[0] for row in engine.rows(newest)][::5]
    asking = AskBucketsInput(
        org=engine.org, object="Account", run="r", grain=Grain.DAY, ranges=(Range(),), number=1
    )

    def change(some: list[str]) -> None:
        org.advance_clock(3)
        for number, record_id in enumerate(some):
            with org.transaction() as tx:
                tx.update("Account", record_id, {"NumberOfEmployees": number})
        org.advance_clock(3)

    change(ids[:40])
    asked = await ActivityEnvironment().run(engine.bucket_looks.ask_buckets, asking)
    assert asked.records == 1_000
    before = await ActivityEnvironment().run(engine.bucket_looks.compare_buckets, asking)
    assert before.differing > 10, "the warehouse has not heard of them yet"
    change(ids[40:80])
    await engine.backfill("Account", "new", since=datetime.now(UTC) - BEHIND - timedelta(minutes=10))
    after = await ActivityEnvironment().run(engine.bucket_looks.compare_buckets, asking)
    assert (after.differing, after.warehouse_records) == (0, 1_000)
