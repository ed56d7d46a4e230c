"""What a stream cannot tell comes into the warehouse all the same: gaps, overflows, lost bases, and what the bus held no more."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from activities.asking import ask
from activities.boundary import ErrorBoundary
from activities.follow import FollowLane
from activities.holes import LANE_HOLE, Holes
from activities.landing import CutRule
from activities.rereads import Rereads
from cli.comparison import compare_all
from clients import cometd
from clients.chain import Chain
from clients.objectstore import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas import names
from schemas.catalogue import default_catalogue
from schemas.ids import lane_workflow_id, repair_workflow_id
from schemas.limits import API_VERSION
from schemas.messages import LaneInput, PauseInput
from schemas.rereads import CloseInput, FindInput, RepairInput
from tests.following import groups_settle_at_once  # noqa: F401
from tests.served_org import served_org
from tests.small_engine import SmallEngine, serving_engine
from tests.waiting import until
from transforms.decode import change_order
from transforms.rereads import Asked, Cause
from workflows import LaneWorkflow

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("groups_settle_at_once")]

LANE, CHANNEL = "account", "/data/AccountChangeEvent"


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[SmallEngine]:
    """An engine with a repair workflow and a lane's worker."""
    async with served_org(tmp_path) as served:
        made = SmallEngine(client, served, store, warehouse, database, org=f"g{uuid.uuid4().hex[:10]}")
        holes = Holes(
            client,
            warehouse,
            made.audit,
            made.catalogue,
            served.http,
            subscribed_within=timedelta(seconds=1),
        )
        follow = FollowLane(
            client,
            store,
            made.protector,
            lambda request, replay_id: cometd.open_stream(
                served.sessions,
                lane=request.lane,
                channel=request.channel,
                replay_id=replay_id,
                api_version=API_VERSION,
            ),
            rule=CutRule(most_age=timedelta(seconds=0.1)),
            holes=holes,
        )
        lanes = Worker(
            client,
            task_queue=names.LANE_QUEUE,
            activities=[follow.follow_lane],
            interceptors=[ErrorBoundary()],
            max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        )
        async with serving_engine(made) as engine, lanes:
            await client.start_workflow(
                names.REPAIR_WORKFLOW,
                RepairInput(
                    org=made.org, look_every=timedelta(seconds=1), gather=timedelta(milliseconds=100)
                ),
                id=repair_workflow_id(made.org),
                task_queue=names.WORKFLOW_QUEUE,
            )
            yield engine


async def follow(engine: SmallEngine, first_replay: int = -2) -> WorkflowHandle[LaneWorkflow, None]:
    lane = LaneInput(org=engine.org, lane=LANE, channel=CHANNEL, first_replay=first_replay)
    return await engine.client.start_workflow(
        LaneWorkflow.run, lane, id=lane_workflow_id(engine.org, LANE), task_queue=names.WORKFLOW_QUEUE
    )


async def equals(engine: SmallEngine, *purged: str) -> bool:
    """The warehouse is equal to the org, but for deleted rows of purged records; and nothing is left on the list."""
    session = await engine.served.sessions.session()
    control = f"{session.instance_url}/sandbox"
    found = await asyncio.to_thread(compare_all, control, engine.database, engine.catalogue, engine.protector)
    gone = [f"Account {record_id} is not in the org" for record_id in purged]
    deleted = engine.rows("SELECT record_id FROM curated.account_current WHERE is_deleted")
    if not {(record_id,) for record_id in purged} <= set(deleted):
        return False
    return found.shown == gone and not engine.rows("SELECT 1 FROM ops.reread WHERE closed_at IS NULL")


def assert_accounted_for(engine: SmallEngine) -> None:
    wrong = "SELECT batch FROM ops.ledger WHERE landed <> applied + duplicate + quarantined"
    assert engine.rows(wrong) == []
    assert engine.rows("SELECT 1 FROM ops.quarantine WHERE resolved_at IS NULL") == []


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
    # Updates without a base, a change that only a gap event tells, and one of a record that is deleted meanwhile.
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
    await until(lambda: subscribed(engine))
    with org.transaction() as tx:
        tx.update("Account", ids[0], {"Name": "changed after the hole"})
        tx.update("Account", ids[3], {"Name": "changed after the hole"})
    await until(lambda: equals(engine, ids[2]), seconds=30)
    await until(lambda: has_linked(engine))
    assert_accounted_for(engine)
    acts = [act for _, act in engine.audit.rows() if act.act == LANE_HOLE]
    assert [(act.by, act.target) for act in acts] == [("tidegate", lane_workflow_id(engine.org, LANE))]
    assert not (await lane.query(LaneWorkflow.state)).paused


async def subscribed(engine: SmallEngine) -> bool:
    return bool(engine.rows("SELECT 1 FROM ops.reread WHERE cause = 'hole'"))


async def has_linked(engine: SmallEngine) -> bool:
    """The chain leads over the hole."""
    batches = list(Chain(engine.store, org=engine.org, lane=LANE).walk())
    return [batch.after_hole for batch in batches].count(True) == 1


async def test_a_record_that_is_read_in_vain_is_given_up(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse
) -> None:
    catalogue = default_catalogue()
    warehouse.ensure_tables(catalogue)
    rereads = Rereads(client, warehouse, store, catalogue, most_attempts=2)
    commit = datetime(2026, 9, 21, tzinfo=UTC)
    order = change_order(round(commit.timestamp() * 1_000), 1, 1)
    gap = Asked("changes/7", "Account", 0, "001Tg0000000001AAA", Cause.GAP, order, None, commit)
    with warehouse.transaction() as transaction:
        ask(transaction, [gap])
    environment = ActivityEnvironment()
    for _ in range(2):
        (repair,) = (await environment.run(rereads.find_rereads, FindInput(org="o"))).repairs
        assert (repair.after, repair.stands_at, repair.asked) == (commit, commit, 1)
        await environment.run(rereads.close_rereads, CloseInput(org="o", repair=repair))
    assert (await environment.run(rereads.find_rereads, FindInput(org="o"))).repairs == ()
    with warehouse.transaction() as transaction:
        assert transaction.fetch("SELECT outcome, attempts FROM ops.reread") == [("given_up", 2)]
