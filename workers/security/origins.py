"""Who asks Temporal, and the keys that prove it: wired into clients and workers of a process."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from temporalio.client import Interceptor as ClientInterceptor, OutboundInterceptor
from temporalio.worker import (
    Interceptor as WorkerInterceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from clients.acting import Actor, installed
from clients.storage.purpose_keys import PurposeKeys
from clients.temporal.origins import OriginOutbound
from schemas.security.acting import Door
from transforms.proof import ActKeys
from workers.addresses import s3_address
from workers.settings import Settings

PURPOSE = "acts"
"""Of the ring of keys."""


class OriginInterceptor(ClientInterceptor, WorkerInterceptor):
    """Of a client; its workers take it over."""

    def intercept_client(self, following: OutboundInterceptor) -> OutboundInterceptor:
        return OriginOutbound(super().intercept_client(following))

    def workflow_interceptor_class(
        self, _: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        # Only here: a command that asks Temporal something need not import every workflow.
        from workflows.origins import OriginInbound

        return OriginInbound


class _Keys(Mapping[str, bytes]):
    """The keys of a ring; one that is not known yet is looked for in the bucket, or not."""

    def __init__(self, ring: PurposeKeys, *, asks: bool) -> None:
        self._ring = ring
        self._asks = asks

    def __getitem__(self, key_id: str) -> bytes:
        found = self._ring.key(key_id) if self._asks else self._ring.known(key_id)
        if found is None:
            raise KeyError(key_id)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._ring.all())

    def __len__(self) -> int:
        return len(self._ring.all())


def act_ring(settings: Settings) -> PurposeKeys:
    """The keys that prove acts."""
    return PurposeKeys(s3_address(settings.s3), settings.salesforce.org_id, PURPOSE)


def act_keys(ring: PurposeKeys) -> ActKeys:
    """The ring, as proofs take it. Blocks when it is first asked."""
    return ActKeys(ring.present().id, _Keys(ring, asks=True))


@contextmanager
def proving_acts(settings: Settings) -> Iterator[None]:
    """Have this process of the engine prove the acts that it is sure of, until it is left: its own,
    and those of callers that it has authenticated.
    """
    ring = act_ring(settings)
    with installed(Actor(Door.ENGINE), lambda: act_keys(ring)):
        yield


@asynccontextmanager
async def proving_acts_of_workflows(settings: Settings) -> AsyncIterator[None]:
    """As `proving_acts`, of a worker: its workflows have the keys, too."""
    from workflows.origins import install_keys

    ring = act_ring(settings)
    present = await asyncio.to_thread(ring.present)
    with installed(Actor(Door.ENGINE), lambda: act_keys(ring)):
        install_keys(ActKeys(present.id, _Keys(ring, asks=False)))
        try:
            yield
        finally:
            install_keys(None)
