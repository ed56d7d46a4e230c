"""keep_describe: cache the org's describe of an object's fields, for writeback intake."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from clients.salesforce.call_count import counting_calls
from clients.salesforce.describe_cache import Describes, ask_describe
from clients.salesforce.http import OrgHttp
from clients.storage.objects import ObjectStore
from schemas import names
from schemas.governor import LeaseClass
from schemas.salesforce.describe import DESCRIBE_LIFE, KeepDescribeInput, KeptDescribe


@dataclass
class KeepDescribe:
    """The activity and what it needs; one for a process."""

    org: OrgHttp
    store: ObjectStore
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @activity.defn(name=names.KEEP_DESCRIBE)
    async def keep_describe(self, request: KeepDescribeInput) -> KeptDescribe:
        """Ask the org for one object's describe and keep it, unless what was kept is young enough."""
        describes = Describes(self.store, request.org)
        kept = await asyncio.to_thread(describes.find, request.object)
        if kept is not None and self.clock() - kept.described_at < DESCRIBE_LIFE:
            return KeptDescribe(calls=0)
        with counting_calls() as count:
            facts = await ask_describe(self.org, request.object, LeaseClass.WRITEBACK)
        await asyncio.to_thread(describes.keep, facts)
        return KeptDescribe(calls=count.calls)
