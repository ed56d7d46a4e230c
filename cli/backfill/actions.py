"""Actions of `tidegate backfill` on Temporal, the object store and the org."""

import asyncio
import hashlib

import orjson
from temporalio.client import WorkflowExecutionStatus

from activities.backfill.plan import PlanBackfill
from activities.backfill.rates import BackfillRates
from cli.backfill.output import pace
from cli.output import progress
from clients.storage.objects import ObjectStore
from clients.temporal.backfills import (
    BackfillView,
    backfill_state,
    list_backfills,
    start_backfill,
    steer_backfill,
)
from schemas.backfill import BackfillInput, BackfillState
from schemas.catalogue import load_catalogue
from schemas.errors import UnavailableError
from schemas.ids import backfill_workflow_id, ids_key
from schemas.ingest.messages import PauseInput
from transforms.backfill import Estimate, estimate_ids, estimate_parts
from workers.addresses import s3_address
from workers.clients import connect_temporal
from workers.salesforce import open_org
from workers.settings import Settings

_LOOK_EVERY = 0.5
_OVER = frozenset({"done", "cancelled", "failed"})


async def estimate(settings: Settings, request: BackfillInput, ids: int | None) -> Estimate:
    """Ask the org for its counts, and the store for the last rate; by ids no question is needed."""
    store = ObjectStore(s3_address(settings.s3))
    rate = await asyncio.to_thread(BackfillRates(store).find, request.org, request.object)
    if ids is not None:
        return estimate_ids(ids, rate)
    client = await connect_temporal(settings)
    catalogue = load_catalogue(settings.catalogue)
    async with open_org(client, settings) as org:
        planner = PlanBackfill(org.http, store, lambda: catalogue, settings.backfill.part_rows)
        return estimate_parts(await planner.draw(request), rate)


async def start(settings: Settings, request: BackfillInput) -> bool:
    """Start it; False when it runs already."""
    return (await start_backfill(await connect_temporal(settings), request)).is_new


async def follow(settings: Settings, request: BackfillInput) -> BackfillState:
    """Show its progress until it is over; returns how it is then."""
    client = await connect_temporal(settings)
    handle = client.get_workflow_handle(
        backfill_workflow_id(request.org, request.object, request.window), result_type=BackfillState
    )
    done = 0.0
    with progress(f"backfill of {request.object}", total=1.0) as bar:
        while True:
            try:
                state = await backfill_state(client, request.org, request.object, request.window)
            except UnavailableError:
                # A worker that is started again answers soon; the backfill goes on meanwhile, or then.
                bar.update(completed=done, detail="no worker answers: tidegate worker --role batches")
                continue
            if state is None:
                raise UnavailableError(system="Temporal", detail=f"{handle.id} is gone")
            done = _share(state)
            bar.update(completed=done, detail=f"{state.stage}, {pace(state)}")
            if state.stage in _OVER:
                described = await handle.describe()
                if described.status is WorkflowExecutionStatus.COMPLETED:
                    ended: BackfillState = await handle.result()
                    return ended
                if described.status is not WorkflowExecutionStatus.RUNNING:
                    return state
            await asyncio.sleep(_LOOK_EVERY)


def _share(state: BackfillState) -> float:
    if state.stage == "done":
        return 1.0
    return min(1.0, state.counts.rows / state.expected_rows) if state.expected_rows else 0.0


async def steer(settings: Settings, object_name: str, window: str, signal: str, by: str, reason: str) -> bool:
    """Send a signal; False when no such backfill runs."""
    client = await connect_temporal(settings)
    request = PauseInput(by=by, reason=reason)
    return await steer_backfill(client, settings.salesforce.org_id, object_name, window, signal, request)


async def find(settings: Settings, object_name: str, window: str) -> BackfillState | None:
    """One backfill; None when there is none."""
    client = await connect_temporal(settings)
    return await backfill_state(client, settings.salesforce.org_id, object_name, window)


async def find_all(settings: Settings, *, running: bool) -> list[BackfillView]:
    """All of them, or those that run."""
    client = await connect_temporal(settings)
    return [view async for view in list_backfills(client, settings.salesforce.org_id, running=running)]


def keep_ids(settings: Settings, ids: list[str], *, is_kept: bool) -> str:
    """The key of the list in the object store, where it is put unless it is only asked about."""
    body = orjson.dumps(ids)
    key = ids_key(settings.salesforce.org_id, hashlib.sha256(body).hexdigest())
    if is_kept:
        ObjectStore(s3_address(settings.s3)).put(key, body)
    return key
