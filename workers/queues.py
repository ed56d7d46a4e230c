"""From settings to the activities of each task queue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from activities import (
    apply,
    audit,
    backfill,
    drift,
    erasure,
    governor,
    ingest,
    keys,
    planner,
    reconcile,
    repair,
    replay,
    retention,
    writeback,
)
from activities.ingest.landing_buffer import BatchLimits
from activities.writeback.bulk import BulkJobConfig
from activities.writeback.config import WritebackConfig
from clients.database.erasures import Erasures
from clients.dependencies import Clients
from clients.retention.subject_keys import SubjectKeys
from clients.warehouse.shadow.schemas import shadow_prefix
from clients.writeback.store import WritebackStore
from transforms.reconcile.cost import ReconcileCostConfig
from transforms.writeback.batching import BatchingConfig
from workers.addresses import operational_address, s3_address
from workers.clients import ProcessClients, open_warehouse
from workers.keys import open_keys
from workers.retention import retention_parts
from workers.salesforce import Org, paid_streams, source_opener

Activities = list[Callable[..., Any]]


@dataclass(frozen=True)
class Process:
    """The clients that a worker process has opened."""

    parts: ProcessClients
    clients: Clients
    opened_org: Org | None = None
    """None in a process of the role `batches`, which never calls the org."""
    opened_writebacks: WritebackStore | None = None
    """None in a process that does not write back."""

    @property
    def org(self) -> Org:
        """The way to the org, for a queue whose role has one."""
        assert self.opened_org is not None, "this role calls no org"  # noqa: S101 -- the table of roles is wrong
        return self.opened_org

    @property
    def writebacks(self) -> WritebackStore:
        """Where writebacks wait, for a queue whose role sends them."""
        assert self.opened_writebacks is not None, "this role sends no writebacks"  # noqa: S101 -- as above
        return self.opened_writebacks


def lane_activities(process: Process) -> Activities:
    """Follow and poll lanes."""
    parts, settings, org = process.parts, process.parts.settings, process.org
    rule = BatchLimits(settings.cut.max_changes, settings.cut.max_bytes, settings.cut.max_age)
    polled = ingest.poll_activities(
        process.clients,
        org,
        source_opener(settings, parts.catalogue, org),
        rule,
        overlap=settings.polling.overlap,
        deletions_every=settings.polling.deletions_interval,
    )
    streams = paid_streams(settings, parts.catalogue, org)
    return [*ingest.stream_activities(process.clients, org, streams, rule), *polled]


def limit_activities(process: Process) -> Activities:
    """Read the org's limits for the governor."""
    return governor.activities(process.org)


def batch_activities(process: Process) -> Activities:
    """Bring batches into the warehouse, and what else asks the warehouse only."""
    settings, clients = process.parts.settings, process.clients
    other_lanes = frozenset(lane.name for lane in settings.lanes)
    return [
        *apply.activities(clients, personal_sample=settings.quality.personal_sample),
        *audit.activities(clients),
        *repair.activities(clients, grace=settings.quality.grace),
        *planner.activities(clients, settings.budgets, other_lanes),
    ]


def backfill_activities(process: Process) -> Activities:
    """Read rows, single fields and deletions from the org."""
    settings, clients, org = process.parts.settings, process.clients, process.org
    delay = settings.polling.visibility_delay
    # Redshift's columns have lengths, and a longer value would fail its batch instead of waiting in
    # quarantine.
    policy = settings.drift.policy().model_copy(update={"widen": settings.warehouse.kind == "postgres"})
    part_rows = settings.backfill.part_rows
    live = process.parts.catalogue
    return [
        *backfill.activities(clients, org, visibility_delay=delay, part_rows=part_rows),
        *repair.org_activities(clients, org),
        *drift.activities(clients, org, live=live, policy=policy, visibility_delay=delay),
        *retention.activities(retention_parts(settings, clients.store, clients.warehouse, live)),
        *keys.activities(clients, *open_keys(settings, clients.store)),
    ]


def reconcile_activities(process: Process) -> Activities:
    """Compare the warehouse with the org."""
    settings = process.parts.settings
    terms, delay = (
        ReconcileCostConfig(page_rows=settings.reconciliation.page_rows),
        settings.polling.visibility_delay,
    )
    return reconcile.activities(process.clients, process.org, terms, visibility_delay=delay)


def replay_activities(process: Process) -> Activities:
    """Take landed batches through the present code."""
    settings = process.parts.settings
    return replay.activities(
        process.clients, lambda name: open_warehouse(settings, prefix=shadow_prefix(name))
    )


def erasure_activities(process: Process) -> Activities:
    """Take values of erased records out of every store."""
    settings = process.parts.settings
    dsn = operational_address(settings.operational)
    return erasure.activities(
        process.clients,
        process.opened_writebacks or WritebackStore(dsn),
        Erasures(dsn),
        SubjectKeys(dsn, settings.salesforce.org_id, s3_address(settings.s3)),
        lambda name: open_warehouse(settings, prefix=shadow_prefix(name)),
        rewrites=settings.erasure.rewrite_tables,
    )


def writeback_activities(process: Process) -> Activities:
    """Send writebacks."""
    settings = process.parts.settings.writeback
    return writeback.activities(
        process.clients,
        process.org,
        process.writebacks,
        batching=BatchingConfig(linger=settings.linger),
        sending=WritebackConfig(
            newer=settings.conflict_policy,
            settled_after=settings.abandoned_call_timeout,
            patience=settings.change_log_timeout,
        ),
        jobs=BulkJobConfig(patience=settings.job_stall_timeout),
    )
