"""draw_plan on a real warehouse and a real governor: what the ledger and the books say becomes a
plan.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from activities.planner.make_plan import PlanMaker
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql import apply as sql
from schemas import names
from schemas.catalogue import default_catalogue
from schemas.governor import Budget, GovernorConfig, Reading, ReadLimitsInput, ReadLimitsResult
from schemas.ops_tables import LEDGER_COLUMNS
from schemas.planner import DrawPlanInput, PlanResult, Way
from tests.support.builders.waiting import until
from workers.roles import sandboxed_runner
from workflows import GovernorWorkflow

pytestmark = pytest.mark.service


@asynccontextmanager
async def governor_worker(client: Client) -> AsyncIterator[None]:
    """An org of the Unlimited edition of which nobody has used anything."""

    @activity.defn(name=names.READ_LIMITS)
    async def read_limits(request: ReadLimitsInput) -> ReadLimitsResult:
        maximums = {Budget.API_CALLS: 100_000, Budget.DELIVERED_EVENTS: 50_000}
        now = datetime.now(UTC)
        return ReadLimitsResult(
            readings=tuple(
                Reading(budget=budget, maximum=maximum, used=0, at=now, lag=timedelta(0))
                for budget, maximum in maximums.items()
            )
        )

    governor = Worker(
        client,
        task_queue=names.GOVERNOR_QUEUE,
        workflows=[GovernorWorkflow],
        workflow_runner=sandboxed_runner(),
    )
    async with governor, Worker(client, task_queue=names.ORG_QUEUE, activities=[read_limits]):
        yield


@pytest.fixture
def drawer(client: Client, warehouse: PostgresWarehouse) -> PlanMaker:
    catalogue = default_catalogue()
    warehouse.ensure_tables(catalogue)
    return PlanMaker(client, warehouse, catalogue, GovernorConfig(), other_lanes=frozenset({"changes"}))


def write(warehouse: PostgresWarehouse, name: str, lane: str, changes: int, *, ago: timedelta) -> None:
    """A batch in the ledger."""
    at = datetime.now(UTC) - ago
    row: dict[str, Any] = {
        "batch": uuid.uuid4().hex,
        "object": name,
        "lane": lane,
        "start_position": "0",
        "end_position": "1",
        "raw_key": "raw",
        "landed": changes,
        "applied": changes,
        "duplicate": 0,
        "quarantined": 0,
        "rebuilt": 0,
        "first_changed_at": at,
        "last_changed_at": at,
        "first_received_at": at,
        "last_received_at": at,
        "committed_at": at,
        "isolated": 0,
    }
    with warehouse.transaction() as transaction:
        transaction.execute(
            sql.insert_row(sql.LEDGER, LEDGER_COLUMNS), [row[column.name] for column in LEDGER_COLUMNS]
        )


async def draw(drawer: PlanMaker, org: str, **changed: Any) -> PlanResult:
    """A plan of an org whose limits are known."""
    asked = DrawPlanInput(org=org, goal=timedelta(seconds=120), pins={}, previous={}).model_copy(
        update=changed
    )
    drawn: PlanResult | None = None

    async def is_drawn() -> bool:
        nonlocal drawn
        drawn = await ActivityEnvironment().run(drawer.draw_plan, asked)
        return drawn.plan is not None

    await until(is_drawn)
    assert drawn is not None
    return drawn


def ways(drawn: PlanResult) -> dict[str, Way]:
    assert drawn.plan is not None
    return {each.object: each.way for each in drawn.plan.objects}


async def test_without_the_orgs_limits_there_is_no_plan_and_the_governor_is_started(
    client: Client, drawer: PlanMaker
) -> None:
    org = uuid.uuid4().hex[:18]
    async with governor_worker(client):
        asked = DrawPlanInput(org=org, goal=timedelta(seconds=120), pins={}, previous={})
        drawn = await ActivityEnvironment().run(drawer.draw_plan, asked)
        assert drawn.plan is None
        assert "have not been read yet" in drawn.trouble
        assert (await draw(drawer, org)).plan is not None


async def test_a_busy_object_is_polled_while_quiet_ones_are_streamed(
    client: Client, warehouse: PostgresWarehouse, drawer: PlanMaker
) -> None:
    for minutes in range(1, 10):
        write(warehouse, "Case", "case", 2_000, ago=timedelta(minutes=minutes))
    write(warehouse, "Contact", "contact", 3, ago=timedelta(minutes=5))
    async with governor_worker(client):
        drawn = await draw(drawer, uuid.uuid4().hex[:18])
    assert ways(drawn)["Case"] is Way.POLL
    assert {way for name, way in ways(drawn).items() if name != "Case"} == {Way.STREAM}
    assert drawn.maximums[Budget.DELIVERED_EVENTS] == 50_000


async def test_other_lanes_than_those_that_follow_are_no_load(
    client: Client, warehouse: PostgresWarehouse, drawer: PlanMaker
) -> None:
    write(warehouse, "Case", "backfill-case", 1_000_000, ago=timedelta(minutes=2))
    write(warehouse, "Contact", "changes", 1_000_000, ago=timedelta(minutes=2))
    async with governor_worker(client):
        drawn = await draw(drawer, uuid.uuid4().hex[:18])
    assert (ways(drawn)["Case"], ways(drawn)["Contact"]) == (Way.STREAM, Way.POLL)


async def test_while_deliveries_are_refused_nothing_is_streamed_that_is_not_pinned(
    client: Client, drawer: PlanMaker
) -> None:
    async with governor_worker(client):
        drawn = await draw(drawer, uuid.uuid4().hex[:18], no_streams=True, pins={"Contact": Way.STREAM})
    assert {name for name, way in ways(drawn).items() if way is Way.STREAM} == {"Contact"}
