"""From settings to the steps of writebacks."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client

from activities.writeback_carriers import Collections
from activities.writeback_evidence import ChangeLog
from activities.writeback_steps import WritebackSteps, WritebackTerms
from clients.org_http import OrgHttp, Sessions
from clients.record_writes import CompositeWrites
from clients.records_by_key import RecordsByKey
from clients.warehouse import Warehouse
from clients.writeback_queues import WritebackQueues
from clients.writebacks.batches import Batches
from clients.writebacks.forming import Forming, objects_that_wait
from clients.writebacks.pauses import Pauses
from clients.writebacks.sessions import WritebackStore
from schemas.catalogue import Catalogue
from schemas.errors import TidegateError
from transforms.protect import Protector
from transforms.writeback_batches import Terms
from workers.settings import WritebackSettings


def writeback_steps(
    settings: WritebackSettings,
    store: WritebackStore,
    http: OrgHttp,
    sessions: Sessions,
    warehouse: Warehouse,
    catalogue: Catalogue,
    protector: Protector,
) -> WritebackSteps:
    """The activities of the `writebacks` role."""
    return WritebackSteps(
        org=http,
        sessions=sessions,
        forming=Forming(store, Terms(linger=settings.linger)),
        batches=Batches(store),
        pauses=Pauses(store),
        collections=Collections(CompositeWrites(http)),
        records=RecordsByKey(http),
        change_log=ChangeLog(warehouse),
        catalogue=lambda: catalogue,
        protector=protector,
        terms=WritebackTerms(
            newer=settings.newer, settled_after=settings.settled_after, patience=settings.patience
        ),
    )


_LOG = logging.getLogger(__name__)
_QUEUES_EVERY = timedelta(minutes=1)


@asynccontextmanager
async def keeping_queues(client: Client, org: str, store: WritebackStore) -> AsyncIterator[None]:
    """See to it, until left, that whatever waits has a queue: a wake-up may have been lost before the queue was ever started."""

    async def keep() -> None:
        async with WritebackQueues(client, org) as queues:
            while True:
                try:
                    await queues.wake_all(await asyncio.to_thread(objects_that_wait, store))
                except TidegateError as error:
                    _LOG.warning("what waits to be written back cannot be read now: %s", error)
                await asyncio.sleep(_QUEUES_EVERY.total_seconds())

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
