"""The schema changes while traffic runs: the catalogue follows by itself, old rows are filled, and
nothing is nulled or lost.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from temporalio.client import Client

from activities import drift, ingest, replay
from activities.apply.ledger import BatchSlice
from activities.drift.check_schema import CheckDrift
from activities.ingest.landing_buffer import BatchLimits
from activities.replay.redrive import Redriver
from activities.replay.restage import Restager
from clients.salesforce.streaming import cometd
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql import status as status_sql
from sandbox.org.schema.objects import OrgField
from sandbox.org.state.schema_changes import SchemaChanges
from schemas import names
from schemas.catalogue import Catalogue, default_catalogue
from schemas.drift import (
    DriftInput,
    DriftKind,
    DriftPolicy,
    DriftResult,
    FieldDrift,
    RefreshInput,
    RefreshState,
)
from schemas.errors import StaleCatalogueError
from schemas.ids import drift_workflow_id, refresh_key, refresh_workflow_id, replay_workflow_id
from schemas.ingest.messages import FollowInput, LaneInput
from schemas.reconcile import Depth
from schemas.replay import BatchRef, ReplayState
from schemas.salesforce.limits import API_VERSION
from tests.support.builders.waiting import SLOWNESS
from tests.support.engines.reconciling import ReconcilingEngine
from tests.support.engines.served_org import served_org
from tests.support.engines.small_engine import serving_engine
from tests.support.engines.wiring import owner
from transforms.replay.reencrypt import Reprotector
from workflows import LaneWorkflow

pytestmark = pytest.mark.service
DELAY = timedelta(seconds=1)


@dataclass
class DriftEngine(ReconcilingEngine):
    """A small engine that follows one lane and the org's schema, and can be held against the
    org.
    """

    def __post_init__(self) -> None:
        self.warehouse.ensure_tables(self.catalogue)
        live = LiveCatalogue.over(self.catalogue, self.warehouse)
        self.catalogue = live
        super().__post_init__()
        live.when_changed(self.protector.reload)
        self.live = live
        steps = drift.activities(
            self.clients, self.way, live=live, policy=DriftPolicy(), visibility_delay=DELAY
        )
        self.check = owner(steps, CheckDrift)
        rule = BatchLimits(max_age=timedelta(seconds=0.2))
        self.steps += [
            *steps,
            *replay.activities(self.clients, self._no_shadow),
            *ingest.stream_activities(self.clients, self.way, self._open_stream, rule),
        ]

    def _no_shadow(self, name: str) -> Warehouse:
        raise AssertionError(name)

    def _open_stream(self, request: FollowInput, replay_id: int) -> Any:
        return cometd.open_cometd_stream(
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

    async def drift(self, *objects: str, redrive: bool = False) -> DriftResult:
        request = DriftInput(org=self.org, objects=objects, by="ada", settle=timedelta(0), redrive=redrive)
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

    async def redriven(self, object_name: str) -> ReplayState:
        """The replay that a check has started, when it is done."""
        key = replay_workflow_id(self.org, f"drift,{object_name}")
        return await self.client.get_workflow_handle(key, result_type=ReplayState).result()

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

    def regions(self) -> dict[str, str | None]:
        return dict(self.rows("SELECT record_id, account_region FROM curated.case_current"))

    def remember(self, object_name: str) -> None:
        """As if a refresh had looked through the change log up to now, without the overlap that
        slow transactions need.
        """
        body = orjson.dumps({"covered": datetime.now(UTC).isoformat()})
        self.store.put(refresh_key(self.org, object_name), body)

    def accounts(self, *columns: str) -> dict[str, tuple[Any, ...]]:
        """Columns of each account by its id, the name in plaintext."""
        rows = self.rows(f"SELECT record_id, {', '.join(columns)} FROM curated.account_current")
        return {
            record_id: tuple(
                self.in_plaintext("Account", "Name", value) if column == "name" else value
                for column, value in zip(columns, values, strict=True)
            )
            for record_id, *values in rows
        }


def differences(result: DriftResult) -> list[FieldDrift]:
    """The findings of a check, without the numbers that the catalogue gives no `scale`: those are
    reported at the first check.
    """
    return [each for each in result.found if each.kind is not DriftKind.SCALE]


def unknown_fields(engine: DriftEngine) -> set[str]:
    """Values that changes carried and the catalogue lacked, and nobody has filled."""
    query = "SELECT field FROM ops.quality WHERE rule = 'unknown_field' AND resolved_at IS NULL"
    return {field for (field,) in engine.rows(query)}


def refuse_as_releases_before_0_2_did(engine: DriftEngine, record_id: str) -> None:
    """Leave the creation of an account as a change with a field that the catalogue lacked was left:
    in quarantine alone.
    """
    chosen = f"record_id = '{record_id}' AND change_type = 'create'"
    ((batch,),) = engine.rows(f"SELECT batch FROM audit.account_change WHERE {chosen}")
    with engine.warehouse.transaction() as transaction:
        transaction.execute(f"DELETE FROM audit.account_change WHERE {chosen}")
        transaction.execute(
            "UPDATE ops.ledger SET applied = applied - 1, quarantined = quarantined + 1 WHERE batch = %s AND object = 'Account'",
            [batch],
        )
        transaction.execute(
            'INSERT INTO ops.quarantine (batch, ordinal, object, record_id, "position", reason, detail, event, received_at, '
            "quarantined_at) VALUES (%s, 999999, 'Account', %s, '1', 'unknown_field', "
            "'Account.Grade__c is not in the catalogue; add it', '{}', NOW(), NOW())",
            [batch, record_id],
        )


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30 * SLOWNESS):
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
    """The shipped catalogue, without the objects that these tests do not touch."""
    described = default_catalogue().model_dump()
    wanted = ("Account", "Case", "ServiceRequest__c", "Payment__c")
    described["objects"] = {
        name: {**entry, "name": name} for name, entry in described["objects"].items() if name in wanted
    }
    for name, fields in CALCULATED.items():
        entry = described["objects"][name]
        entry["fields"] |= fields
        entry["ignored"] = {each: kept for each, kept in entry["ignored"].items() if each not in fields}
    return Catalogue.model_validate(described)


def landed_shares(engine: DriftEngine, under: Catalogue) -> list[BatchSlice]:
    """The first batch that was applied, staged again."""
    ((lane, start),) = engine.rows("SELECT lane, start_position FROM ops.ledger")
    restager = Restager(engine.store, under, Reprotector(engine.protector, under))
    landed = restager.read(engine.org, BatchRef(lane=lane, start=start), None)
    return list(restager.shares(landed, only=None, without=set(), record=None).values())


CALCULATED: dict[str, dict[str, Any]] = {
    "Case": {
        "AccountRegion__c": {
            "type": "string",
            "calculated": True,
            "inputs": ["Account.Region__c", "Case.AccountId"],
        }
    },
    "ServiceRequest__c": {
        "DaysOpen__c": {"type": "double", "calculated": True},
        "PaidTotal__c": {"type": "currency", "calculated": True, "inputs": ["Payment__c.Amount__c"]},
        "SettledCount__c": {"type": "double", "calculated": True, "inputs": ["Payment__c.Status__c"]},
    },
}
"""As of sandbox/org/schema/setup.yaml."""


async def test_the_schema_changes_while_traffic_runs_and_nothing_is_lost_or_nulled(
    engine: DriftEngine,
) -> None:
    org = engine.served.org
    schema = SchemaChanges(org)
    facts = {"Website": "https://one.example", "AccountSource": "Web", "Industry": "Care"}
    ids = [org.create("Account", {"Name": f"Account {n}", **facts}) for n in range(20)]
    await engine.follow()
    await eventually(lambda: len(engine.accounts("name")) == len(ids))
    assert differences(await engine.drift()) == []

    is_over, rounds = asyncio.Event(), 0

    async def traffic() -> None:
        nonlocal rounds
        while not is_over.is_set():
            rounds += 1
            org.update("Account", ids[rounds % len(ids)], {"RiskScore__c": float(rounds)})
            await asyncio.sleep(0.01)

    running = asyncio.create_task(traffic())
    schema.add("Account", "Grade__c", OrgField(type="string", length=20), fills="old")
    schema.retype("Account", "Website", OrgField(type="double"))
    schema.remove("Account", "AccountSource")
    schema.rename("Account", "Industry", "Branch__c")
    org.update("Account", ids[0], {"Grade__c": "early"})
    born = org.create("Account", {"Name": "Account born", "Grade__c": "born"})
    await eventually(lambda: born in engine.accounts("name"))
    assert unknown_fields(engine) >= {"Grade__c"}
    result = await engine.drift()
    found = {each.field: (each.kind, each.effect) for each in differences(result)}
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
    assert rows.keys() == {*ids, born}
    assert protector.decrypt("Account.Grade__c", rows[born][0]) == "born"
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
    assert engine.rows("SELECT DISTINCT reason FROM ops.quarantine") == [("needs_reread",)]
    assert unknown_fields(engine) == set()

    refuse_as_releases_before_0_2_did(engine, born)
    assert (await engine.drift(redrive=True)).waiting == ("Account",)
    state = await engine.redriven("Account")
    assert (state.stage, state.counts.released, state.counts.applied) == ("done", 1, 1)
    assert engine.rows("SELECT DISTINCT reason FROM ops.quarantine") == [("needs_reread",)]
    assert engine.accounts("grade", "branch", "website", "account_source", "industry", "is_complete") == rows
    assert (await engine.drift()).waiting == ()
    held = await engine.reconcile("Account", depth=Depth.FIELDS, checks_log=True)
    assert (held.verdict, held.found, held.kinds) == ("equal", 0, {})
    assert engine.audit.verify() == []


async def test_a_formula_over_a_parent_is_read_again_of_the_children_of_parents_that_changed_and_of_no_other(
    engine: DriftEngine,
) -> None:
    org = engine.served.org
    accounts = [org.create("Account", {"Name": f"Account {n}", "Region__c": "North"}) for n in range(4)]
    case = {"Status": "New", "Subject": "s"}
    cases = [org.create("Case", {**case, "AccountId": accounts[n % 4]}) for n in range(12)]
    await engine.follow()
    await eventually(lambda: len(engine.regions()) == len(cases))
    assert set(engine.regions().values()) == {None}
    first = await engine.refresh("Case")
    assert (first.counts.read, first.counts.differed, first.counts.applied) == (12, 12, 12)
    assert set(engine.regions().values()) == {"North"}
    before = {record_id: org.records["Case"].modstamp(record_id) for record_id in cases}

    engine.remember("Case")
    org.update("Account", accounts[1], {"Region__c": "South"})
    await eventually(lambda: ("South",) in engine.rows("SELECT region FROM curated.account_current"))
    second = await engine.refresh("Case")
    assert (second.counts.read, second.counts.differed, second.counts.calls) == (3, 3, 1)
    moved = set(cases[1::4])
    assert {record_id for record_id, region in engine.regions().items() if region == "South"} == moved
    assert {record_id: org.records["Case"].modstamp(record_id) for record_id in cases} == before

    await engine.backfill("Case", "again", is_repair=True)
    assert {record_id for record_id, region in engine.regions().items() if region == "South"} == moved
    assert engine.rows("SELECT DISTINCT is_complete FROM curated.case_current") == [(True,)]


async def test_a_roll_up_is_read_again_of_the_parents_whose_children_changed_and_days_of_everybody(
    engine: DriftEngine,
) -> None:
    org = engine.served.org
    account = org.create("Account", {"Name": "One"})
    made = {"Status__c": "Submitted", "SubmittedAt__c": "2026-01-01T00:00:00Z"}
    requests = [org.create("ServiceRequest__c", made) for _ in range(3)]
    paid = {"Account__c": account, "Status__c": "Sent", "Amount__c": 10.0}
    payments = [org.create("Payment__c", {**paid, "ServiceRequest__c": each}) for each in requests]
    await engine.follow()
    await eventually(lambda: len(engine.rows("SELECT 1 FROM curated.payment_current")) == len(payments))
    await engine.refresh("ServiceRequest__c")
    totals = "SELECT record_id, paid_total, settled_count FROM curated.service_request_current"
    assert {row[1:] for row in engine.rows(totals)} == {(10, 0.0)}

    engine.remember("ServiceRequest__c")
    org.update("Payment__c", payments[0], {"ServiceRequest__c": requests[1], "Amount__c": 5.0})
    await eventually(lambda: (5,) in engine.rows("SELECT amount FROM curated.payment_current"))
    state = await engine.refresh("ServiceRequest__c")
    assert state.plan is not None
    assert [(group.fields, group.records) for group in state.plan.groups] == [
        (("PaidTotal__c",), 2),
        (("SettledCount__c",), 2),
        (("DaysOpen__c",), None),
    ]
    assert {row[0]: row[1] for row in engine.rows(totals)} == {
        requests[0]: 0,
        requests[1]: 15,
        requests[2]: 10,
    }


async def test_a_reading_that_names_a_removed_field_asks_for_a_check_and_goes_on_by_itself(
    engine: DriftEngine,
) -> None:
    org = engine.served.org
    account = org.create("Account", {"Name": "One", "Website": "https://one.example"})
    await engine.backfill("Account", "before")
    SchemaChanges(org).remove("Account", "Website")
    later = org.create("Account", {"Name": "Two"})
    state = await engine.backfill("Account", "after")
    assert state.stage == "done"
    assert engine.accounts("name", "website") == {
        account: ("One", "https://one.example"),
        later: ("Two", None),
    }
    assert [row.kind for row in engine.live.decisions if row.kind is not DriftKind.SCALE] == ["removed"]


async def test_a_repair_after_a_lossy_conversion_nulls_nothing_though_nobody_had_looked_at_the_schema(
    engine: DriftEngine,
) -> None:
    org = engine.served.org
    account = org.create("Account", {"Name": "One", "Website": "https://one.example"})
    await engine.backfill("Account", "before")
    SchemaChanges(org).retype("Account", "Website", OrgField(type="double"))
    state = await engine.backfill("Account", "again", is_repair=True)
    assert (state.stage, state.counts.rows) == ("done", 1)
    assert engine.accounts("name", "website") == {account: ("One", "https://one.example")}


async def test_a_process_that_has_not_heard_of_a_new_field_writes_nothing_before_it_has(
    engine: DriftEngine,
) -> None:
    org = engine.served.org
    account = org.create("Account", {"Name": "One"})
    stale, other = (LiveCatalogue.over(catalogue(), engine.warehouse) for _ in range(2))
    SchemaChanges(org).add("Account", "Grade__c", OrgField(type="string", length=20), fills="A")
    await engine.backfill("Account", "before")
    shares = landed_shares(engine, other)
    await engine.filled(await engine.drift())
    redriver = Redriver(engine.warehouse, other)
    with pytest.raises(StaleCatalogueError):
        redriver.redrive(shares, record=account)
    assert redriver.redrive(shares, record=account).rebuilt == 1
    engine.applier.catalogue = stale
    org.update("Account", account, {"Name": "Two"})
    await engine.follow()
    await eventually(lambda: engine.accounts("name") == {account: ("Two",)})
    assert stale.decisions == engine.live.decisions
    ((grade,),) = engine.accounts("grade").values()
    assert engine.protector.decrypt("Account.Grade__c", grade) == "A"


async def test_a_field_that_the_file_ignores_is_forgotten_though_it_was_added_before(
    engine: DriftEngine,
) -> None:
    org = engine.served.org
    account = org.create("Account", {"Name": "One"})
    SchemaChanges(org).add("Account", "Grade__c", OrgField(type="string", length=20), fills="A")
    SchemaChanges(org).add("Account", "Shade__c", OrgField(type="string", length=20), fills="A")
    await engine.follow()
    org.update("Account", account, {"Grade__c": "B", "Shade__c": "B"})
    await eventually(lambda: unknown_fields(engine) == {"Grade__c", "Shade__c"})
    decided = await engine.drift("Account")
    assert {fill.fields for fill in decided.fills} == {("Grade__c", "Shade__c")}
    await engine.filled(decided)
    assert unknown_fields(engine) == set()
    with engine.warehouse.transaction() as transaction:
        transaction.execute("UPDATE ops.quality SET resolved_at = NULL WHERE rule = 'unknown_field'")
    described = catalogue().model_dump()
    described["objects"] = {name: {**entry, "name": name} for name, entry in described["objects"].items()}
    described["objects"]["Account"]["fields"]["Grade__c"] = {"ignore": True}
    file = Catalogue.model_validate(described)
    engine.check.catalogue = LiveCatalogue.over(file, engine.warehouse)
    assert "Grade__c" not in engine.check.catalogue.object("Account").columns
    told = await engine.drift("Account")
    assert {name for fill in told.fills for name in fill.fields} == {"Shade__c"}
    query = (
        "SELECT field, resolved_by FROM ops.quality WHERE rule = 'unknown_field' AND resolved_at IS NOT NULL"
    )
    assert ("Grade__c", "ignored") in engine.rows(query)
    assert unknown_fields(engine) <= {"Shade__c"}


async def test_a_field_that_the_file_has_by_now_needs_nobody_and_stays(engine: DriftEngine) -> None:
    org = engine.served.org
    SchemaChanges(org).add("Account", "Grade__c", OrgField(type="string", length=20), fills="A")
    found = {each.field: each for each in (await engine.drift("Account")).found}
    assert found["Grade__c"].advice
    (advised,) = engine.rows(status_sql.count_advised())[0]
    assert (await engine.drift("Account")).found == ()
    described = catalogue().model_dump()
    described["objects"] = {name: {**entry, "name": name} for name, entry in described["objects"].items()}
    described["objects"]["Account"]["fields"]["Grade__c"] = {"type": "string", "length": 20}
    file = Catalogue.model_validate(described)
    engine.check.catalogue = LiveCatalogue.over(file, engine.warehouse)
    (settled,) = (await engine.drift("Account")).found
    assert (settled.field, settled.kind, settled.advice) == ("Grade__c", DriftKind.SETTLED, "")
    assert engine.rows(status_sql.count_advised()) == [(advised - 1,)]
    assert "Grade__c" in engine.check.catalogue.object("Account").columns
    assert (await engine.drift("Account")).found == ()
