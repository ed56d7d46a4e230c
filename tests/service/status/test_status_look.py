"""A look at the engine on real parts: whichever of them is frozen, refuses or is missing, the rest
is shown, in time, and the missing one is never shown as good.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.worker import Worker

from clients.database.audit_log import AuditLog
from clients.storage.objects import S3Address, aws_client
from clients.temporal.lane_facts import describe_lane
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql.apply import LEDGER
from clients.writeback.store import WritebackStore
from schemas import names
from schemas.catalogue import default_catalogue
from schemas.errors import BudgetSpentError, ReplayExpiredError
from schemas.ids import lane_workflow_id
from schemas.ingest.messages import LaneInput, PauseInput
from schemas.status import EngineStatus, Health, LaneState, LaneStatus
from tests.support.builders.waiting import SLOWNESS, until
from tests.support.engines.served_api import ORG, settings_for
from tests.support.faults.frozen import silent_address, stopped
from tests.support.scripted.scripted import ScriptedFollower, serving
from transforms.status.lanes import lane_status
from workers.roles import sandboxed_runner
from workers.settings import Settings
from workers.status import StatusLook
from workflows import WORKFLOWS

pytestmark = pytest.mark.service

MOST_SECONDS = 3.0
"""Of a whole look with a frozen remote."""
REFUSED = BudgetSpentError(
    budget="delivered_events", lease_class="polling", reason="spent", retry_after=timedelta(hours=1)
)


@pytest.fixture
def settings(database: str, temporal_address: str, s3_address: S3Address) -> Settings:
    """An engine's settings, with its tables made."""
    with closing(PostgresWarehouse(database)) as warehouse, closing(AuditLog(database)) as audit:
        warehouse.ensure_tables(default_catalogue())
        audit.ensure_tables()
    with closing(WritebackStore(database)) as store, store.begin():
        pass  # it makes its tables when it is first used
    return settings_for(dsn=database, temporal=temporal_address, s3=s3_address)


@pytest.fixture
def look(settings: Settings) -> Iterator[StatusLook]:
    with closing(StatusLook(settings)) as opened:
        yield opened


def health(found: EngineStatus) -> dict[str, Health]:
    return {each.name: each.health for each in found.remotes}


def changed(settings: Settings, group: str, **values: Any) -> Settings:
    return settings.model_copy(update={group: getattr(settings, group).model_copy(update=values)})


def at(settings: Settings, remote: str, address: str) -> Settings:
    """The settings with one remote at another address."""
    dsn = f"postgresql://nobody@{address}/none"
    values: dict[str, tuple[str, dict[str, Any]]] = {
        "salesforce": ("salesforce", {"login_url": f"http://{address}"}),
        "temporal": ("temporal", {"address": address}),
        "warehouse": ("warehouse", {"dsn": SecretStr(dsn)}),
        "operational": ("operational", {"dsn": SecretStr(dsn)}),
        "s3": ("s3", {"endpoint_url": f"http://{address}"}),
    }
    group, more = values[remote]
    return changed(settings, group, **more)


async def test_what_answers_is_up_and_a_remote_that_refuses_connections_is_down(look: StatusLook):
    found = (await look.look()).status
    assert health(found) == {
        "salesforce": Health.DOWN,  # nothing listens there
        **dict.fromkeys(("temporal", "warehouse", "operational", "s3", "kms"), Health.UP),
    }
    assert ("remote.down", "salesforce") in {(each.code, each.subject) for each in found.problems}


@pytest.mark.parametrize("remote", ["salesforce", "temporal", "warehouse", "operational", "s3"])
async def test_a_frozen_remote_is_unknown_within_three_seconds_and_hides_nothing_else(
    settings: Settings, remote: str
):
    with silent_address() as address, closing(StatusLook(at(settings, remote, address))) as look:
        for _ in range(2):  # the second look finds the first one's thread still waiting
            found = (await look.look()).status
            assert found.took < timedelta(seconds=MOST_SECONDS * SLOWNESS)
            states = health(found)
            assert states[remote] is Health.UNKNOWN

        async def others_are_up() -> bool:
            states = health((await look.look()).status)
            others = {"temporal", "warehouse", "operational"} - {remote}
            return {states[name] for name in others} == {Health.UP}

        await until(others_are_up)  # a busy machine takes longer than two seconds now and then


async def test_a_database_that_freezes_between_two_looks_is_unknown_and_then_up_again(
    look: StatusLook, database: str
):
    assert health((await look.look()).status)["warehouse"] is Health.UP
    name = database.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(database, autocommit=True) as own:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        pids = [pid for (pid,) in own.execute(query, [name])]
        with stopped(pids):
            found = (await look.look()).status
            assert found.took < timedelta(seconds=MOST_SECONDS * SLOWNESS)
            assert health(found)["warehouse"] is Health.UNKNOWN
            assert {"ledger", "quarantine", "writebacks"} <= set(found.unknown)

    async def is_up() -> bool:
        return health((await look.look()).status)["warehouse"] is Health.UP

    await until(is_up)


async def test_a_disabled_key_is_down_and_says_so(look: StatusLook, s3_address: S3Address):
    kms = aws_client("kms", s3_address)
    key = kms.describe_key(KeyId=s3_address.kms_key_id)["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    try:
        found = (await look.look()).status
    finally:
        kms.enable_key(KeyId=key)
    assert health(found)["kms"] is Health.DOWN
    [told] = [each.text for each in found.problems if each.subject == "kms"]
    assert "isabled" in told


async def test_callers_within_ten_seconds_share_one_look(look: StatusLook):
    first, second = await asyncio.gather(look.recent(), look.recent())
    assert first is second
    assert (await look.recent(timedelta(0))) is not first


@pytest.fixture
async def lanes_only(client: Client) -> AsyncIterator[ScriptedFollower]:
    """A worker of the role `lanes`, and none of `batches`."""
    follower = ScriptedFollower()
    async with Worker(client, task_queue=names.LANE_QUEUE, activities=[follower.follow_lane]):
        yield follower


async def start_lane(client: Client, name: str = "changes", **more: Any) -> Any:
    lane = LaneInput(org=ORG, lane=name, channel="/data/ChangeEvents", **more)
    return await client.start_workflow(
        names.LANE_WORKFLOW, lane, id=lane_workflow_id(ORG, name), task_queue=names.WORKFLOW_QUEUE
    )


async def lane_now(client: Client, name: str = "changes") -> LaneStatus:
    return lane_status(await describe_lane(client, ORG, name), datetime.now(UTC))


async def test_without_a_batches_worker_the_look_is_in_time_and_the_role_is_missing(
    client: Client, look: StatusLook, lanes_only: ScriptedFollower
):
    await start_lane(client)

    async def lanes_are_up() -> bool:
        [lanes] = [each for each in (await look.look()).status.roles if each.role == "lanes"]
        return any(queue.queue == names.LANE_QUEUE and queue.pollers for queue in lanes.queues)

    async def batches_are_missing() -> bool:
        roles = (await look.look()).status.roles
        return {each.role: each.health for each in roles}["batches"] is Health.DOWN

    await until(lanes_are_up)
    # The server remembers for a minute that workers of other tests asked for this queue's work.
    await until(batches_are_missing, seconds=100)
    found = (await look.look()).status
    assert found.took < timedelta(seconds=MOST_SECONDS * SLOWNESS)
    assert ("role.missing", "batches") in {(each.code, each.subject) for each in found.problems}
    assert [each.lane for each in found.lanes] == ["changes"]
    assert found.lanes[0].state not in (LaneState.FOLLOWING, LaneState.QUIET)


async def test_who_paused_a_lane_is_known_without_any_worker(client: Client):
    async with serving(client, ScriptedFollower()):
        handle = await start_lane(client)
        await handle.signal(names.PAUSE, PauseInput(by="ada", reason="the night"))

        async def is_paused() -> bool:
            return (await lane_now(client)).state is LaneState.PAUSED

        await until(is_paused)
    found = await lane_now(client)
    assert (found.state, found.by) == (LaneState.PAUSED, "ada")
    assert "the night" in found.because
    assert found.since is not None


async def test_a_lane_that_paused_itself_names_nobody_but_the_reason(client: Client):
    gone = ReplayExpiredError(lane="changes", position="5", detail="it is too old")
    async with serving(client, ScriptedFollower([gone])):
        await start_lane(client)

        async def is_paused() -> bool:
            return (await lane_now(client)).state is LaneState.PAUSED

        await until(is_paused)
    found = await lane_now(client)
    assert found.by == ""
    assert found.because == str(gone)


async def test_a_lane_that_is_refused_its_tokens_waits_and_says_until_when(client: Client):
    async with serving(client, ScriptedFollower([REFUSED])):
        await start_lane(client)

        async def waits() -> bool:
            return (await lane_now(client)).state is LaneState.WAITING

        await until(waits)
        found = await lane_now(client)
    assert "delivered_events" in found.because
    assert found.next_try_at is not None
    assert found.next_try_at > datetime.now(UTC) + timedelta(minutes=50)


async def test_a_follower_of_an_older_release_is_unknown_and_not_quiet(client: Client):
    follower = ScriptedFollower()
    async with serving(client, follower):
        await start_lane(client)
        await until(lambda: follower.follows_from("origin"))

        async def is_told() -> bool:
            facts = await describe_lane(client, ORG, "changes")
            return facts.follower is not None and facts.follower.position == "origin"

        await until(is_told)
        assert (await lane_now(client)).state is LaneState.UNKNOWN


async def test_a_lane_whose_worker_died_is_stalled_and_later_named_as_without_a_worker(client: Client):
    follower = ScriptedFollower()
    async with Worker(
        client, task_queue=names.WORKFLOW_QUEUE, workflows=WORKFLOWS, workflow_runner=sandboxed_runner()
    ):
        async with Worker(client, task_queue=names.LANE_QUEUE, activities=[follower.follow_lane]):
            await start_lane(client)
            await until(lambda: follower.follows_from("origin"))

        async def is_stalled() -> bool:
            return (await lane_now(client)).state is LaneState.STALLED

        await until(is_stalled, seconds=60)


async def test_only_the_last_day_of_the_ledger_is_counted(look: StatusLook, database: str):
    columns = (
        "batch, object, lane, start_position, end_position, raw_key, landed, applied, duplicate, quarantined, "
        "rebuilt, first_changed_at, last_changed_at, first_received_at, last_received_at, committed_at"
    )
    with psycopg.connect(database, autocommit=True) as own:
        for name, age in (("new", "1 minute"), ("old", "2 days")):
            own.execute(
                f"INSERT INTO {LEDGER} ({columns}) SELECT %s, 'Case', 'changes', '1', %s, 'k', 5, 4, 0, 0, 0, "
                f"t, t, t, t, t FROM (SELECT NOW() - INTERVAL '{age}' AS t) AS moments".encode(),
                [name, name],
            )
    found = await look.look()
    assert found.facts.warehouse is not None
    assert found.facts.warehouse.ledger is not None
    [row] = found.facts.warehouse.ledger
    assert (row.landed, row.imbalance) == (5, 1)
    assert found.facts.warehouse.positions is not None
    assert [each.position for each in found.facts.warehouse.positions] == ["new"]
    assert "ledger.imbalance" in {each.code for each in found.status.problems}


async def test_freshness_at_95_and_99_percent_is_that_of_each_batchs_slowest_change(
    look: StatusLook, database: str
):
    columns = (
        "batch, object, lane, start_position, end_position, raw_key, landed, applied, duplicate, quarantined, "
        "rebuilt, first_changed_at, last_changed_at, first_received_at, last_received_at, committed_at"
    )
    with psycopg.connect(database, autocommit=True) as own:
        own.execute(
            f"INSERT INTO {LEDGER} ({columns}) SELECT 'changes/' || n, 'Case', 'changes', '1', '2', 'k', 1, 1, 0, 0, "
            "0, NOW() - make_interval(secs => n), NOW(), NOW(), NOW(), NOW() FROM generate_series(0, 100) AS n".encode()
        )
    [found] = (await look.look()).status.objects
    assert (found.freshness_p50, found.freshness_p95, found.freshness_p99, found.freshness_max) == tuple(
        timedelta(seconds=seconds) for seconds in (50, 95, 99, 100)
    )
