"""A process of the engine: its workers, from settings, for as long as it runs."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager

from temporalio.client import Client

from workers.clients import connect_temporal, following, open_parts
from workers.roles import (
    Role,
    batch_workers,
    governor_worker,
    replay_worker,
    workers_at_the_org,
    writing_back,
)
from workers.salesforce import open_org
from workers.settings import Settings


@asynccontextmanager
async def running_workers(settings: Settings, role: Role = Role.ALL) -> AsyncIterator[Client]:
    """Run the role's workers until the context is left; they then finish their current work."""
    client = await connect_temporal(settings)
    parts = await asyncio.to_thread(open_parts, settings)
    # Steps wait in threads for S3 and the warehouse; the loop's own default would be six of them.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(24, thread_name_prefix="step"))
    async with AsyncExitStack() as stack:
        stack.callback(parts.audit.close)
        stack.callback(parts.warehouse.close)
        await stack.enter_async_context(following(parts.catalogue))
        await stack.enter_async_context(governor_worker(client))
        if role in (Role.ALL, Role.BATCHES):
            for worker in batch_workers(client, parts):
                await stack.enter_async_context(worker)
        if role in (Role.ALL, Role.BACKFILL):
            await stack.enter_async_context(replay_worker(client, parts))
        if role is not Role.BATCHES:
            org = await stack.enter_async_context(open_org(client, settings))
            for worker in workers_at_the_org(client, parts, org, role):
                await stack.enter_async_context(worker)
            if role in (Role.ALL, Role.WRITEBACKS):
                await stack.enter_async_context(writing_back(client, parts, org))
        yield client
