"""Running `poll_lane` outside a worker, until the lane has come where the test wants it."""

import asyncio
import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.ingest.landing_buffer import BatchLimits
from activities.ingest.poll_lane import PollLane
from clients.salesforce.bulk.query import BulkQuery
from clients.salesforce.polling import PolledSource
from clients.storage.chain import Chain
from clients.storage.objects import ObjectStore
from schemas.catalogue import default_catalogue
from schemas.governor import LeaseClass
from schemas.ids import ORIGIN
from schemas.ingest.messages import PollInput
from tests.support.builders.bus import protector
from tests.support.builders.waiting import SLOWNESS
from tests.support.engines.served_org import ServedOrg

_MOST_SECONDS = 30
DELAY = timedelta(seconds=1)


def poll_lane(client: Client, store: ObjectStore, served: ServedOrg, *, most_changes: int = 50) -> PollLane:
    """The activity over an org in this process, with a visibility delay of a second."""
    bulk = BulkQuery(served.http, LeaseClass.POLLING, page_rows=100, waits=(0.01, 0.05))
    return PollLane(
        client=client,
        store=store,
        protector=protector(),
        open_source=lambda name: PolledSource(
            served.http, default_catalogue().object(name), visibility_delay=DELAY, bulk=bulk
        ),
        rule=BatchLimits(max_changes=most_changes),
    )


async def poll_until(
    activity: PollLane,
    chain: Chain,
    done: Callable[[], bool],
    *,
    start_at: datetime,
    object_name: str = "Account",
    hint: str | None = None,
    every: timedelta = timedelta(milliseconds=100),
) -> None:
    """Poll until `done()`, asked with every heartbeat. Raises what the activity raises."""
    environment = ActivityEnvironment()
    if hint is not None:
        environment.info = dataclasses.replace(environment.info, heartbeat_details=[hint])
    request = PollInput(
        org=chain.org,
        lane=chain.lane,
        object=object_name,
        position=ORIGIN,
        every=every,
        began_at=datetime.now(UTC),
        start_at=start_at,
    )

    async def watch() -> None:
        while not await asyncio.to_thread(done):  # noqa: ASYNC110 -- a bucket sets no event
            await asyncio.sleep(0.1)
        environment.cancel()

    async with asyncio.timeout(_MOST_SECONDS * SLOWNESS):
        watching = asyncio.create_task(watch())
        try:
            await environment.run(activity.poll_lane, request)
        except asyncio.CancelledError:
            assert watching.done()
        finally:
            watching.cancel()
