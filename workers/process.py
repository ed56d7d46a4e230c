"""A process of the engine: its workers, from settings, for as long as it runs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from temporalio.client import Client
from temporalio.worker import Worker

from clients.temporal.connection import connect, following_credentials
from schemas.errors import TerminalError, UnavailableError
from workers.addresses import operational_address, temporal_address
from workers.clients import ProcessClients, following, open_clients, spoken_with
from workers.deployment.acts import become_first
from workers.deployment.version import deployment_config
from workers.metrics.serve import sdk_runtime
from workers.queues import Process
from workers.queues.bounded_worker import BoundedWorker
from workers.roles import DRAIN, Role, activity_workers, governor_worker, workflow_worker
from workers.security.anchoring import keeping_anchors
from workers.security.keys import following_keys
from workers.security.origins import proving_acts_of_workflows
from workers.settings import Settings

if TYPE_CHECKING:  # a role that has none of these does not import it
    from activities.webhook.parts import WebhookParts
    from clients.writeback.store import WritebackStore
    from workers.salesforce import Org

_END_SECONDS = DRAIN.total_seconds() + 8
"""Of a worker: steps that were cancelled may have to wait for a statement under way."""


@asynccontextmanager
async def run_workers(
    settings: Settings, role: Role, ending: Callable[[], None] = lambda: None
) -> AsyncIterator[Client]:
    """Run the role's workers until the context is left; they then finish their current work.

    `ending` is called when they begin to: they may have to end before all of them run.
    """
    spoken = spoken_with(settings, sdk_runtime(settings.metrics))
    where = temporal_address(settings.temporal)
    client = await connect(where, spoken)
    parts = await asyncio.to_thread(open_clients, settings)
    # Steps wait in threads for S3 and the warehouse; the loop's own default would be six of them.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(24, thread_name_prefix="step"))
    workers: list[BoundedWorker] = []
    try:
        async with AsyncExitStack() as stack:
            try:
                await _start(stack, client, parts, role, workers)

                def renewed() -> None:
                    for each in workers:
                        each.renew(client)

                await stack.enter_async_context(following_credentials(client, where, spoken, renewed))
                yield client
            finally:
                ending()
    except UnavailableError as error:
        if stuck := [each.queue for each in workers if not each.has_ended]:
            raise TerminalError(
                f"Workers of {', '.join(stuck)} do not end, so this process cannot begin again. Start another one."
            ) from error
        raise


async def _start(
    stack: AsyncExitStack,
    client: Client,
    parts: ProcessClients,
    role: Role,
    workers: list[BoundedWorker],
) -> None:
    """Start the role's workers, until the stack is left.

    Args:
        stack: Ends them.
        client: Of the server.
        parts: Of the process.
        role: As of `run_workers`.
        workers: Each is added before it starts.
    """

    async def start(*made: Worker) -> list[BoundedWorker]:
        bounded = [BoundedWorker(each, _END_SECONDS) for each in made]
        for each in bounded:
            workers.append(each)
            await stack.enter_async_context(each)
        return bounded

    settings, deployment = parts.settings, deployment_config(parts.settings)
    stack.callback(parts.audit.close)
    stack.callback(parts.warehouse.close)
    await stack.enter_async_context(following(parts.catalogue, parts.erased))
    await stack.enter_async_context(following_keys(parts.protector.ring))
    await stack.enter_async_context(proving_acts_of_workflows(settings))
    await stack.enter_async_context(keeping_anchors(settings, parts.audit))
    if role.includes(Role.BACKFILL):
        from workers.read_copy.checking import checking_copy

        await stack.enter_async_context(checking_copy(parts.warehouse, parts.catalogue))
    await start(governor_worker(client, deployment))
    if role.includes(Role.BATCHES):
        await start(workflow_worker(client, deployment))
    org, store, hooks = await _own_parts(stack, client, parts, role)
    of_role = activity_workers(Process(parts, parts.clients(client), org, store, hooks), role)
    stack.push_async_callback(_stop_together, await start(*of_role))
    if role.includes(Role.BATCHES):  # one role of them, so that it is on record once
        await become_first(client, settings, parts.audit)
    if org is not None and store is not None and hooks is not None:
        await _keep_sending(stack, client, parts, _Sending(org, store, hooks))


async def _stop_together(workers: Sequence[BoundedWorker]) -> None:
    """One after another, a process with four busy queues would drain for four times as long, and
    its orchestrator would kill it.
    """
    await asyncio.gather(*(each.stop() for each in workers))


@dataclass(frozen=True)
class _Sending:
    """Clients by which the role `writebacks` sends."""

    org: "Org"
    store: "WritebackStore"
    hooks: "WebhookParts"


async def _keep_sending(
    stack: AsyncExitStack, client: Client, parts: ProcessClients, sending: _Sending
) -> None:
    """Keep queues, describes and webhooks, until the stack is left."""
    from workers.webhook.deliver import keeping_webhooks
    from workers.writeback import keeping_describes, keeping_queues

    settings = parts.settings
    of_org, deliveries = settings.salesforce.org_id, sending.hooks.deliveries
    await stack.enter_async_context(keeping_webhooks(client, of_org, deliveries))
    await stack.enter_async_context(keeping_queues(client, settings, sending.store))
    await stack.enter_async_context(keeping_describes(sending.org, parts.store, parts.catalogue))


async def _own_parts(
    stack: AsyncExitStack, client: Client, parts: ProcessClients, role: Role
) -> tuple["Org | None", "WritebackStore | None", "WebhookParts | None"]:
    """The org, the writeback store and the webhooks, open until the stack is left; None where the
    role has no use for it.

    A role imports its own parts only: they are a large part of what its start costs.
    """
    settings = parts.settings
    org = store = hooks = None
    if role is not Role.BATCHES:
        from workers.salesforce import open_org

        org = await stack.enter_async_context(open_org(client, settings))
    if role.includes(Role.WRITEBACKS):
        from clients.writeback.store import WritebackStore
        from workers.webhook.deliver import open_webhooks

        store = WritebackStore(operational_address(settings.operational))
        stack.callback(store.close)
        hooks = await stack.enter_async_context(open_webhooks(parts))
    return org, store, hooks
