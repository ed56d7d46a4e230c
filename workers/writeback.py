"""Background tasks of the role `writebacks`, beside its activities: queues and describes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client

from clients.dependencies import OrgClients
from clients.salesforce.describe_cache import refresh_describe
from clients.storage.objects import ObjectStore
from clients.writeback.batch_former import objects_that_wait
from clients.writeback.store import WritebackStore
from schemas.catalogue import Catalogue
from schemas.errors import TidegateError
from workers.intake import writeback_queues
from workers.settings import Settings

_LOG = logging.getLogger(__name__)
_QUEUES_EVERY = timedelta(minutes=1)
_DESCRIBES_EVERY = timedelta(minutes=5)


@asynccontextmanager
async def keeping_queues(client: Client, settings: Settings, store: WritebackStore) -> AsyncIterator[None]:
    """See to it, until left, that whatever waits has a queue: a wake-up may have been lost before
    the queue was ever started.
    """
    async with writeback_queues(client, settings) as queues:

        async def wake() -> None:
            await queues.wake_all(await asyncio.to_thread(objects_that_wait, store))

        async with _repeating(wake, _QUEUES_EVERY):
            yield


@asynccontextmanager
async def keeping_describes(org: OrgClients, store: ObjectStore, catalogue: Catalogue) -> AsyncIterator[None]:
    """See to it, until left, that intake knows what the org says of every object that can be
    written by an external id.

    One call an object and `DESCRIBE_LIFE`, whatever number of processes there is.
    """

    async def ask() -> None:
        for name, spec in catalogue.objects.items():
            if any(field.external_id for field in spec.fields.values()):
                await refresh_describe(org.http, store, org.org_id, name)

    async with _repeating(ask, _DESCRIBES_EVERY):
        yield


@asynccontextmanager
async def _repeating(act: Callable[[], Awaitable[None]], every: timedelta) -> AsyncIterator[None]:
    async def repeat() -> None:
        while True:
            try:
                await act()
            except TidegateError as error:
                _LOG.warning("%s", error)
            await asyncio.sleep(every.total_seconds())

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
