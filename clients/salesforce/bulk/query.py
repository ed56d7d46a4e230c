"""Query jobs of Bulk API 2.0: few calls for many rows (Bulk API 2.0 and Bulk API Developer Guide,
"Query Jobs").

A job's pages can be fetched again while the job exists, so any process with its id and the
locator of the next page can continue after a crash. Its owner removes the job; one left over by
a killed process expires after seven days.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx

from clients.salesforce.bulk.query_answers import BulkPage, JobInfo, PageStream, told_rows
from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from clients.salesforce.safe_words import safe_words
from schemas.errors import TidegateError, UnavailableError
from schemas.governor import Budget, LeaseClass

PAGE_ROWS = 10_000
GIVE_UP_AFTER = timedelta(minutes=10)
"""A job that has not ended by then is taken to hang."""
_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each question how far the job is; the last one from then on. Every question is a
call.
"""
_PAGE_TRIES = 3
_LAST = "null"
"""The locator of the page after the last one, literally."""


_Taken = TypeVar("_Taken")


class BulkQuery:
    """Query jobs of one org, paid for by one class.

    Args:
        org: The way to the org.
        lease_class: On whose behalf.
        page_rows: Rows of a page.
        waits: Seconds before each question about a job; the last one is repeated.
        give_up_after: How long a job may take.
    """

    def __init__(
        self,
        org: OrgHttp,
        lease_class: LeaseClass,
        *,
        page_rows: int = PAGE_ROWS,
        waits: tuple[float, ...] = _WAITS,
        give_up_after: timedelta = GIVE_UP_AFTER,
    ) -> None:
        self._org = org
        self._class = lease_class
        self._page_rows = page_rows
        self._waits = waits
        self._give_up_after = give_up_after
        self._path = f"{org.data_path}/jobs/query"

    async def create(self, soql: str) -> str:
        """Make a job that reads deleted records, too; returns its id.

        Raises `CallRefusedError` for a query that Bulk API does not take, and `RateLimitedError`
        when there is no job left.
        """
        body = {"operation": "queryAll", "query": soql, "contentType": "CSV", "lineEnding": "LF"}
        made = await self._org.read(
            Call("POST", self._path, self._class, body=body, also={Budget.BULK_QUERY_JOBS: 1})
        )
        return str(made.json()["id"])

    async def wait(self, job: str) -> JobInfo:
        """Return when the job has its results; raises `UnavailableError` when it fails or hangs."""
        seconds = self._give_up_after.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._wait(job)
        except TimeoutError as error:
            detail = f"query job {job} has not ended after {seconds:.0f} s"
            raise UnavailableError(system="Salesforce", detail=detail) from error

    async def info(self, job: str) -> JobInfo:
        """How far the job is. Raises `CallRefusedError` with status 404 when the org knows it no
        more.
        """
        return JobInfo.of((await self._get(f"{self._path}/{job}")).json())

    def hangs(self, info: JobInfo) -> bool:
        """True when the job has been at work for longer than a job may take."""
        now = self._org.time()
        return not info.is_over and now - info.created_at >= self._give_up_after

    async def jobs_since(self, object_name: str, since: datetime) -> list[JobInfo]:
        """The object's query jobs that were made since a time, the newest first, whichever process
        made them.
        """
        found: list[JobInfo] = []
        path, params = self._path, {"jobType": "V2Query"}
        while path:
            answer = (await self._get(path, params)).json()
            jobs = map(JobInfo.of, answer["records"])
            found += [job for job in jobs if job.object == object_name and job.created_at >= since]
            path, params = answer.get("nextRecordsUrl") or "", {}
        return sorted(found, key=lambda job: job.created_at, reverse=True)

    async def columns(self, job: str) -> tuple[str, ...]:
        """The columns of a finished job's result, in the order of its query."""
        page = await self.page_of_size(job, None, 1)
        return tuple(name.strip('"') for name in page.csv[: page.csv.find(b"\n")].decode().split(","))

    async def page_locators(self, job: str) -> list[str | None]:
        """Where each page of a finished job begins, None for the first (Bulk API 2.0 and Bulk API
        Developer Guide, "Get Parallel Results for a Query Job", v58.0); the org settles how many
        rows a page has.
        """
        found: list[str | None] = []
        path = f"{self._path}/{job}/resultPages"
        while path:
            answer = (await self._get(path)).json()
            found += [_locator_of(page["resultUrl"]) for page in answer["resultPages"]]
            path = answer.get("nextRecordsUrl") or answer.get("nextRecordUrl") or ""
        return [None, *found[1:]]

    async def page(self, job: str, locator: str | None = None) -> BulkPage:
        """A page of a finished job, as `page_of_size` with the rows that this client asks for."""
        return await self.page_of_size(job, locator, self._page_rows)

    async def page_of_size(self, job: str, locator: str | None, most_rows: int | None) -> BulkPage:
        """A page of a finished job; `locator` None for the first, `most_rows` None: as many as the
        org likes.

        A page that breaks off is fetched again.
        """
        for left in reversed(range(_PAGE_TRIES)):
            try:
                return await self._page(job, locator, most_rows)
            except UnavailableError:
                if not left:
                    raise
            await asyncio.sleep(self._waits[0])
        raise AssertionError("unreachable")

    async def stream_page(
        self, job: str, locator: str | None, take: Callable[[PageStream], Awaitable[_Taken]]
    ) -> _Taken:
        """Have `take` read a page of a finished job while it comes, of as many rows as the org
        likes; returns what `take` returns.

        A page that breaks off is fetched again: `take` is called again, and begins again. Other
        errors of `take` come as they are.
        """
        for left in reversed(range(_PAGE_TRIES)):
            streams: list[PageStream] = []
            try:
                return await self._stream(job, locator, take, streams)
            except UnavailableError:
                if not left or any(not each.is_broken for each in streams):
                    raise
            await asyncio.sleep(self._waits[0])
        raise AssertionError("unreachable")

    async def pages(self, soql: str) -> AsyncGenerator[BulkPage, None]:
        """All pages of a new job, which is removed at the end, however it comes. Close the
        iterator.
        """
        job = await self.create(soql)
        async with aclosing(self.pages_of(job)) as pages:
            async for page in pages:
                yield page

    async def pages_of(self, job: str) -> AsyncGenerator[BulkPage, None]:
        """As `pages`, of a job that was made before."""
        is_finished = False
        try:
            await self.wait(job)
            is_finished = True
            locator: str | None = None
            while True:
                page = await self.page(job, locator)
                yield page
                if (locator := page.next_locator) is None:
                    return
        finally:
            await self.remove(job, is_finished=is_finished)

    async def remove(self, job: str, *, is_finished: bool) -> None:
        """Delete the job, stopping it first. What fails is left to the org, which forgets jobs
        after seven days.
        """
        if not is_finished:
            with suppress(TidegateError):
                body = {"state": "Aborted"}
                await self._org.read(Call("PATCH", f"{self._path}/{job}", self._class, body=body))
        with suppress(TidegateError):
            await self._org.read(Call("DELETE", f"{self._path}/{job}", self._class))

    async def _wait(self, job: str) -> JobInfo:
        asked = 0
        while True:
            await asyncio.sleep(self._waits[min(asked, len(self._waits) - 1)])
            asked += 1
            info = await self.info(job)
            if info.state == "JobComplete":
                return info
            if info.is_dead:
                why = safe_words(info.error) if info.error else "no reason given"
                detail = f"query job {job} is {info.state}: {why}"
                raise UnavailableError(system="Salesforce", detail=detail)

    async def _page(self, job: str, locator: str | None, most_rows: int | None) -> BulkPage:
        response = await self._org.read(self._page_call(job, locator, most_rows))
        self._settle(len(response.content))
        following = response.headers.get("Sforce-Locator", _LAST)
        return BulkPage(response.content, None if following == _LAST else following, told_rows(response))

    async def _stream(
        self,
        job: str,
        locator: str | None,
        take: Callable[[PageStream], Awaitable[_Taken]],
        streams: list[PageStream],
    ) -> _Taken:
        """One try; the page is in `streams` once it has begun to come."""

        async def begin(response: httpx.Response, pieces: AsyncIterator[bytes]) -> _Taken:
            streams.append(PageStream(response, pieces))
            return await take(streams[0])

        try:
            return await self._org.stream(self._page_call(job, locator, None), begin)
        finally:
            self._settle(sum(each.bytes for each in streams))

    def _page_call(self, job: str, locator: str | None, most_rows: int | None) -> Call:
        params = {} if most_rows is None else {"maxRecords": str(most_rows)}
        if locator is not None:
            params["locator"] = locator
        # What a page will weigh is not known before: one byte is asked for, the rest is settled.
        return Call(
            "GET",
            f"{self._path}/{job}/results",
            self._class,
            params=params,
            headers={"Accept": "text/csv"},
            also={Budget.BULK_QUERY_BYTES: 1},
        )

    def _settle(self, size: int) -> None:
        self._org.settle(Budget.BULK_QUERY_BYTES, self._class, max(0, size - 1))

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        return await self._org.read(Call("GET", path, self._class, params=params))


def _locator_of(url: str) -> str | None:
    return parse_qs(urlsplit(url).query).get("locator", [None])[0]
