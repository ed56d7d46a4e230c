"""Activities of backfill: plan the parts and read them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from activities.backfill.plan import PlanBackfill
from activities.backfill.rates import BackfillRates
from activities.backfill.read_part import ReadPart
from activities.backfill.read_records import ReadRecords
from activities.ingest.land_rows import RowLandings
from clients.dependencies import Clients, OrgClients
from clients.salesforce.polling import VISIBILITY_DELAY
from schemas.backfill import PART_ROWS


def activities(
    clients: Clients,
    org: OrgClients,
    *,
    visibility_delay: timedelta = VISIBILITY_DELAY,
    part_rows: int = PART_ROWS,
) -> list[Callable[..., Any]]:
    """For `names.BACKFILL_QUEUE`.

    Args:
        clients: Of the process.
        org: The way to the org.
        visibility_delay: How long after its commit a row may be missing from the org's queries.
        part_rows: Rows of a part at most.
    """
    landings = RowLandings(clients.temporal, clients.store, clients.protector)
    plan = PlanBackfill(org.http, clients.store, clients.catalogue, part_rows)
    part = ReadPart(org.http, landings, clients.catalogue, visibility_delay=visibility_delay)
    records = ReadRecords(org.http, landings, clients.catalogue, visibility_delay=visibility_delay)
    return [
        plan.plan_backfill,
        part.read_part,
        part.drop_job,
        records.read_records,
        BackfillRates(clients.store).keep_rate,
    ]
