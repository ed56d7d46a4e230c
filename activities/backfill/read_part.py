"""read_part: the rows of one query job, page by page, from the org to the warehouse.

Killed anywhere, the next attempt finds the same job (`clients.salesforce.bulk.query_jobs`),
walks the chain, and goes on at the page after the last landed one. Rows are proved against the
org's own counts, of each page and of the job. What Bulk API refuses is read by REST.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity

from activities.backfill.page_memory import EXPECTED_BYTES, PageMemory
from activities.backfill.read_page import PageReader
from activities.backfill.read_rest import RestRows
from activities.ingest.land_page import PageLanding
from activities.ingest.land_rows import RowLanding, RowLandings, settled_before
from activities.runtime.heartbeat import heartbeating
from activities.runtime.schema_check import asking_for_a_check, check_before_repair
from activities.runtime.wait_for_visibility import wait_until_settled
from clients.salesforce.bulk.query import BulkQuery
from clients.salesforce.bulk.query_jobs import JobResult, LaneJobs, new_intent, own_order
from clients.salesforce.call_count import counting_calls
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import VISIBILITY_DELAY
from clients.salesforce.safe_words import safe_words
from clients.salesforce.soql import between, selected_fields
from clients.storage.chain import RowFacts
from schemas import names
from schemas.backfill import BackfillCounts, PartInput, ReadSlice
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import (
    CallRefusedError,
    JobLostError,
    RowsMissingError,
    SchemaChangedError,
    UnavailableError,
)
from schemas.ids import ORIGIN, part_lane
from transforms.ingest.csv_blocks import BLOCK_BYTES

STRETCH = timedelta(seconds=20)
"""Duration of one activity's read before its workflow hears of it."""
PAGES_AT_ONCE = 2
"""Pages that are fetched and landed at the same time."""


@dataclass
class ReadPart:
    """The activity and what it needs; one for a process."""

    org: OrgHttp
    landings: RowLandings
    catalogue: Catalogue
    stretch: timedelta = STRETCH
    visibility_delay: timedelta = VISIBILITY_DELAY
    waits: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
    """Seconds before each question how far a job is; the last one from then on."""
    give_up_after: timedelta = timedelta(hours=2)
    """Time limit of a job: minutes for tens of millions of rows."""
    memory: PageMemory = field(default_factory=PageMemory)
    """For the pages of all parts that the process reads."""
    block_bytes: int = BLOCK_BYTES
    """Of a page that are read at a time."""

    @activity.defn(name=names.READ_PART)
    async def read_part(self, request: PartInput) -> ReadSlice:
        """Read pages of the part for one stretch; the result's position is where the next one goes
        on.
        """
        asking = asking_for_a_check(request.org, request.object)
        async with asking, heartbeating():
            with counting_calls() as count:
                await wait_until_settled(self.org, request.after, self.visibility_delay, request.lease_class)
                result = await _Reader(self, request).read()
                counts = result.counts.plus(BackfillCounts(calls=count.calls))
                return result.model_copy(update={"counts": counts})

    @activity.defn(name=names.DROP_JOB)
    async def drop_job(self, request: PartInput) -> None:
        """Stop and delete the query job of a part that is not read any further; what it gave is
        applied.
        """
        await _Reader(self, request).drop()


class _Reader:
    def __init__(self, parent: ReadPart, request: PartInput) -> None:
        self._parent = parent
        self._request = request
        self._spec: ObjectSpec = parent.catalogue.object(request.object)
        self._bulk = BulkQuery(
            parent.org, request.lease_class, waits=parent.waits, give_up_after=parent.give_up_after
        )
        self._jobs = LaneJobs(parent.landings.store, self._bulk, request.org)
        self._rest = RestRows(parent.org, self._spec, request, parent.visibility_delay)
        self._page_bytes = EXPECTED_BYTES
        self._ends = time.monotonic() + parent.stretch.total_seconds()
        self.lane = part_lane(self._spec.table, request.window, request.part.number, request.attempt)

    async def drop(self) -> None:
        async with self._landing() as landing:
            await landing.start_all()
        await self._jobs.drop(self.lane)

    async def read(self) -> ReadSlice:
        try:
            return await self._read()
        except (JobLostError, RowsMissingError) as error:
            return await self._close(str(error))

    async def _close(self, why: str) -> ReadSlice:
        """Have all applied that the lost job has given: no batch that was landed is left behind
        (law 8).
        """
        async with self._landing() as landing:
            await landing.apply_all()
        return ReadSlice(position=self._request.position, done=False, counts=landing.counts, lost=why)

    async def _read(self) -> ReadSlice:
        result = await self._jobs.result(self.lane) or await self._complete()
        if result is None:
            return await self._read_by_rest()
        async with self._landing() as landing:
            position = await self._read_pages(landing, result)
        done = position == _end_of(result.id)
        if done:
            await self._prove(landing, result)
            await self._bulk.remove(result.id, is_finished=True)
        return ReadSlice(position=position, done=done, counts=landing.counts)

    async def _read_by_rest(self) -> ReadSlice:
        async with self._landing() as landing:
            position, done = await self._rest.read(landing, self._is_over)
        return ReadSlice(position=position, done=done, counts=landing.counts)

    def _landing(self) -> AbstractAsyncContextManager[RowLanding]:
        return self._parent.landings.landing(self._request.org, self.lane, self._spec)

    async def _job(self) -> str | None:
        """The part's job, which is made if there is none; None when Bulk API does not take the
        object.
        """
        part = self._request.part
        if self._request.reading:
            await check_before_repair(self._parent.org, self._spec, self._request.lease_class)
        columns = own_order(selected_fields(self._spec), self.lane)
        intent = new_intent(self._spec.name, columns, between(part.by, part.since, part.until))
        try:
            return await self._jobs.ensure(self.lane, intent)
        except SchemaChangedError as error:
            kept = await self._jobs.kept(self.lane)
            if kept is not None and not set(kept.columns) <= set(columns):
                # The next job asks for the fields of today; this one would ask for a held one
                # forever.
                raise JobLostError(lane=self.lane, detail="the org lacks a field that it asks for") from error
            raise
        except CallRefusedError:
            # A query that REST refuses as well is wrong, and is no reason to read millions of rows
            # by REST once it is fixed.
            await self._rest.probe()
            return await self._jobs.do_without(self.lane)

    async def _complete(self) -> JobResult | None:
        """Have the part's job made, and wait for it; None when there is to be none."""
        job = await self._job()
        if job is None:
            return None
        try:
            return await self._jobs.keep_result(self.lane, await self._bulk.wait(job))
        except CallRefusedError as error:
            if error.is_missing:
                raise JobLostError(lane=self.lane, detail="the org has it no more") from error
            raise
        except UnavailableError as error:
            await self._give_up_dead(job, error)
            raise

    async def _give_up_dead(self, job: str, error: UnavailableError) -> None:
        """Raise `JobLostError` for a job that has failed, and for one that hangs, which is
        stopped.
        """
        info = await self._bulk.info(job)
        if info.is_dead:
            raise JobLostError(
                lane=self.lane, detail=f"it is {info.state}: {safe_words(info.error)}"
            ) from error
        if self._bulk.hangs(info):
            await self._bulk.remove(job, is_finished=False)
            raise JobLostError(lane=self.lane, detail="it did not end, and was stopped") from error

    async def _read_pages(self, landing: RowLanding, result: JobResult) -> str:
        """Pages from the request's position on, until the stretch is over; returns where the next
        one begins.
        """
        starts = [ORIGIN, *(f"{result.id}-{locator}" for locator in result.locators[1:])]
        bounds = [*starts, _end_of(result.id)]
        place = bounds.index(self._request.position)
        while place < len(starts) and not self._is_over():
            some = range(place, min(place + PAGES_AT_ONCE, len(starts)))
            await _together([self._read_page(landing, result, n, bounds[n : n + 2]) for n in some])
            place = some.stop
        return bounds[place]

    def _is_over(self) -> bool:
        return time.monotonic() >= self._ends or activity.is_worker_shutdown() or activity.is_cancelled()

    async def _read_page(
        self, landing: RowLanding, result: JobResult, number: int, bounds: list[str]
    ) -> None:
        start, end = bounds
        if await landing.apply_known(start, end):
            return
        if not result.rows:
            return  # the job may be gone already: nothing was left to be read
        reader = PageReader(self._bulk, landing, result.id, self._facts(result), self._parent.block_bytes)
        async with self._parent.memory.held(self._page_bytes) as held:
            is_landed = False
            while not is_landed:
                page = await self._come(reader.read(result.locators[number], start, end))
                self._page_bytes = held.size = page.most_bytes
                is_landed = await landing.finish_page(page) or await landing.apply_known(start, end)

    async def _come(self, page: Coroutine[Any, Any, PageLanding]) -> PageLanding:
        try:
            return await page
        except CallRefusedError as error:
            if error.is_missing:
                raise JobLostError(lane=self.lane, detail="the org has it no more") from error
            raise

    def _facts(self, info: JobResult) -> RowFacts:
        # A row was read after the job was made: what had been settled by then holds all of its
        # second.
        settled = settled_before(info.created_at, self._parent.visibility_delay)
        request = self._request
        return RowFacts(self._spec.name, datetime.now(UTC), settled, request.reading, request.stands_at)

    async def _prove(self, landing: RowLanding, info: JobResult) -> None:
        """Every row that the job counts is in the chain."""
        found = await asyncio.to_thread(lambda: sum(each.events for each in landing.chain.walk()))
        if found != info.rows:
            raise RowsMissingError(lane=self.lane, job=info.id, expected=info.rows, found=found)


def _end_of(job: str) -> str:
    return f"{job}-end"


async def _together(steps: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run the steps at once, each to its end; then the first error is raised."""
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
