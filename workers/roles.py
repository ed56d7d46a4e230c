"""The activities and workflows of each worker role.

Four roles, because their work waits for different things: `lanes` reads streams and must never be late for a long poll;
`batches` decodes and loads, and is busy; `backfill` reads millions of rows, or replays what was landed, and may be late; `writebacks`
writes into the org, and has deadlines. One process may have all.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.apply.applier import Applier
from activities.apply.group_commit import GroupCommit
from activities.apply.stage_and_apply import Batches
from activities.audit import Acts
from activities.backfill.plan import PlanBackfill
from activities.backfill.rates import BackfillRates
from activities.backfill.read_part import ReadPart
from activities.backfill.read_records import ReadRecords
from activities.drift.check_schema import CheckDrift
from activities.drift.plan_refresh import PlanRefresh
from activities.drift.read_fields import ReadFields
from activities.governor import Limits
from activities.ingest.follow_lane import FollowLane
from activities.ingest.land_rows import RowLandings
from activities.ingest.landing_buffer import CutRule
from activities.ingest.poll_lane import PollLane
from activities.planner.lanes import LaneWatch
from activities.planner.make_plan import PlanDrawer
from activities.reconcile.compare_buckets import BucketLooks
from activities.reconcile.compare_digests import FactComparisons
from activities.reconcile.find_isolated import IsolatedLooks
from activities.reconcile.read_digests import FactReads
from activities.reconcile.report import Reports
from activities.reconcile.set_aside import SettingAside
from activities.reconcile.verify_fold import LogChecks
from activities.repair.find_deleted import FindDeleted
from activities.repair.rereads import Rereads
from activities.repair.retention_gap import Holes
from activities.replay.replay import ReplaySteps
from activities.runtime.error_interceptor import ErrorBoundary
from activities.runtime.org_interceptor import OneOrg
from clients.warehouse.shadow.schemas import shadow_prefix
from clients.writeback.store import WritebackStore
from schemas import names
from schemas.catalogue import Catalogue
from transforms.reconcile.cost import PlanTerms
from transforms.replay.reencrypt import Reprotector
from workers.clients import Parts, open_warehouse
from workers.salesforce import Org, paid_streams, source_opener
from workers.writeback import echo_steps, keeping_describes, keeping_queues, preview_steps, writeback_steps
from workflows import WORKFLOWS, GovernorWorkflow, PlannerWorkflow

PASSED_THROUGH = ("schemas", "transforms", "workflows", "pydantic", "pyarrow", "numpy", "yaml", "orjson")
"""Modules that the workflow sandbox does not import again for every run: 8 ms instead of 212."""
_DRAIN = timedelta(seconds=8)
_REPLAY_STEPS = 2
"""Groups of replayed batches that a process takes at once: one is decoded while the other is in the warehouse."""
_EVERYWHERE: list[type] = [GovernorWorkflow, PlannerWorkflow]
"""Workflows that every process serves."""


class Role(StrEnum):
    """The tasks of a worker process."""

    ALL = "all"
    LANES = "lanes"
    BATCHES = "batches"
    BACKFILL = "backfill"
    WRITEBACKS = "writebacks"


def workers_at_the_org(client: Client, parts: Parts, org: Org, role: Role) -> list[Worker]:
    """Of every role that calls the org, but for `writing_back`."""
    workers = []
    if role in (Role.ALL, Role.LANES):
        workers += [_lane_worker(client, parts, org), _org_worker(client, parts, org)]
    if role in (Role.ALL, Role.BACKFILL):
        workers.append(_backfill_worker(client, parts, org))
        workers.append(_reconcile_worker(client, parts, org))
    return workers


def batch_workers(client: Client, parts: Parts) -> list[Worker]:
    """Workflows, and the steps that bring batches into the warehouse."""
    applier = Applier(parts.warehouse, parts.store, parts.catalogue)
    batches = Batches(parts.store, parts.catalogue, GroupCommit(applier.apply))
    rereads = Rereads(
        client, parts.warehouse, parts.store, parts.catalogue, grace=parts.settings.quality.grace
    )
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
    return [workflows, _activity_worker(client, parts, names.BATCH_QUEUE, activities, most=200)]


def replay_worker(client: Client, parts: Parts) -> Worker:
    """Beside the backfills, so that decoding a day again does not take the interpreter from the lanes' batches."""
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
    return _activity_worker(client, parts, names.REPLAY_QUEUE, activities, most=_REPLAY_STEPS)


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


def governor_worker(client: Client) -> Worker:
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
    return _activity_worker(client, parts, names.ORG_QUEUE, [limits.read_limits], most=20)


def _lane_worker(client: Client, parts: Parts, org: Org) -> Worker:
    cut = parts.settings.cut
    follow = FollowLane(
        client=client,
        store=parts.store,
        protector=parts.protector,
        open_stream=paid_streams(parts.settings, parts.catalogue, org),
        rule=CutRule(cut.max_changes, cut.max_bytes, cut.max_age),
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
        deletions_every=polling.deletions_interval,
    )
    return _activity_worker(client, parts, names.LANE_QUEUE, [follow.follow_lane, poll.poll_lane], most=20)


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
    return _activity_worker(client, parts, names.BACKFILL_QUEUE, steps, most=8)


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
        SettingAside(warehouse, store, catalogue).set_aside,
        IsolatedLooks(warehouse, store, catalogue).find_isolated,
        Reports(warehouse, store).keep_report,
    ]
    return _activity_worker(client, parts, names.RECONCILE_QUEUE, steps, most=4)


@asynccontextmanager
async def writing_back(client: Client, parts: Parts, org: Org) -> AsyncIterator[None]:
    """Serve the writebacks' steps until left, and see to queues and describes."""
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
        echo_steps(store, org.sessions, parts.warehouse, parts.catalogue).find_echoes,
        preview_steps(
            settings, parts.store, org.http, org.sessions, parts.catalogue, parts.protector
        ).preview_writebacks,
    ]
    worker = _activity_worker(client, parts, names.WRITEBACK_QUEUE, activities, most=20)
    org_id = settings.salesforce.org_id
    describes = keeping_describes(org, parts.store, org_id, parts.catalogue)
    try:
        async with worker, keeping_queues(client, settings, store), describes:
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


def _activity_worker(
    client: Client, parts: Parts, queue: str, activities: Sequence[Any], *, most: int
) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        activities=activities,
        interceptors=[ErrorBoundary(), OneOrg(parts.settings.salesforce.org_id)],
        max_concurrent_activities=most,
        max_heartbeat_throttle_interval=timedelta(seconds=2),
        graceful_shutdown_timeout=_DRAIN,
    )


def sandboxed_runner() -> SandboxedWorkflowRunner:
    """The workflow sandbox with our own packages passed through; workers and replay tests use the same."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    )
