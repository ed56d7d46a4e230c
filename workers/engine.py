"""From settings to running workers.

Four roles, because their work waits for different things: `lanes` reads streams and must never be late for a long poll;
`batches` decodes and loads, and is busy; `backfill` reads millions of rows, or replays what was landed, and may be late; `writebacks` writes into the org, and has deadlines. One process
may have all.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.acts import Acts
from activities.applier import Applier
from activities.backfill_rates import BackfillRates
from activities.batches import Batches
from activities.boundary import ErrorBoundary
from activities.check_drift import CheckDrift
from activities.draw_plan import PlanDrawer
from activities.find_deleted import FindDeleted
from activities.follow import FollowLane
from activities.group_commit import GroupCommit
from activities.holes import Holes
from activities.keep_describe import KeepDescribe
from activities.land_rows import RowLandings
from activities.landing import CutRule
from activities.limits import Limits
from activities.plan_backfill import PlanBackfill
from activities.plan_refresh import PlanRefresh
from activities.poll import PollLane
from activities.read_fields import ReadFields
from activities.read_part import ReadPart
from activities.read_records import ReadRecords
from activities.reconcile_buckets import BucketLooks
from activities.reconcile_facts import FactComparisons
from activities.reconcile_log import LogChecks
from activities.reconcile_read import FactReads
from activities.reconcile_report import Reports
from activities.replay import ReplaySteps
from activities.rereads import Rereads
from activities.watch_lanes import LaneWatch
from clients.audit import AuditLog
from clients.keys import org_data_key
from clients.live_catalogue import LiveCatalogue
from clients.objectstore import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.redshift import RedshiftWarehouse
from clients.warehouse.shadows import shadow_prefix
from clients.writebacks.sessions import WritebackStore
from schemas import names
from schemas.catalogue import Catalogue, load_catalogue
from schemas.drift import RELOAD_EVERY
from schemas.errors import SettingsError, TidegateError, UnavailableError
from transforms.protect import Protector
from transforms.reconcile_plan import PlanTerms
from transforms.reprotect import Reprotector
from workers.org import Org, open_org, paid_streams, source_opener
from workers.settings import Settings
from workers.writebacks import keeping_describes, keeping_queues, writeback_steps
from workflows import WORKFLOWS, GovernorWorkflow, PlannerWorkflow

PASSED_THROUGH = ("schemas", "transforms", "workflows", "pydantic", "pyarrow", "numpy", "yaml", "orjson")
"""Modules that the workflow sandbox does not import anew for every run: 8 ms instead of 212."""
_log = logging.getLogger(__name__)
_DRAIN = timedelta(seconds=8)
_REPLAY_STEPS = 2
"""Groups of replayed batches that a process takes at once: one is decoded while the other is in the warehouse."""
_EVERYWHERE: list[type] = [GovernorWorkflow, PlannerWorkflow]
"""Workflows that every process serves."""


class Role(StrEnum):
    """What a worker process does."""

    ALL = "all"
    LANES = "lanes"
    BATCHES = "batches"
    BACKFILL = "backfill"
    WRITEBACKS = "writebacks"


@dataclass(frozen=True)
class Parts:
    """The clients of one process."""

    settings: Settings
    catalogue: LiveCatalogue
    store: ObjectStore
    warehouse: Warehouse
    audit: AuditLog
    protector: Protector


async def connect_temporal(settings: Settings, *, lazy: bool = False) -> Client:
    """A client for the settings' Temporal; raises `UnavailableError` that says where it looked.

    A lazy one connects when it is first used.
    """
    where = settings.temporal
    try:
        return await Client.connect(
            where.address, namespace=where.namespace, data_converter=pydantic_data_converter, lazy=lazy
        )
    except RuntimeError as error:
        detail = f"no answer at {where.address}; start it, or set TIDEGATE_TEMPORAL__ADDRESS"
        raise UnavailableError(system="Temporal", detail=detail) from error


def open_warehouse(settings: Settings, *, prefix: str = "") -> Warehouse:
    """The adapter of the settings' warehouse. `prefix`: of the schemas' names; empty but for a shadow."""
    where = settings.warehouse
    dsn = where.dsn.get_secret_value()
    if where.kind == "postgres":
        return PostgresWarehouse(dsn, prefix=prefix)
    if where.copy_role is None:
        raise SettingsError(
            "Redshift needs TIDEGATE_WAREHOUSE__COPY_ROLE, the role with which COPY reads the bucket."
        )
    store = ObjectStore(settings.s3.address())
    return RedshiftWarehouse(dsn, store=store, copy_role=where.copy_role, prefix=prefix)


def open_parts(settings: Settings) -> Parts:
    """Open every client and make the tables that are missing. Blocks."""
    file = load_catalogue(settings.catalogue)
    address = settings.s3.address()
    store = ObjectStore(address)
    warehouse = open_warehouse(settings)
    warehouse.ensure_tables(file)
    catalogue = LiveCatalogue.over(file, warehouse)
    warehouse.ensure_tables(catalogue)
    audit = AuditLog(settings.operational.dsn.get_secret_value())
    audit.ensure_tables()
    key = org_data_key(settings.salesforce.org_id, address, store)
    protector = Protector(key, catalogue)
    catalogue.when_changed(protector.reload)
    return Parts(settings, catalogue, store, warehouse, audit, protector)


@asynccontextmanager
async def running_workers(settings: Settings, role: Role = Role.ALL) -> AsyncIterator[Client]:
    """Run the role's workers until left; they then finish what they have in hand."""
    client = await connect_temporal(settings)
    parts = await asyncio.to_thread(open_parts, settings)
    # Steps wait in threads for S3 and the warehouse; the loop's own default would be six of them.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(24, thread_name_prefix="step"))
    async with AsyncExitStack() as stack:
        stack.callback(parts.audit.close)
        stack.callback(parts.warehouse.close)
        await stack.enter_async_context(following(parts.catalogue))
        await stack.enter_async_context(_governor_worker(client))
        if role in (Role.ALL, Role.BATCHES):
            for worker in _batch_workers(client, parts):
                await stack.enter_async_context(worker)
        if role in (Role.ALL, Role.BACKFILL):
            await stack.enter_async_context(_replay_worker(client, parts))
        if role is not Role.BATCHES:
            org = await stack.enter_async_context(open_org(client, settings))
            for worker in _workers_at_the_org(client, parts, org, role):
                await stack.enter_async_context(worker)
            if role in (Role.ALL, Role.WRITEBACKS):
                await stack.enter_async_context(_writing_back(client, parts, org))
        yield client


@asynccontextmanager
async def following(catalogue: LiveCatalogue) -> AsyncIterator[None]:
    """Go by what is decided about the schema, some seconds after it was."""

    async def follow() -> None:
        while True:
            await asyncio.sleep(RELOAD_EVERY.total_seconds())
            try:
                await asyncio.to_thread(catalogue.follow)
            except TidegateError as error:
                _log.warning("the catalogue's changes cannot be read now: %s", error)

    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _workers_at_the_org(client: Client, parts: Parts, org: Org, role: Role) -> list[Worker]:
    workers = []
    if role in (Role.ALL, Role.LANES):
        workers += [_lane_worker(client, parts, org), _org_worker(client, parts, org)]
    if role in (Role.ALL, Role.BACKFILL):
        workers.append(_backfill_worker(client, parts, org))
        workers.append(_reconcile_worker(client, parts, org))
    return workers


def _batch_workers(client: Client, parts: Parts) -> list[Worker]:
    applier = Applier(parts.warehouse, parts.store, parts.catalogue)
    batches = Batches(parts.store, parts.catalogue, GroupCommit(applier.apply))
    rereads = Rereads(client, parts.warehouse, parts.store, parts.catalogue)
    activities = [
        batches.stage_batch,
        batches.apply_batch,
        Acts(parts.audit).record_act,
        rereads.find_rereads,
        rereads.close_rereads,
        *_planner_steps(client, parts),
    ]
    workflows = Worker(
        client,
        task_queue=names.WORKFLOW_QUEUE,
        workflows=[each for each in WORKFLOWS if each not in _EVERYWHERE],
        workflow_runner=sandboxed_runner(),
        max_cached_workflows=200,
        max_concurrent_workflow_tasks=20,
        graceful_shutdown_timeout=_DRAIN,
    )
    return [workflows, _activity_worker(client, names.BATCH_QUEUE, activities, most=200)]


def _replay_worker(client: Client, parts: Parts) -> Worker:
    """Beside the backfills, so that decoding a day anew does not take the interpreter from the lanes' batches."""
    reprotector = Reprotector(parts.protector, parts.catalogue)
    parts.catalogue.when_changed(reprotector.reload)
    steps = ReplaySteps(
        parts.store,
        parts.warehouse,
        parts.catalogue,
        reprotector,
        lambda name: open_warehouse(parts.settings, prefix=shadow_prefix(name)),
    )
    activities = [steps.size_replay, steps.find_batches, steps.redrive_batches]
    return _activity_worker(client, names.REPLAY_QUEUE, activities, most=_REPLAY_STEPS)


def _planner_steps(client: Client, parts: Parts) -> list[Callable[..., Any]]:
    settings = parts.settings
    drawer = PlanDrawer(
        client,
        parts.warehouse,
        parts.catalogue,
        settings.budgets,
        other_lanes=frozenset(lane.name for lane in settings.lanes),
    )
    watch = LaneWatch(client, parts.store, parts.warehouse)
    return [drawer.draw_plan, watch.watch_lanes, watch.open_lane, watch.find_lane_end]


def _governor_worker(client: Client) -> Worker:
    """In every process: the budgets, and the ways of objects, must have an owner as long as anything runs."""
    return Worker(
        client,
        task_queue=names.GOVERNOR_QUEUE,
        workflows=_EVERYWHERE,
        workflow_runner=sandboxed_runner(),
        graceful_shutdown_timeout=_DRAIN,
    )


def _org_worker(client: Client, parts: Parts, org: Org) -> Worker:
    limits = Limits(org.sessions, org.http.api_version)
    steps = [limits.read_limits, KeepDescribe(org.http, parts.store).keep_describe]
    return _activity_worker(client, names.ORG_QUEUE, steps, most=20)


def _lane_worker(client: Client, parts: Parts, org: Org) -> Worker:
    cut = parts.settings.cut
    follow = FollowLane(
        client=client,
        store=parts.store,
        protector=parts.protector,
        open_stream=paid_streams(parts.settings, parts.catalogue, org),
        rule=CutRule(cut.most_changes, cut.most_bytes, cut.most_age),
        holes=Holes(client, parts.warehouse, parts.audit, parts.catalogue, org.http),
    )
    polling = parts.settings.polling
    poll = PollLane(
        client=client,
        store=parts.store,
        protector=parts.protector,
        open_source=source_opener(parts.settings, parts.catalogue, org),
        rule=follow.rule,
        overlap=polling.overlap,
        deletions_every=polling.deletions_every,
    )
    return _activity_worker(client, names.LANE_QUEUE, [follow.follow_lane, poll.poll_lane], most=20)


def _backfill_worker(client: Client, parts: Parts, org: Org) -> Worker:
    landings = RowLandings(client, parts.store, parts.protector)
    delay = parts.settings.polling.visibility_delay

    def catalogue() -> Catalogue:
        return parts.catalogue

    read_part = ReadPart(org.http, landings, catalogue, visibility_delay=delay)
    part_rows = parts.settings.backfill.part_rows
    steps = [
        PlanBackfill(org.http, parts.store, catalogue, part_rows).plan_backfill,
        read_part.read_part,
        read_part.drop_job,
        ReadRecords(org.http, landings, catalogue, visibility_delay=delay).read_records,
        BackfillRates(parts.store).keep_rate,
        FindDeleted(org.http, parts.store, catalogue).find_deleted,
        *_schema_steps(parts, org, landings),
    ]
    return _activity_worker(client, names.BACKFILL_QUEUE, steps, most=8)


def _reconcile_worker(client: Client, parts: Parts, org: Org) -> Worker:
    warehouse, store, delay = parts.warehouse, parts.store, parts.settings.polling.visibility_delay
    terms = PlanTerms(page_rows=parts.settings.reconciliation.page_rows)

    def catalogue() -> Catalogue:
        return parts.catalogue

    buckets = BucketLooks(org.http, warehouse, store, catalogue, delay)
    reads = FactReads(org.http, store, catalogue, parts.protector, delay, terms)
    facts = FactComparisons(warehouse, store, catalogue)
    steps = [
        LogChecks(warehouse, store, catalogue).check_log,
        buckets.ask_buckets,
        buckets.compare_buckets,
        reads.read_facts,
        facts.compare_facts,
        Reports(warehouse, store).keep_report,
    ]
    return _activity_worker(client, names.RECONCILE_QUEUE, steps, most=4)


@asynccontextmanager
async def _writing_back(client: Client, parts: Parts, org: Org) -> AsyncIterator[None]:
    settings = parts.settings
    store = WritebackStore(settings.operational.dsn.get_secret_value())
    steps = writeback_steps(
        settings.writeback,
        store,
        org.http,
        org.sessions,
        parts.warehouse,
        parts.catalogue,
        parts.protector,
    )
    activities = [
        steps.form_writebacks,
        steps.send_writebacks,
        steps.look_up_writebacks,
        steps.set_writeback_pause,
    ]
    worker = _activity_worker(client, names.WRITEBACK_QUEUE, activities, most=20)
    org_id = settings.salesforce.org_id
    describes = keeping_describes(KeepDescribe(org.http, parts.store).keep_describe, org_id, parts.catalogue)
    try:
        async with worker, keeping_queues(client, org_id, store), describes:
            yield
    finally:
        store.close()


def _schema_steps(parts: Parts, org: Org, landings: RowLandings) -> list[Callable[..., Any]]:
    settings, live = parts.settings, parts.catalogue
    # Redshift's columns have lengths, and a longer value would fail its batch instead of waiting in quarantine.
    widen = settings.warehouse.kind == "postgres"
    policy = settings.drift.policy().model_copy(update={"widen": widen})
    check = CheckDrift(org.http, parts.warehouse, live, policy)
    fields = ReadFields(
        org.http,
        landings,
        parts.warehouse,
        lambda: live,
        visibility_delay=settings.polling.visibility_delay,
    )
    plan = PlanRefresh(parts.store, parts.warehouse, lambda: live)
    return [check.check_drift, fields.read_fields, plan.plan_refresh, plan.end_refresh]


def _activity_worker(client: Client, queue: str, activities: Sequence[Any], *, most: int) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        activities=activities,
        interceptors=[ErrorBoundary()],
        max_concurrent_activities=most,
        max_heartbeat_throttle_interval=timedelta(seconds=2),
        graceful_shutdown_timeout=_DRAIN,
    )


def sandboxed_runner() -> SandboxedWorkflowRunner:
    """The workflow sandbox with our own packages passed through; workers and replay tests use the same."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    )
