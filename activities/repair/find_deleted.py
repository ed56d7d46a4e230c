"""find_deleted: records that were deleted since a window began and may be gone from the recycle
bin: no query tells of them.

The replication call goes back 15 days (REST API Developer Guide, "Get Deleted"); what was purged
longer ago, the id sets of a reconciliation tell.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import timedelta

import orjson
from temporalio import activity

from activities.runtime.heartbeat import heartbeating
from activities.runtime.wait_for_visibility import wait_until_settled
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import PolledSource
from clients.storage.objects import ObjectStore
from schemas import names
from schemas.catalogue import Catalogue
from schemas.errors import CallRefusedError
from schemas.governor import LeaseClass
from schemas.ids import ids_key
from schemas.ingest.positions import epoch_ms
from schemas.repair import FindDeletedInput, FindDeletedResult
from schemas.salesforce.limits import DELETED_MAX_AGE


@dataclass
class FindDeleted:
    """The activity and what it needs; one for a process."""

    org: OrgHttp
    store: ObjectStore
    catalogue: Catalogue
    settles_after: timedelta = timedelta(minutes=1)
    """The call counts in whole minutes: a deletion is reported when its minute is over."""

    @activity.defn(name=names.FIND_DELETED)
    async def find_deleted(self, request: FindDeletedInput) -> FindDeletedResult:
        """Their ids, as a list in the object store."""
        async with heartbeating():
            ids = await self._deleted(request)
            if not ids:
                return FindDeletedResult()
            body = orjson.dumps(sorted(ids))
            key = ids_key(request.org, hashlib.sha256(body).hexdigest())
            await asyncio.to_thread(self.store.put, key, body)
        return FindDeletedResult(ids_key=key, ids=len(ids))

    async def _deleted(self, request: FindDeletedInput) -> set[str]:
        repair = request.repair
        source = PolledSource(self.org, self.catalogue.object(repair.object), lease_class=LeaseClass.REPAIR)
        until = repair.after + self.settles_after
        await wait_until_settled(self.org, until, timedelta(0), LeaseClass.REPAIR)
        since = repair.since or until - DELETED_MAX_AGE + timedelta(hours=2)
        ids: set[str] = set()
        begins, end = epoch_ms(since), epoch_ms(until)
        try:
            while begins < end:
                found = await source.deleted(begins, end)
                ids |= {row.record_id for row in found.rows}
                if found.covered_ms <= begins:
                    break
                begins = found.covered_ms
        except CallRefusedError:
            return set()  # an object that is not replicated: its purges are reconciliation's
        return ids
