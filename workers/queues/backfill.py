"""Activities of the role `backfill`: backfills, replays, reconciliations, retention, erasures."""

from activities import backfill, drift, erasure, export, keys, model, reconcile, repair, replay, retention
from clients.database.erasures import Erasures
from clients.retention.subject_keys import SubjectKeys
from clients.warehouse.shadow.schemas import shadow_prefix
from clients.writeback.store import WritebackStore
from transforms.reconcile.cost import ReconcileCostConfig
from workers.addresses import operational_address, s3_address
from workers.clients import open_warehouse
from workers.model.builder import model_builder
from workers.queues import Activities, Process
from workers.security.keys import open_keys
from workers.security.retention import retention_parts


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
        *retention.activities(
            retention_parts(settings, clients.store, clients.warehouse, live, clients.protector)
        ),
        *keys.activities(clients, *open_keys(settings, clients.store)),
        *model.activities(clients.warehouse, model_builder(settings, live)),
        *export.activities(clients.warehouse, live, settings.export),
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
