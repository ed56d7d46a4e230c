"""Changes that a stream cannot carry reach the warehouse all the same: gaps, overflows, lost bases,
and events that the bus no longer held.
"""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.repair.rereads import Rereads
from activities.repair.retention_gap import LANE_HOLE
from activities.request_reread import enqueue_rereads
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.org.faults.faults import FaultRule
from sandbox.org.state.org import Org
from sandbox.org.traffic.fill import FillPlan, fill
from schemas.catalogue import default_catalogue
from schemas.ids import lane_workflow_id
from schemas.ingest.messages import PauseInput
from schemas.reconcile import Depth, Verdict
from schemas.repair import CloseInput, FindInput
from tests.support.builders.waiting import until
from tests.support.engines.following import groups_settle_at_once  # noqa: F401
from tests.support.engines.reconciling import ReconcilingEngine
from tests.support.engines.repairing import (
    LANE,
    assert_accounted_for,
    equals,
    follow,
    holes,
    repairing_engine,
)
from tests.support.engines.small_engine import SmallEngine
from tests.support.faults.faults_of_stream import StreamFaults
from transforms.ingest.change_header import change_order
from transforms.repair import Cause, RereadRequest
from workflows import LaneWorkflow

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("groups_settle_at_once")]


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[ReconcilingEngine]:
    async with repairing_engine(client, store, warehouse, database, tmp_path) as made:
        yield made


@pytest.mark.parametrize("storm", [100, 2])
async def test_gaps_overflows_and_lost_bases_are_read_again_by_themselves(
    engine: SmallEngine, storm: int
) -> None:
    """By their ids, and as a window when they are more than a storm."""
    org = engine.served.org
    engine.rereads.storm = storm
    with org.transaction() as tx:
        ids = [tx.create("Account", {"Name": f"Account {n}"}) for n in range(6)]
    org.bus.forget_all()
    await follow(engine)
    # Updates without a base, a change that only a gap event tells, and one of a record that is
    # deleted meanwhile.
    with org.transaction() as tx:
        tx.update("Account", ids[0], {"Name": "known in part"})
    org.change_outside("Account", ids[1:4], {"Name": "told by a gap"})
    with org.transaction() as tx:
        tx.delete("Account", ids[3])
    org.emit_gap("Account", [ids[4]], "UPDATE")
    org.overflow_changes = 3
    with org.transaction() as tx:
        for n in range(8):
            tx.create("Account", {"Name": f"of a large transaction {n}"})
        tx.update("Account", ids[5], {"Name": "of it, too"})
    await until(lambda: equals(engine), seconds=40)
    causes = {row[0] for row in engine.rows("SELECT DISTINCT cause FROM ops.reread WHERE outcome = 'read'")}
    assert causes == {"gap", "incomplete", "overflow"}
    assert_accounted_for(engine)


async def test_a_stream_whose_position_is_gone_goes_on_and_nothing_is_lost(engine: SmallEngine) -> None:
    org = engine.served.org
    with org.transaction() as tx:
        ids = [tx.create("Account", {"Name": f"Account {n}"}) for n in range(6)]
    lane = await follow(engine)
    await until(lambda: equals(engine))
    await lane.signal(LaneWorkflow.pause, PauseInput(by="ada", reason="three days of trouble"))
    # In the hole: new and changed records, one in the recycle bin, one that no query tells of.
    with org.transaction() as tx:
        tx.create("Account", {"Name": "of the hole"})
        tx.update("Account", ids[0], {"Name": "changed in the hole"})
        tx.delete("Account", ids[1])
        tx.hard_delete("Account", ids[2])
    org.clock.advance(130)
    org.bus.forget_all()
    await lane.signal(LaneWorkflow.resume, PauseInput(by="ada"))
    await until(lambda: has_hole(engine))
    with org.transaction() as tx:
        tx.update("Account", ids[0], {"Name": "changed after the hole"})
        tx.update("Account", ids[3], {"Name": "changed after the hole"})
    await until(lambda: equals(engine, ids[2]), seconds=30)
    await until(lambda: has_linked(engine))
    assert_accounted_for(engine)
    acts = [act for _, act in engine.audit.rows() if act.act == LANE_HOLE]
    assert [(act.by, act.target) for act in acts] == [("tidegate", lane_workflow_id(engine.org, LANE))]
    assert not (await lane.query(LaneWorkflow.state)).paused


async def test_sessions_that_are_ended_again_and_again_do_not_pause_a_lane(engine: SmallEngine) -> None:
    """The login goes well each time; somebody or some policy ends what it gives."""
    org = engine.served.org
    lane = await follow(engine)
    for calls in (2, 3, 5):
        org.faults.add(FaultRule(point="http", kind="expire_session", match="/cometd", times=calls))
        with org.transaction() as tx:
            tx.create("Account", {"Name": f"while {calls} sessions end"})
        await until(lambda: has_passed(org))
        await until(lambda: equals(engine))
        org.faults.clear()
    assert not (await lane.query(LaneWorkflow.state)).paused


async def has_passed(org: Org) -> bool:
    """Every rule has struck as often as it may."""
    return all(rule["struck"] == rule["times"] for rule in org.faults.listing())


async def has_hole(engine: SmallEngine) -> bool:
    return await holes(engine) > 0


async def has_linked(engine: SmallEngine) -> bool:
    """The chain leads over the hole."""
    batches = list(Chain(engine.store, org=engine.org, lane=LANE).walk())
    return [batch.after_hole for batch in batches].count(True) == 1


async def test_sixty_five_seeded_faults_of_a_stream_are_all_found_and_repaired_with_no_operator(
    engine: ReconcilingEngine,
) -> None:
    """Gaps, wildcards, overflows, lost bases, and expired replay ids with all that happened in the
    hole.
    """
    await fill(engine.served.org, FillPlan(object="Account", records=150, days=20))
    engine.served.org.bus.forget_all()
    await engine.backfill("Account")
    faults = StreamFaults(engine, random.Random(23), await follow(engine))
    planted: dict[str, str] = {}
    for _ in range(2):
        planted |= faults.plant(20)
        await until(lambda: equals(engine, *faults.purged), seconds=60)
        planted |= await faults.plant_expired(10)
        # More of them come while the hole is being read.
    planted |= faults.plant(5)
    await until(lambda: equals(engine, *faults.purged), seconds=60)
    assert set(planted.values()) == set(faults.kinds)
    causes = {row[0] for row in engine.rows("SELECT DISTINCT cause FROM ops.reread WHERE outcome = 'read'")}
    assert causes == {"gap", "wildcard", "overflow", "incomplete", "hole"}
    assert_accounted_for(engine)
    state = await engine.reconcile("Account", "proof", depth=Depth.FIELDS)
    assert (state.verdict, state.found) == (Verdict.EQUAL, 0)
    assert await holes(engine) == 2


async def test_a_record_that_is_read_in_vain_is_given_up(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse
) -> None:
    catalogue = default_catalogue()
    warehouse.ensure_tables(catalogue)
    rereads = Rereads(client, warehouse, store, catalogue, most_attempts=2)
    commit = datetime(2026, 9, 21, tzinfo=UTC)
    order = change_order(round(commit.timestamp() * 1_000), 1, 1)
    gap = RereadRequest("changes/7", "Account", 0, "001Tg0000000001AAA", Cause.GAP, order, None, commit)
    with warehouse.transaction() as transaction:
        enqueue_rereads(transaction, [gap])
    environment = ActivityEnvironment()
    for _ in range(2):
        (repair,) = (await environment.run(rereads.find_rereads, FindInput(org="o"))).repairs
        assert (repair.after, repair.stands_at, repair.asked) == (commit, commit, 1)
        await environment.run(rereads.close_rereads, CloseInput(org="o", repair=repair))
    assert (await environment.run(rereads.find_rereads, FindInput(org="o"))).repairs == ()
    with warehouse.transaction() as transaction:
        assert transaction.fetch("SELECT outcome, attempts FROM ops.reread") == [("given_up", 2)]
