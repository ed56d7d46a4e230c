"""The schema changes while traffic runs: the catalogue follows by itself, old rows are filled, and nothing is nulled or lost."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from activities.check_drift import CheckDrift
from activities.follow import FollowLane
from activities.landing import CutRule
from activities.plan_refresh import PlanRefresh
from activities.read_fields import ReadFields
from clients import cometd
from clients.live_catalogue import LiveCatalogue
from clients.objectstore import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.org.schema import SchemaChanges
from schemas import names
from schemas.catalogue import Catalogue, FieldSpec, default_catalogue
from schemas.drift import DriftInput, DriftResult
from schemas.ids import drift_workflow_id, refresh_workflow_id
from schemas.limits import API_VERSION
from schemas.messages import FollowInput, LaneInput
from schemas.refreshes import RefreshInput, RefreshState
from tests.served_org import served_org
from tests.small_engine import SmallEngine, serving_engine
from workflows import LaneWorkflow

pytestmark = pytest.mark.service
DELAY = timedelta(seconds=1)


@dataclass
class DriftEngine(SmallEngine):
    """A small engine that follows one lane and the org's schema."""

    def __post_init__(self) -> None:
        self.warehouse.ensure_tables(self.catalogue)
        live = LiveCatalogue.over(self.catalogue, self.warehouse)
        self.catalogue = live
        super().__post_init__()
        live.when_changed(self.protector.reload)
        self.live = live
        self.check = CheckDrift(self.served.http, self.warehouse, live)
        self.read_fields = ReadFields(
            self.served.http, self.landings, self.warehouse, lambda: live, visibility_delay=DELAY
        )
        self.plan_refresh = PlanRefresh(self.store, self.warehouse, lambda: live)

    def workers(self) -> dict[str, list[Any]]:
        found = super().workers()
        found[names.BACKFILL_QUEUE] += [
            self.check.check_drift,
            self.read_fields.read_fields,
            self.plan_refresh.plan_refresh,
            self.plan_refresh.end_refresh,
        ]
        follow = FollowLane(
            client=self.client,
            store=self.store,
            protector=self.protector,
            open_stream=self._open_stream,
            rule=CutRule(most_age=timedelta(seconds=0.2)),
        )
        return {**found, names.LANE_QUEUE: [follow.follow_lane]}

    def _open_stream(self, request: FollowInput, replay_id: int) -> Any:
        return cometd.open_stream(
            self.served.sessions,
            lane=request.lane,
            channel=request.channel,
            replay_id=replay_id,
            api_version=API_VERSION,
        )

    async def follow(self) -> None:
        lane = LaneInput(org=self.org, lane="changes", channel="/data/ChangeEvents")
        await self.client.start_workflow(
            LaneWorkflow.run, lane, id=f"lane/{self.org}/changes", task_queue=names.WORKFLOW_QUEUE
        )

    async def drift(self, *objects: str) -> DriftResult:
        request = DriftInput(org=self.org, objects=objects, by="ada", settle=timedelta(0))
        result: DriftResult = await self.client.execute_workflow(
            names.DRIFT_WORKFLOW,
            request,
            id=drift_workflow_id(self.org),
            task_queue=names.WORKFLOW_QUEUE,
            result_type=DriftResult,
        )
        return result

    async def filled(self, result: DriftResult) -> list[RefreshState]:
        """The fills of a check, when they are done."""
        handles = [
            self.client.get_workflow_handle(
                refresh_workflow_id(self.org, fill.object, f"fields-r{fill.revision}"),
                result_type=RefreshState,
            )
            for fill in result.fills
        ]
        return [await handle.result() for handle in handles]

    async def refresh(self, object_name: str, **asked: Any) -> RefreshState:
        request = RefreshInput(org=self.org, object=object_name, by="ada", **asked)
        state: RefreshState = await self.client.execute_workflow(
            names.REFRESH_WORKFLOW,
            request,
            id=refresh_workflow_id(self.org, object_name),
            task_queue=names.WORKFLOW_QUEUE,
            result_type=RefreshState,
        )
        return state

    def accounts(self, *columns: str) -> dict[str, tuple[Any, ...]]:
        rows = self.rows(f"SELECT record_id, {', '.join(columns)} FROM curated.account_current")
        return {row[0]: row[1:] for row in rows}


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 -- a warehouse sets no event
            await asyncio.sleep(0.1)


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[DriftEngine]:
    async with served_org(tmp_path) as served:
        made = DriftEngine(
            client, served, store, warehouse, database, org=f"d{uuid.uuid4().hex[:10]}", catalogue=catalogue()
        )
        async with serving_engine(made):
            yield made


def catalogue() -> Catalogue:
    """What ships, without the objects that these tests do not touch."""
    described = default_catalogue().model_dump()
    wanted = ("Account", "Case", "ServiceRequest__c", "Payment__c")
    described["objects"] = {
        name: {**entry, "name": name} for name, entry in described["objects"].items() if name in wanted
    }
    return Catalogue.model_validate(described)


async def test_the_schema_changes_while_traffic_runs_and_nothing_is_lost_or_nulled(
    engine: DriftEngine,
) -> None:
    org = engine.served.org
    schema = SchemaChanges(org)
    facts = {"Website": "https://one.example", "AccountSource": "Web", "Industry": "Care"}
    ids = [org.create("Account", {"Name": f"Account {n}", **facts}) for n in range(20)]
    await engine.follow()
    await eventually(lambda: len(engine.accounts("name")) == len(ids))
    assert [each.field for each in (await engine.drift()).found if not each.now.endswith("calculated")] == []

    is_over, rounds = asyncio.Event(), 0

    async def traffic() -> None:
        nonlocal rounds
        while not is_over.is_set():
            rounds += 1
            org.update("Account", ids[rounds % len(ids)], {"RiskScore__c": float(rounds)})
            await asyncio.sleep(0.01)

    running = asyncio.create_task(traffic())
    schema.add("Account", "Grade__c", FieldSpec(type="string", length=20), fills="old")
    schema.retype("Account", "Website", FieldSpec(type="double"))
    schema.remove("Account", "AccountSource")
    schema.rename("Account", "Industry", "Branch__c")
    org.update("Account", ids[0], {"Grade__c": "early"})
    await eventually(lambda: bool(engine.rows("SELECT 1 FROM ops.quarantine WHERE reason = 'unknown_field'")))
    result = await engine.drift()
    found = {each.field: (each.kind, each.effect) for each in result.found}
    assert found == {
        "Grade__c": ("added", "added"),
        "Website": ("retyped", "held"),
        "AccountSource": ("removed", "held"),
        "Industry": ("removed", "held"),
        "Branch__c": ("added", "added"),
    }
    advice = {each.field: each.advice for each in result.found}
    assert "renamed to Branch__c" in advice["Industry"]
    org.update("Account", ids[1], {"Grade__c": "late"})
    org.delete("Account", ids[2])
    org.undelete("Account", ids[2])
    await engine.filled(result)
    is_over.set()
    await running
    score = org.records["Account"].whole(ids[rounds % len(ids)])["RiskScore__c"]
    await eventually(lambda: engine.accounts("risk_score")[ids[rounds % len(ids)]] == (score,))

    protector = engine.protector
    rows = engine.accounts("grade", "branch", "website", "account_source", "industry", "is_complete")
    assert len(rows) == len(ids)
    wanted = {0: "early", 1: "late"}
    for number, record_id in enumerate(ids):
        grade, branch, *rest = rows[record_id]
        assert protector.decrypt("Account.Grade__c", grade) == wanted.get(number, "old")
        assert protector.decrypt("Account.Branch__c", branch) == "Care"
        assert rest == ["https://one.example", "Web", "Care", True]
    ((landed, booked),) = engine.rows(
        "SELECT SUM(landed), SUM(applied + duplicate + quarantined) FROM ops.ledger"
    )
    assert landed == booked
    reasons = {row[0] for row in engine.rows("SELECT DISTINCT reason FROM ops.quarantine")}
    assert reasons == {"unknown_field", "needs_reread"}
    assert (await engine.drift()).waiting == ("Account",)
    assert engine.audit.verify() == []
