"""Activities of reconcile: compare the warehouse with the org and report the differences."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from activities.reconcile.compare_buckets import BucketLooks
from activities.reconcile.compare_digests import FactComparisons
from activities.reconcile.find_isolated import IsolatedLooks
from activities.reconcile.read_digests import FactReads
from activities.reconcile.report import Reports
from activities.reconcile.set_aside import SettingAside
from activities.reconcile.verify_fold import LogChecks
from clients.dependencies import Clients, OrgClients
from clients.salesforce.polling import VISIBILITY_DELAY
from transforms.reconcile.cost import PlanTerms


def activities(
    clients: Clients, org: OrgClients, terms: PlanTerms, *, visibility_delay: timedelta = VISIBILITY_DELAY
) -> list[Callable[..., Any]]:
    """For `names.RECONCILE_QUEUE`.

    Args:
        clients: Of the process.
        org: The way to the org.
        terms: How large lists of records are read.
        visibility_delay: How long after its commit a row may be missing from the org's queries.
    """
    warehouse, store, catalogue = clients.warehouse, clients.store, clients.catalogue
    buckets = BucketLooks(org.http, warehouse, store, catalogue, visibility_delay)
    reads = FactReads(org.http, store, catalogue, clients.protector, visibility_delay, terms)
    return [
        LogChecks(warehouse, store, catalogue).check_log,
        buckets.ask_buckets,
        buckets.compare_buckets,
        reads.read_facts,
        FactComparisons(warehouse, store, catalogue).compare_facts,
        SettingAside(warehouse, store, catalogue).set_aside,
        IsolatedLooks(warehouse, store, catalogue).find_isolated,
        Reports(warehouse, store).keep_report,
    ]
