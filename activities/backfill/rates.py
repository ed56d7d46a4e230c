"""keep_rate: record how fast a backfill went, for the next plan of the object."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from clients.storage.objects import ObjectStore
from schemas import names
from schemas.backfill import BackfillRate
from schemas.ids import backfill_rate_key


@dataclass
class BackfillRates:
    """The activity and what it needs; one for a process."""

    store: ObjectStore

    @activity.defn(name=names.KEEP_RATE)
    async def keep_rate(self, rate: BackfillRate) -> None:
        """Remember the rate in place of the one before."""
        key = backfill_rate_key(rate.org, rate.object)
        await asyncio.to_thread(self.store.put, key, rate.model_dump_json().encode())

    def find(self, org: str, object_name: str) -> BackfillRate | None:
        """The position that was remembered last. Blocks."""
        found = self.store.find(backfill_rate_key(org, object_name))
        return None if found is None else BackfillRate.model_validate_json(found)
