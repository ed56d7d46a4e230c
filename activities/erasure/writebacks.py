"""erase_writebacks: take the records' values out of writebacks and their attempts."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.erasure.scope import read_scope
from activities.runtime.heartbeat import heartbeating
from clients.storage.objects import ObjectStore
from clients.writeback.erasure import ErasedKeys, erase_writebacks
from clients.writeback.store import WritebackStore
from schemas import names
from schemas.erasure.messages import ErasedPlaces, ErasureStep
from transforms.pii import Protector


@dataclass
class EraseWritebacks:
    """The activity and what it needs; one for a process."""

    writebacks: WritebackStore
    store: ObjectStore
    protector: Protector

    @activity.defn(name=names.ERASE_WRITEBACKS)
    async def erase_writebacks(self, request: ErasureStep) -> ErasedPlaces:
        """Take them out; waits, by being tried again, for what is on its way into the org."""
        async with heartbeating():
            return await asyncio.to_thread(self._erase, request)

    def _erase(self, request: ErasureStep) -> ErasedPlaces:
        scope = read_scope(self.store, self.protector, request.org, request.key)
        chosen = ErasedKeys(scope.ids, scope.keys)
        counts = erase_writebacks(self.writebacks, chosen, erasure=request.key, is_dry=request.is_dry)
        return ErasedPlaces(stores=counts)
