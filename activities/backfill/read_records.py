"""read_records: records by their ids, from the org to the warehouse; those that the org has no more
become deletions.

Two thousand ids a call (REST API Developer Guide, "Get Records Using sObject Collections"). The
collections call does not tell a record in the recycle bin from one that is gone, so what it does
not find is asked for by queryAll.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import pyarrow as pa
from temporalio import activity

from activities.ingest.land_rows import RowLanding, RowLandings, settled_before
from activities.runtime.heartbeat import heartbeating
from activities.runtime.schema_check import asking_for_a_check, check_before_repair
from activities.runtime.wait_for_visibility import wait_until_settled
from clients.salesforce.call_count import counting_calls
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import VISIBILITY_DELAY
from clients.salesforce.records_by_id import RecordsById
from clients.salesforce.soql import literal
from clients.storage.chain import RowFacts
from schemas import names
from schemas.backfill import BackfillCounts, RecordsInput, StretchResult
from schemas.catalogue import Catalogue
from schemas.ids import ORIGIN, records_lane
from schemas.ingest.positions import epoch_ms
from schemas.salesforce.limits import COLLECTION_RETRIEVE_MAX
from transforms.ingest.row_pages import page_of_gone, page_of_records

STRETCH = timedelta(seconds=20)


@dataclass
class ReadRecords:
    """The activity and what it needs; one for a process."""

    org: OrgHttp
    landings: RowLandings
    catalogue: Catalogue
    stretch: timedelta = STRETCH
    visibility_delay: timedelta = VISIBILITY_DELAY

    @activity.defn(name=names.READ_RECORDS)
    async def read_records(self, request: RecordsInput) -> StretchResult:
        """Read some thousand records; the result's position is how many ids are done."""
        async with asking_for_a_check(request.org, request.object), heartbeating():
            with counting_calls() as count:
                await wait_until_settled(self.org, request.after, self.visibility_delay, request.lease_class)
                result = await self._read(request)
        counts = result.counts.plus(BackfillCounts(calls=count.calls))
        return result.model_copy(update={"counts": counts})

    async def _read(self, request: RecordsInput) -> StretchResult:
        spec, store = self.catalogue.object(request.object), self.landings.store
        ids: list[str] = orjson.loads(await asyncio.to_thread(store.get, request.ids_key))
        done = 0 if request.position == ORIGIN else int(request.position)
        ends = time.monotonic() + self.stretch.total_seconds()
        lane = records_lane(spec.table, request.window, request.ids_key)
        if request.reading and done < len(ids):
            await check_before_repair(self.org, spec, request.lease_class)
        async with self.landings.landing(request.org, lane, spec) as landing:
            while done < len(ids) and time.monotonic() < ends:
                some = ids[done : done + COLLECTION_RETRIEVE_MAX]
                await self._read_some(request, landing, done, some)
                done += len(some)
        return StretchResult(position=str(done), done=done >= len(ids), counts=landing.counts)

    async def _read_some(
        self, request: RecordsInput, landing: RowLanding, done: int, ids: Sequence[str]
    ) -> None:
        start = ORIGIN if not done else str(done)
        end = str(done + len(ids))
        if await landing.apply_known(start, end):
            return
        reader = RecordsById(self.org, landing.spec, request.lease_class)
        found = await reader.read(ids)
        settled = settled_before(found.asked_at, self.visibility_delay)
        pages = [
            page_of_records(found.records, landing.spec),
            page_of_gone(found.gone, literal(epoch_ms(settled)), landing.spec),
        ]
        facts = RowFacts(landing.spec.name, datetime.now(UTC), settled, request.reading, request.stands_at)
        await landing.land_page(pa.concat_tables(pages), start=start, end=end, facts=facts)
