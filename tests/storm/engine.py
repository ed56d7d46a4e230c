"""The engine's activities in a process of a schedule, with clients that meet the storm. What stands
here is what `workers/` does with settings.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from activities import (
    apply,
    audit,
    backfill,
    drift,
    erasure,
    governor,
    ingest,
    keys as key_steps,
    repair,
    replay,
    writeback,
)
from activities.ingest.landing_buffer import BatchLimits
from activities.writeback.bulk import BulkJobConfig
from activities.writeback.config import WritebackConfig
from clients.dependencies import Clients
from clients.governor.event_lease import EventLease
from clients.governor.leases import Leases
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import PolledSource
from clients.salesforce.session import SalesforceAddress, SessionSource
from clients.storage.data_key import DataKeys, org_key_ring
from clients.storage.objects import ObjectStore, S3Address
from clients.temporal.governor import TemporalGovernor
from clients.temporal.writeback_queues import WritebackQueues
from clients.warehouse import Warehouse
from clients.warehouse.erased_records import ErasedRecords
from clients.warehouse.live_catalogue import LiveCatalogue
from clients.writeback.batch_former import objects_that_wait
from schemas.drift import RELOAD_EVERY, DriftPolicy
from schemas.errors import TidegateError
from schemas.governor import GovernorConfig
from schemas.security.erasure import HEARD_EVERY
from tests.storm.fate import Fate, Weather
from tests.storm.process import EngineProcess
from tests.storm.tables import (
    StormAudit,
    StormErasures,
    StormRegister,
    StormStore,
    StormSubjects,
    StormWarehouse,
)
from tests.storm.temporal.client import storm_client
from transforms.pii import KeyRing, Protector
from transforms.writeback.batching import BatchingConfig
from workers.salesforce import Org

if TYPE_CHECKING:
    from tests.storm.world import World

_QUEUES_EVERY = 60.0
"""Seconds between two looks of a process for writebacks without a queue."""
_KEYS_EVERY = timedelta(minutes=1)
"""As `workers.security.keys` has it."""
VISIBLE_AFTER = timedelta(seconds=1)
ADDRESS = S3Address(bucket="raw", region="eu-central-1", kms_key_id="alias/storm")
_RULE = BatchLimits(max_age=timedelta(seconds=2))


def open_engine(world: "World", process: EngineProcess) -> list[Any]:
    """The clients of a process, and its activities over them."""
    process.client, process.org_id = storm_client(world.server), world.org.org_id
    database, fate = world.parts.database, world.fate
    warehouse = StormWarehouse(database.dsn, fate)
    catalogue = LiveCatalogue.unread(world.catalogue, warehouse)
    store = ObjectStore(ADDRESS)
    keys, register = DataKeys(process.org_id, ADDRESS, store), StormRegister(database)
    ring = _key_ring(world, store, register)
    guard = Protector(ring, catalogue)
    catalogue.when_changed(guard.reload)
    erased = ErasedRecords(warehouse, guard.forget)
    # No process opens without the list of erased records: this look meets no fault.
    ErasedRecords(StormWarehouse(database.dsn, Fate(0, Weather({}))), guard.forget).follow()
    log = StormAudit(database, fate)
    clients = Clients(process.client, store, warehouse, catalogue, log, guard)
    org = _way(world, process)
    process.background += [
        partial(_repeat, catalogue.follow, RELOAD_EVERY),
        partial(_repeat, erased.follow, HEARD_EVERY),
        partial(_repeat, ring.refresh, _KEYS_EVERY),
        partial(_keep_queues, WritebackQueues(process.client, process.org_id), StormStore(database, fate)),
    ]
    return [
        *_batch_activities(world, clients),
        *key_steps.activities(clients, keys, register),
        *repair.org_activities(clients, org),
        *backfill.activities(clients, org, visibility_delay=VISIBLE_AFTER),
        *governor.activities(org),
        *drift.activities(clients, org, live=catalogue, policy=DriftPolicy(), visibility_delay=VISIBLE_AFTER),
        *_writeback_activities(clients, org, StormStore(database, fate)),
        *_lane_activities(world, clients, org),
    ]


def _batch_activities(world: "World", clients: Clients) -> list[Any]:
    database = world.parts.database
    subjects = StormSubjects(database, world.org.org_id)
    writebacks = StormStore(database, world.fate)
    return [
        *apply.activities(clients),
        *audit.activities(clients),
        *repair.activities(clients),
        *replay.activities(clients, _no_shadow),
        *erasure.activities(clients, writebacks, StormErasures(database), subjects, _no_shadow),
    ]


def _key_ring(world: "World", store: ObjectStore, register: StormRegister) -> KeyRing:
    """The org's keys as a process opens them. One that cannot is started again, until it can."""
    was_calm, world.fate.is_calm = world.fate.is_calm, True
    try:
        return org_key_ring(
            world.org.org_id, ADDRESS, store, register=register, has_rows=lambda: True, by="storm"
        )
    finally:
        world.fate.is_calm = was_calm


def _writeback_activities(clients: Clients, org: Org, store: StormStore) -> list[Any]:
    return writeback.activities(
        clients,
        org,
        store,
        batching=BatchingConfig(linger=timedelta(seconds=1)),
        sending=WritebackConfig(settled_after=timedelta(seconds=45)),
        jobs=BulkJobConfig(),
    )


def _lane_activities(world: "World", clients: Clients, org: Org) -> list[Any]:
    events, find = EventLease(org.leases), clients.catalogue.object

    def polled(name: str) -> PolledSource:
        return PolledSource(org.http, find(name), visibility_delay=VISIBLE_AFTER)

    return [
        *ingest.stream_activities(
            clients, org, lambda request, after: world.subscribe(request, after, events), _RULE
        ),
        *ingest.poll_activities(clients, org, polled, _RULE),
    ]


def _way(world: "World", process: EngineProcess) -> Org:
    who = world.org.org.identity
    sessions = SessionSource(SalesforceAddress("http://org", who.client_id, client_secret=who.client_secret))
    asked = TemporalGovernor(process.client, process.org_id, GovernorConfig())
    leases = Leases(asked, clock=world.loop.time)
    process.background.append(asked.start)
    return Org(process.org_id, sessions, OrgHttp(sessions, leases), leases)


async def _keep_queues(queues: WritebackQueues, store: StormStore) -> None:
    """Do as `keeping_queues` does: a word to a queue may have been lost before the queue was
    there.
    """
    while True:
        with suppress(TidegateError):
            await queues.wake_all(await asyncio.to_thread(objects_that_wait, store))
        await asyncio.sleep(_QUEUES_EVERY)


async def _repeat(look: Callable[[], object], every: timedelta) -> None:
    """Do as `workers.clients.following` does."""
    while True:
        with suppress(TidegateError):
            await asyncio.to_thread(look)
        await asyncio.sleep(every.total_seconds())


def _no_shadow(name: str) -> Warehouse:
    raise AssertionError(name)
