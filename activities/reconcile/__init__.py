"""Activities of reconcile: compare the warehouse with the org and report the differences."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from activities.reconcile.compare_buckets import BucketComparison
from activities.reconcile.compare_digests import DigestComparison
from activities.reconcile.find_isolated import IsolatedFields
from activities.reconcile.read_digests import DigestReads
from activities.reconcile.report import Reports
from activities.reconcile.set_aside import SetAsideActivity
from activities.reconcile.verify_fold import FoldChecks
from clients.dependencies import Clients, OrgClients
from clients.salesforce.polling import VISIBILITY_DELAY
from transforms.reconcile.cost import ReconcileCostConfig


def activities(
    clients: Clients,
    org: OrgClients,
    terms: ReconcileCostConfig,
    *,
    visibility_delay: timedelta = VISIBILITY_DELAY,
) -> list[Callable[..., Any]]:
    """For `names.RECONCILE_QUEUE`.

    Args:
        clients: Of the process.
        org: The way to the org.
        terms: How large lists of records are read.
        visibility_delay: How long after its commit a row may be missing from the org's queries.
    """
    warehouse, store, catalogue = clients.warehouse, clients.store, clients.catalogue
    protector = clients.protector
    buckets = BucketComparison(org.http, warehouse, store, catalogue, visibility_delay)
    reads = DigestReads(org.http, store, catalogue, protector, visibility_delay, terms)
    return [
        FoldChecks(warehouse, store, catalogue, protector).check_log,
        buckets.ask_buckets,
        buckets.compare_buckets,
        reads.read_facts,
        DigestComparison(warehouse, store, catalogue, protector).compare_facts,
        SetAsideActivity(warehouse, store, catalogue, protector).set_aside,
        IsolatedFields(warehouse, store, catalogue).find_isolated,
        Reports(warehouse, store).keep_report,
    ]
