"""Activities of drift: check the schema and read new fields."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from activities.drift.check_schema import CheckDrift
from activities.drift.plan_refresh import PlanRefresh
from activities.drift.read_fields import ReadFields
from activities.ingest.land_rows import RowLandings
from clients.dependencies import Clients, OrgClients
from clients.salesforce.polling import VISIBILITY_DELAY
from clients.warehouse.live_catalogue import LiveCatalogue
from schemas.drift import DriftPolicy


def activities(
    clients: Clients,
    org: OrgClients,
    *,
    live: LiveCatalogue,
    policy: DriftPolicy,
    visibility_delay: timedelta = VISIBILITY_DELAY,
) -> list[Callable[..., Any]]:
    """For `names.BACKFILL_QUEUE`.

    Args:
        clients: Of the process.
        org: The way to the org.
        live: The catalogue that decisions about the schema are written into.
        policy: What is decided about a field that is new or has changed.
        visibility_delay: How long after its commit a row may be missing from the org's queries.
    """
    landings = RowLandings(clients.temporal, clients.store, clients.protector)
    fields = ReadFields(org.http, landings, clients.warehouse, live, visibility_delay=visibility_delay)
    plan = PlanRefresh(clients.store, clients.warehouse, live)
    check = CheckDrift(org.http, clients.warehouse, live, policy)
    return [check.check_drift, fields.read_fields, plan.plan_refresh, plan.end_refresh]
