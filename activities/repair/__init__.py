"""Activities of repair: find deleted records and read records again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from activities.repair.find_deleted import FindDeleted
from activities.repair.rereads import Rereads
from clients.dependencies import Clients, OrgClients
from schemas.quality import LATE_PARENT_GRACE


def activities(clients: Clients, *, grace: timedelta = LATE_PARENT_GRACE) -> list[Callable[..., Any]]:
    """For `names.BATCH_QUEUE`: they ask the warehouse only. `grace`: how long a parent may be late.
    0 = not at all.
    """
    rereads = Rereads(clients.temporal, clients.warehouse, clients.store, clients.catalogue, grace=grace)
    return [rereads.find_rereads, rereads.close_rereads]


def org_activities(clients: Clients, org: OrgClients) -> list[Callable[..., Any]]:
    """For `names.BACKFILL_QUEUE`: they ask the org."""
    return [FindDeleted(org.http, clients.store, clients.catalogue).find_deleted]
