"""A polled object as a source: its rows between two positions, in the order of the lane, by the
cheaper of two APIs.

The invariant: when `read` has yielded a row, every row before it has been yielded. So a lane may
stop after any row and go on from there.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from clients.salesforce.bulk.query import BulkQuery
from clients.salesforce.http import OrgHttp
from clients.salesforce.polled_rows import rows_of_csv
from clients.salesforce.request import Call
from clients.salesforce.rest_query import RestQuery
from clients.salesforce.soql import keyset_query, literal
from schemas.catalogue import ObjectSpec
from schemas.errors import BudgetSpentError, CallRefusedError, CallTooSlowError, UnavailableError
from schemas.governor import Budget, LeaseClass
from schemas.ingest.positions import SECOND_MS, Deletion, PolledPosition, PolledRow, epoch_ms, floor_to_second
from schemas.salesforce.limits import DELETED_MAX_AGE, QUERY_PAGE_MAX, QUERY_VISIBILITY_LAG

VISIBILITY_DELAY = QUERY_VISIBILITY_LAG
BULK_FROM_PAGES = 8
"""Pages of REST that cost more than a job: create, three questions, result, delete, and a spare."""
_MINUTE_MS = 60 * SECOND_MS
_FOR_EVER = 10**14
_DELETED_AGE_MS = (DELETED_MAX_AGE - timedelta(hours=1)) // timedelta(milliseconds=1)


class Deletions(NamedTuple):
    """The answer of the replication call."""

    rows: list[Deletion]
    covered_ms: int
    """Where the next question begins. Can be before the end that was asked for (REST API
    Developer Guide, "sObject Get Updated").
    """


@dataclass
class PolledSource:
    """One object of one org.

    Its `read` may be given any span; it divides what is too much for one query, and remembers
    how busy the object is.
    """

    org: OrgHttp
    spec: ObjectSpec
    lease_class: LeaseClass = LeaseClass.POLLING
    visibility_delay: timedelta = VISIBILITY_DELAY
    bulk_from_pages: int = BULK_FROM_PAGES
    bulk: BulkQuery | None = None
    """None: made here."""
    most_span: timedelta = timedelta(days=16)
    """Rows that one query reads."""
    current: Callable[[], ObjectSpec] | None = None
    """Gives the fields of today, asked for before every reading; None: they never change."""

    def __post_init__(self) -> None:
        self._rest = RestQuery(self.org, self.lease_class)
        self._bulk = self.bulk or BulkQuery(self.org, self.lease_class)
        self._bulk_from = 0.0
        self._most_span_ms = self.most_span // timedelta(milliseconds=1)
        self._span_ms = self._most_span_ms
        self._rows_per_ms = 0.0
        self._page_rows = QUERY_PAGE_MAX

    async def horizon_ms(self) -> int:
        """Up to where every row can be seen by now (exclusive): a whole second, later than nothing
        that is still to come.

        By the org's clock, since SystemModstamps are.
        """
        now = await self.org.ask_time(self.lease_class)
        return floor_to_second(epoch_ms(now - self.visibility_delay))

    async def read(self, after: PolledPosition, until_ms: int) -> AsyncGenerator[list[PolledRow], None]:
        """The rows after a position with a SystemModstamp before `until_ms`, in order, a page at a
        time; close the iterator.

        A window that is too much for one query is halved, down to a second; then
        `CallTooSlowError` is raised.
        """
        self._take_fields()
        while after.modstamp_ms < until_ms:
            bound = min(until_ms, after.modstamp_ms + self._span_ms)
            try:
                async with aclosing(self._window(after, bound)) as pages:
                    async for rows in pages:
                        after = rows[-1].position
                        yield rows
            except CallTooSlowError:
                width = bound - after.modstamp_ms
                if width <= SECOND_MS:
                    raise
                self._span_ms = max(SECOND_MS, floor_to_second(width // 2))
                continue
            after = PolledPosition(bound)
            self._span_ms = min(self._most_span_ms, self._span_ms * 2)

    async def unsettled(self, since_ms: int) -> AsyncGenerator[list[PolledRow], None]:
        """The rows with a SystemModstamp from `since_ms` on, as they are now; close the iterator.

        Their seconds may not be over, and some may not be seen yet: a lane's position does not
        pass them.
        """
        self._take_fields()
        after, left = PolledPosition(since_ms), 1
        while left:
            page = await self._rest.page(self.spec, after, None)
            if page.rows:
                _check_order(page.rows, after, _FOR_EVER)
                yield page.rows
                after = page.rows[-1].position
            left = page.left

    def _take_fields(self) -> None:
        if self.current is not None:
            self.spec = self.current()

    async def deleted(self, since_ms: int, until_ms: int) -> Deletions:
        """Records deleted between two times, of which queries may know nothing any more (REST API
        Developer Guide, "Get Deleted").

        Salesforce counts in whole minutes and goes back 15 days; a span below a minute is no
        call.
        """
        end = until_ms // _MINUTE_MS * _MINUTE_MS
        start = max(since_ms, end - _DELETED_AGE_MS) // _MINUTE_MS * _MINUTE_MS
        if end <= start:
            return Deletions([], start)
        try:
            path = f"{self.org.data_path}/sobjects/{self.spec.name}/deleted/"
            params = {"start": literal(start), "end": literal(end)}
            response = await self.org.read(Call("GET", path, self.lease_class, params=params))
        except CallRefusedError as error:
            if error.error_code != "EXCEEDED_ID_LIMIT" or end - start <= _MINUTE_MS:
                raise
            return await self.deleted(start, start + (end - start) // 2)
        answer = response.json()
        rows = [Deletion(row["id"], epoch_ms(row["deletedDate"])) for row in answer["deletedRecords"]]
        return Deletions(rows, epoch_ms(answer["latestDateCovered"]))

    async def _window(self, after: PolledPosition, bound: int) -> AsyncGenerator[list[PolledRow], None]:
        began, found = after.modstamp_ms, 0
        is_bulk = self._is_worth_a_job(math.ceil(self._rows_per_ms * (bound - began)))
        while True:
            job = await self._made_job(after, bound) if is_bulk else None
            if job is not None:
                async with aclosing(self._bulk_rows(job, after, bound)) as pages:
                    async for rows in pages:
                        found += len(rows)
                        yield rows
                break
            page = await self._rest.page(self.spec, after, bound)
            if page.rows:
                found += len(page.rows)
                _check_order(page.rows, after, bound)
                yield page.rows
                after = page.rows[-1].position
            if not page.left:
                break
            self._page_rows = max(1, len(page.rows))
            is_bulk = self._is_worth_a_job(page.left)
        self._rows_per_ms = found / (bound - began)

    def _is_worth_a_job(self, rows: int) -> bool:
        return time.monotonic() >= self._bulk_from and rows > (self.bulk_from_pages - 1) * self._page_rows

    async def _made_job(self, after: PolledPosition, bound: int) -> str | None:
        """None when Bulk API does not take the object, or there is no job left to spend: REST goes
        on.

        The order that the lane needs keeps Salesforce from splitting the job by primary key, so
        it is one query there, too.
        """
        try:
            return await self._bulk.create(keyset_query(self.spec, after, bound))
        except CallRefusedError:
            self._bulk_from = math.inf
        except BudgetSpentError as error:
            if error.budget != Budget.BULK_QUERY_JOBS:
                raise
            self._bulk_from = time.monotonic() + error.retry_after.total_seconds()
        return None

    async def _bulk_rows(
        self, job: str, after: PolledPosition, bound: int
    ) -> AsyncGenerator[list[PolledRow], None]:
        async with aclosing(self._bulk.pages_of(job)) as pages:
            async for page in pages:
                if rows := await asyncio.to_thread(rows_of_csv, page.csv, self.spec):
                    _check_order(rows, after, bound)
                    yield rows
                    after = rows[-1].position


def _check_order(rows: list[PolledRow], after: PolledPosition, bound: int) -> None:
    """Positions are only worth something in order; Ids are compared by the org alone, whose order
    of them is its own.
    """
    last = after.modstamp_ms
    for row in rows:
        if not last <= row.modstamp_ms < bound:
            detail = f"it answers a query with rows out of order, at {row.position}"
            raise UnavailableError(system="Salesforce", detail=detail)
        last = row.modstamp_ms
