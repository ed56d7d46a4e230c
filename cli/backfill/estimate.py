"""The size of a backfill before it is started, and where its record ids are kept."""

import asyncio

from activities.backfill.plan import PlanBackfill
from activities.backfill.rates import BackfillRates
from cli.stores import object_store
from schemas.backfill import BackfillInput
from schemas.catalogue import load_catalogue
from schemas.ids import ids_key
from schemas.run_names import id_list_digest
from transforms.backfill import Estimate, estimate_ids, estimate_parts
from workers.clients import connect_temporal
from workers.salesforce import open_org
from workers.settings import Settings


def estimate(settings: Settings, request: BackfillInput, ids: int | None) -> Estimate:
    """Ask the org for its counts, and the store for the last rate.

    Args:
        settings: Which engine.
        request: The backfill.
        ids: Number of its record ids, which needs no call; None = it is by time.
    """
    return asyncio.run(_estimate(settings, request, ids))


async def _estimate(settings: Settings, request: BackfillInput, ids: int | None) -> Estimate:
    store = object_store(settings)
    rate = await asyncio.to_thread(BackfillRates(store).find, request.org, request.object)
    if ids is not None:
        return estimate_ids(ids, rate)
    client = await connect_temporal(settings)
    catalogue = load_catalogue(settings.catalogue)
    async with open_org(client, settings) as org:
        planner = PlanBackfill(org.http, store, catalogue, settings.backfill.part_rows)
        return estimate_parts(await planner.draw(request), rate)


def keep_ids(settings: Settings, listed: bytes, *, is_kept: bool) -> str:
    """The key of a list from `id_list` in the object store.

    Args:
        settings: Which engine.
        listed: The list as it is stored.
        is_kept: True = it is put there; False = its key alone is wanted.
    """
    key = ids_key(settings.salesforce.org_id, id_list_digest(listed))
    if is_kept:
        object_store(settings).put(key, listed)
    return key
