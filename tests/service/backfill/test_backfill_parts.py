"""Into which parts a backfill is divided, with how many calls, and what is read when Bulk API takes
none of it.
"""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.org.faults.faults import FaultRule
from sandbox.org.traffic.fill import FillPlan, fill
from schemas.backfill import BackfillInput, ByTime
from tests.support.engines.small_engine import BULK_REFUSES, SmallEngine, curated

pytestmark = pytest.mark.service


async def test_a_small_object_is_one_part_and_costs_one_count(engine: SmallEngine) -> None:
    await fill(engine.served.org, FillPlan(object="Account", records=300))
    engine.served.calls()
    plan = await engine.plan_backfill.draw(BackfillInput(org=engine.org, object="Account", window="w"))
    assert engine.served.calls() == ["GET /limits/recordCount"]
    (part,) = plan.parts
    assert (part.since, part.until, part.by, plan.expected_rows) == (None, None, ByTime.CREATED, 300)
    week = datetime.now(UTC) - timedelta(days=350)
    asked = BackfillInput(org=engine.org, object="Account", window="w", since=week)
    plan = await engine.plan_backfill.draw(asked)
    assert engine.served.calls() == ["GET /queryAll"]
    assert (plan.parts[0].since, plan.parts[0].by) == (week, ByTime.MODIFIED)


async def test_a_large_object_is_read_in_parts_two_at_a_time_and_every_row_is_in_one_of_them(
    engine: SmallEngine,
) -> None:
    org = engine.served.org
    # Six hundred rows in the first hour, since the prototypes have one time; the rest over ten
    # days.
    await fill(org, FillPlan(object="Account", records=1_500, days=10))
    engine.plan_backfill.part_rows = 400
    state = await engine.backfill("Account")
    assert (state.stage, state.expected_rows, state.counts.rows) == ("done", 1_500, 1_500)
    assert state.parts == state.parts_done
    assert 4 <= state.parts <= 6
    assert len(curated(engine, "account")) == 1_500
    assert state.notes == ()


async def test_a_count_that_takes_too_long_is_halved(engine: SmallEngine) -> None:
    org = engine.served.org
    await fill(org, FillPlan(object="Account", records=600, days=40))
    engine.plan_backfill.part_rows = 100
    org.faults.add(
        FaultRule(
            point="http",
            kind="status",
            match="DAY_ONLY",
            status=400,
            code="QUERY_TIMEOUT",
            message="x",
            times=3,
        )
    )
    plan = await engine.plan_backfill.draw(BackfillInput(org=engine.org, object="Account", window="w"))
    assert plan.expected_rows == 600
    assert all(one.until == other.since for one, other in zip(plan.parts, plan.parts[1:], strict=False))


async def test_what_bulk_api_refuses_is_read_by_rest_page_by_page(engine: SmallEngine) -> None:
    org = engine.served.org
    await fill(org, FillPlan(object="Account", records=1_100))
    with org.transaction() as tx:
        binned = tx.create("Account", {"Name": "in the bin"})
    with org.transaction() as tx:
        tx.delete("Account", binned)
    org.dials.queries.page_rows = 200
    org.faults.add(BULK_REFUSES)
    engine.landings.slice_rows = 90
    engine.read_part.stretch = timedelta(seconds=0.2)
    state = await engine.backfill("Account")
    assert (state.stage, state.counts.rows) == ("done", 1_101)
    assert state.counts.changes == 1_102 == state.counts.applied
    found = curated(engine, "account")
    assert len(found) == 1_101
    assert found[binned] == (True, True, "in the bin")


async def test_a_query_that_rest_refuses_as_well_is_not_read_by_rest_ever_after(
    engine: SmallEngine,
) -> None:
    """It is fixed later, and a few million rows by REST would cost a day's calls."""
    org = engine.served.org
    await fill(org, FillPlan(object="Account", records=50))
    refused = {
        "point": "http",
        "kind": "status",
        "status": 400,
        "code": "MALFORMED_QUERY",
        "message": "unexpected token",
    }
    org.faults.add(FaultRule(**refused, match="POST /services/data/v67.0/jobs/query"))
    org.faults.add(FaultRule(**refused, match="/queryAll"))
    failed = await engine.failed_backfill("Account")
    assert "MALFORMED_QUERY" in failed
    org.faults.clear()
    engine.served.calls()
    state = await engine.backfill("Account")
    assert (state.stage, state.counts.rows) == ("done", 50)
    assert "POST /jobs/query" in engine.served.calls()
