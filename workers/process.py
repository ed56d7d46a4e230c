"""A process of the engine: its workers, from settings, for as long as it runs."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager

from temporalio.client import Client

from workers.clients import connect_temporal, following, open_clients
from workers.metrics.serve import sdk_runtime
from workers.queues import Process
from workers.roles import Role, activity_workers, governor_worker, workflow_worker
from workers.settings import Settings


@asynccontextmanager
async def run_workers(settings: Settings, role: Role = Role.ALL) -> AsyncIterator[Client]:
    """Run the role's workers until the context is left; they then finish their current work."""
    client = await connect_temporal(settings, runtime=sdk_runtime(settings.metrics))
    parts = await asyncio.to_thread(open_clients, settings)
    # Steps wait in threads for S3 and the warehouse; the loop's own default would be six of them.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(24, thread_name_prefix="step"))
    async with AsyncExitStack() as stack:
        stack.callback(parts.audit.close)
        stack.callback(parts.warehouse.close)
        await stack.enter_async_context(following(parts.catalogue))
        await stack.enter_async_context(governor_worker(client))
        if role.includes(Role.BATCHES):
            await stack.enter_async_context(workflow_worker(client))
        org = store = None
        # A role imports its own parts only: they are a large part of what its start costs.
        if role is not Role.BATCHES:
            from workers.salesforce import open_org

            org = await stack.enter_async_context(open_org(client, settings))
        if role.includes(Role.WRITEBACKS):
            from clients.writeback.store import WritebackStore

            store = WritebackStore(settings.operational.dsn.get_secret_value())
            stack.callback(store.close)
        for worker in activity_workers(Process(parts, parts.clients(client), org, store), role):
            await stack.enter_async_context(worker)
        if org is not None and store is not None:
            from workers.writeback import keeping_describes, keeping_queues

            await stack.enter_async_context(keeping_queues(client, settings, store))
            await stack.enter_async_context(keeping_describes(org, parts.store, parts.catalogue))
        yield client
