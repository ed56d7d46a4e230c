"""From settings to the steps of writebacks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client

from activities.writeback.bulk import IngestJobs, JobTerms
from activities.writeback.change_log import ChangeLog
from activities.writeback.collections import Collections
from activities.writeback.config import WritebackTerms
from activities.writeback.echoes import EchoSteps
from activities.writeback.preview import PreviewSteps
from activities.writeback.send import WritebackSteps
from clients.salesforce.bulk.ingest import BulkIngest
from clients.salesforce.collections import CompositeWrites
from clients.salesforce.describe_cache import refresh_describe
from clients.salesforce.http import OrgHttp, Sessions
from clients.salesforce.records_by_external_id import RecordsByKey
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.writeback.batch_former import Forming, objects_that_wait
from clients.writeback.batches import Batches
from clients.writeback.echoes import Echoes
from clients.writeback.pauses import Pauses
from clients.writeback.store import WritebackStore
from schemas.catalogue import Catalogue
from schemas.errors import TidegateError
from schemas.settings.writeback import WritebackSettings
from transforms.pii import Protector
from transforms.writeback.batching import Terms
from workers.intake import writeback_queues
from workers.salesforce import Org
from workers.settings import Settings


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
    batches = Batches(store)
    waits = JobTerms(patience=settings.job_stall_timeout)
    return WritebackSteps(
        org=http,
        sessions=sessions,
        forming=Forming(store, Terms(linger=settings.linger)),
        batches=batches,
        pauses=Pauses(store),
        collections=Collections(CompositeWrites(http)),
        jobs=IngestJobs(http, sessions, BulkIngest(http), batches, waits),
        records=RecordsByKey(http),
        change_log=ChangeLog(warehouse),
        catalogue=lambda: catalogue,
        protector=protector,
        terms=WritebackTerms(
            newer=settings.conflict_policy,
            settled_after=settings.abandoned_call_timeout,
            patience=settings.change_log_timeout,
        ),
    )


def preview_steps(
    settings: Settings,
    store: ObjectStore,
    http: OrgHttp,
    sessions: Sessions,
    catalogue: Catalogue,
    protector: Protector,
) -> PreviewSteps:
    """Dry runs: an activity of the `writebacks` role, and the command line's."""
    terms = Terms(linger=settings.writeback.linger)
    org = settings.salesforce.org_id
    return PreviewSteps(RecordsByKey(http), sessions, store, org, lambda: catalogue, protector, terms)


def echo_steps(
    store: WritebackStore, sessions: Sessions, warehouse: Warehouse, catalogue: Catalogue
) -> EchoSteps:
    """The activity of the `writebacks` role that recognises own changes."""
    return EchoSteps(Echoes(store), warehouse, sessions, lambda: catalogue)


_LOG = logging.getLogger(__name__)
_QUEUES_EVERY = timedelta(minutes=1)
_DESCRIBES_EVERY = timedelta(minutes=5)


@asynccontextmanager
async def keeping_queues(client: Client, settings: Settings, store: WritebackStore) -> AsyncIterator[None]:
    """See to it, until left, that whatever waits has a queue: a wake-up may have been lost before the queue was ever started."""
    async with writeback_queues(client, settings) as queues:

        async def wake() -> None:
            await queues.wake_all(await asyncio.to_thread(objects_that_wait, store))

        async with _repeating(wake, _QUEUES_EVERY):
            yield


@asynccontextmanager
async def keeping_describes(
    org: Org, store: ObjectStore, org_id: str, catalogue: Catalogue
) -> AsyncIterator[None]:
    """See to it, until left, that intake knows what the org says of every object that can be written by an external id.

    One call an object and `DESCRIBE_LIFE`, whatever number of processes there is.
    """

    async def ask() -> None:
        for name, spec in catalogue.objects.items():
            if any(field.external_id for field in spec.fields.values()):
                await refresh_describe(org.http, store, org_id, name)

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
