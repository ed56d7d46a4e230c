"""One page of a query job, from the org to raw, while it comes."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from activities.ingest.land_page import PageLanding
from activities.ingest.land_rows import RowLanding
from clients.salesforce.bulk.query import BulkQuery
from clients.salesforce.bulk.query_answers import PageStream
from clients.salesforce.readable import reading
from clients.storage.chain import RowFacts
from schemas.errors import UnavailableError
from transforms.ingest.csv_blocks import BLOCK_BYTES, CsvBlocks
from transforms.ingest.row_pages import page_of_csv


@dataclass(frozen=True)
class PageReader:
    """Reads pages of one job into one lane."""

    bulk: BulkQuery
    landing: RowLanding
    job: str
    facts: RowFacts
    block_bytes: int = BLOCK_BYTES

    async def read(self, locator: str | None, start: str, end: str) -> PageLanding:
        """Read a page to its last row; returns it, ready to be finished.

        Raises `UnavailableError` for a page that has not the rows that its header says, or cannot
        be read.
        """

        async def take(stream: PageStream) -> PageLanding:
            page = await self.landing.open_page(start, end, self.facts)
            await self._take(stream, page)
            if stream.rows not in (page.rows, -1):
                detail = f"{self._name} has {page.rows} rows, its header says {stream.rows}"
                raise UnavailableError(system="Salesforce", detail=detail)
            return page

        return await self.bulk.stream_page(self.job, locator, take)

    async def _take(self, stream: PageStream, page: PageLanding) -> None:
        blocks = CsvBlocks(self.block_bytes)
        async with aclosing(stream.pieces()) as pieces:
            async for piece in pieces:
                with reading(self._name):
                    found = list(blocks.feed(piece))
                for block in found:
                    await self._add(block, page)
        with reading(self._name):
            found = list(blocks.end())
        for block in found:
            await self._add(block, page)

    async def _add(self, block: bytes, page: PageLanding) -> None:
        with reading(self._name):
            rows = await asyncio.to_thread(page_of_csv, block, self.landing.spec)
        await page.add(rows)

    @property
    def _name(self) -> str:
        return f"a page of query job {self.job}"
