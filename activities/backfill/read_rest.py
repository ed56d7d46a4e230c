"""The rows of a part by REST pages, for objects that Bulk API does not take.

No page can be read twice with the same result, so every batch ends at the position of its last
row, and the next reader starts where the chain ends.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.ingest.land_rows import RowLanding, settled_before
from clients.salesforce.http import OrgHttp
from clients.salesforce.rest_query import RestQuery
from clients.salesforce.soql import between
from clients.storage.chain import RowFacts
from schemas.backfill import ByTime, Part, PartInput
from schemas.catalogue import ObjectSpec
from schemas.ids import ORIGIN
from schemas.ingest.positions import PolledPosition, epoch_ms
from schemas.salesforce.limits import QUERY_PAGE_MAX
from transforms.ingest.row_pages import page_of_records


@dataclass
class RestRows:
    """Reads one part for one stretch."""

    org: OrgHttp
    spec: ObjectSpec
    request: PartInput
    visibility_delay: timedelta

    def __post_init__(self) -> None:
        self._rest = RestQuery(self.org, self.request.lease_class)

    async def probe(self) -> None:
        """One page, for nothing: raises `CallRefusedError` when the org refuses the query by REST,
        too.
        """
        await self._page(ORIGIN)

    async def read(self, landing: RowLanding, is_over: Callable[[], bool]) -> tuple[str, bool]:
        """Land pages until there are none or the stretch is over; returns the position, and whether
        all is read.
        """
        position = await landing.adopt(self.request.position)
        while not is_over():
            records, left, asked_at = await self._some(position, landing.slice_rows)
            end = _end_of(records) if records else position
            position = await self._land(landing, position, records, asked_at)
            if not left and position == end:
                return position, True
        return position, False

    async def _some(self, position: str, most: int) -> tuple[list[dict[str, Any]], int, datetime]:
        """The next pages, as many as a batch takes, one at least; how many rows are left, and when
        was asked.
        """
        asked_at = self.org.time()
        records, left = await self._page(position)
        while left and len(records) + QUERY_PAGE_MAX <= most:
            more, left = await self._page(_end_of(records))
            records += more
        return records, left, asked_at

    async def _page(self, position: str) -> tuple[list[dict[str, Any]], int]:
        part = self.request.part
        is_window = part.by is ByTime.MODIFIED
        until = epoch_ms(part.until) if is_window and part.until is not None else None
        also = "" if is_window else between(part.by, part.since, part.until)
        start = _start_of(part) if position == ORIGIN else PolledPosition.parse(position)
        page = await self._rest.records(self.spec, start, until, also=also)
        return page.records, page.left

    async def _land(
        self, landing: RowLanding, position: str, records: list[dict[str, Any]], asked_at: datetime
    ) -> str:
        settled = settled_before(asked_at, self.visibility_delay)
        request = self.request
        facts = RowFacts(self.spec.name, datetime.now(UTC), settled, request.reading, request.stands_at)
        for first in range(0, len(records), landing.slice_rows):
            some = records[first : first + landing.slice_rows]
            page = await asyncio.to_thread(page_of_records, some, self.spec)
            end = _end_of(some)
            position = await landing.land_batch(page, start=position, end=end, facts=facts)
            if position != end:
                # Another reader of this part was first here: go on where its chain ends.
                return await landing.adopt(position)
        return position


def _start_of(part: Part) -> PolledPosition:
    if part.by is ByTime.MODIFIED and part.since is not None:
        return PolledPosition.at(part.since)
    return PolledPosition(0)


def _end_of(records: list[dict[str, Any]]) -> str:
    last: Mapping[str, Any] = records[-1]
    return str(PolledPosition(epoch_ms(last["SystemModstamp"]), last["Id"]))
