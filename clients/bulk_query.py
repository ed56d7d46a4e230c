"""Query jobs of Bulk API 2.0: few calls for many rows (Bulk API 2.0 and Bulk API Developer Guide, "Query Jobs").

A job's pages can be fetched again as long as the job exists, so whoever keeps its id and the locator of the next page can go
on after a crash. The job is removed by whoever is done with it; one that is left over by a killed process goes after seven days.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any, NamedTuple

import httpx

from clients.org_http import OrgHttp
from schemas.budgets import Budget, LeaseClass
from schemas.errors import TidegateError, UnavailableError

PAGE_ROWS = 10_000
GIVE_UP_AFTER = timedelta(minutes=10)
"""A job that has not ended by then is taken to hang."""
_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each question how far the job is; the last one from then on. Every question is a call."""
_PAGE_TRIES = 3
_LAST = "null"
"""The locator of the page after the last one, literally."""


class BulkPage(NamedTuple):
    """One page of results."""

    csv: bytes
    """With its header line."""
    next_locator: str | None
    """None after the last page."""


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

        Raises `CallRefusedError` for a query that Bulk API does not take, and `RateLimitedError` when there is no job left.
        """
        body = {"operation": "queryAll", "query": soql, "contentType": "CSV", "lineEnding": "LF"}
        made = await self._call("POST", self._path, json=body, also={Budget.BULK_QUERY_JOBS: 1})
        return str(made.json()["id"])

    async def wait(self, job: str) -> None:
        """Return when the job has its results; raises `UnavailableError` when it fails or hangs."""
        seconds = self._give_up_after.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                await self._wait(job)
        except TimeoutError as error:
            detail = f"query job {job} has not ended after {seconds:.0f} s"
            raise UnavailableError(system="Salesforce", detail=detail) from error

    async def page(self, job: str, locator: str | None = None) -> BulkPage:
        """A page of a finished job; `locator` None for the first. A page that breaks off is fetched again."""
        for left in reversed(range(_PAGE_TRIES)):
            try:
                return await self._page(job, locator)
            except UnavailableError:
                if not left:
                    raise
            await asyncio.sleep(self._waits[0])
        raise AssertionError("unreachable")

    async def pages(self, soql: str) -> AsyncGenerator[BulkPage, None]:
        """All pages of a new job, which is removed at the end, however it comes. Close the iterator."""
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
        """Delete the job, stopping it first. What fails is left to the org, which forgets jobs after seven days."""
        if not is_finished:
            with suppress(TidegateError):
                await self._call("PATCH", f"{self._path}/{job}", json={"state": "Aborted"})
        with suppress(TidegateError):
            await self._call("DELETE", f"{self._path}/{job}")

    async def _wait(self, job: str) -> None:
        asked = 0
        while True:
            await asyncio.sleep(self._waits[min(asked, len(self._waits) - 1)])
            asked += 1
            info = (await self._call("GET", f"{self._path}/{job}")).json()
            if info["state"] == "JobComplete":
                return
            if info["state"] in ("Failed", "Aborted"):
                reason = info.get("errorMessage", "no reason given")
                detail = f"query job {job} is {info['state']}: {reason}"
                raise UnavailableError(system="Salesforce", detail=detail)

    async def _page(self, job: str, locator: str | None) -> BulkPage:
        params = {"maxRecords": str(self._page_rows)} | ({} if locator is None else {"locator": locator})
        # What a page will weigh is not known before: one byte is asked for, the rest is settled.
        response = await self._call(
            "GET",
            f"{self._path}/{job}/results",
            params=params,
            headers={"Accept": "text/csv"},
            also={Budget.BULK_QUERY_BYTES: 1},
        )
        self._org.settle(Budget.BULK_QUERY_BYTES, self._class, max(0, len(response.content) - 1))
        following = response.headers.get("Sforce-Locator", _LAST)
        return BulkPage(response.content, None if following == _LAST else following)

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self._org.call(method, path, lease_class=self._class, **options)
