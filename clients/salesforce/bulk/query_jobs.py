"""The one query job of a lane: made once, found again after a crash, whatever became of the call
that made it.

The org does not tell what a job's query was. But a result has its columns in the order of the
query (v50.0), so each lane asks in an order of its own, and the job that answers in that order
is the lane's.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import orjson
from pydantic import AwareDatetime

from clients.salesforce.bulk.query import BulkQuery
from clients.salesforce.bulk.query_answers import JobInfo
from clients.storage.objects import ObjectStore
from schemas.errors import CallRefusedError, UnavailableError
from schemas.ids import job_intent_key, job_key, job_result_key
from schemas.message import Message

_CLOCKS_DIFFER = timedelta(minutes=10)
"""Tolerated difference between our clock and the org's."""


class JobIntent(Message):
    """The query of a lane's job, before the job was made."""

    object: str
    soql: str
    columns: tuple[str, ...]
    """In the order of the query."""
    at: AwareDatetime


class JobResult(Message):
    """A complete job: what never changes of it any more."""

    id: str
    rows: int
    created_at: AwareDatetime
    """By the org's clock."""
    locators: tuple[str | None, ...]
    """Where each page begins; None for the first."""


class LaneJobs:
    """The query jobs of one org's lanes.

    Args:
        store: Remembers each lane's job.
        bulk: Makes and asks.
        org: Its id.
    """

    def __init__(self, store: ObjectStore, bulk: BulkQuery, org: str) -> None:
        self._store = store
        self._bulk = bulk
        self._org = org

    async def ensure(self, lane: str, intent: JobIntent) -> str | None:
        """The id of the lane's job, which is made if there is none; None for a lane that was
        settled to do without.

        An intent that was kept before wins over the new one. Raises what `BulkQuery.create`
        raises; `UnavailableError` when it is not known whether a job was made and none is found:
        the next try looks again first.
        """
        made = await asyncio.to_thread(self._store.find, job_key(self._org, lane))
        if made is not None:
            return _id_of(made)
        kept, is_first = await asyncio.to_thread(self._keep, lane, intent)
        job = None if is_first else await self._find(kept)
        return await asyncio.to_thread(self._claim, lane, job or await self._create(kept))

    async def do_without(self, lane: str) -> str | None:
        """Settle that the lane has no job, because Bulk API takes none; returns the job that it has
        for all that.
        """
        return await asyncio.to_thread(self._claim, lane, None)

    async def drop(self, lane: str) -> None:
        """Stop and delete the lane's job; nothing happens when it has none, or the org knows it no
        more.
        """
        made = await asyncio.to_thread(self._store.find, job_key(self._org, lane))
        if made is None or (job := _id_of(made)) is None:
            return
        try:
            info = await self._bulk.info(job)
        except CallRefusedError:
            return
        await self._bulk.remove(job, is_finished=info.is_over)

    async def kept(self, lane: str) -> JobIntent | None:
        """The query of the lane's job; None before the first try."""
        found = await asyncio.to_thread(self._store.find, job_intent_key(self._org, lane))
        return None if found is None else JobIntent.model_validate_json(found)

    async def result(self, lane: str) -> JobResult | None:
        """The result of the lane's job when it was kept; None before."""
        found = await asyncio.to_thread(self._store.find, job_result_key(self._org, lane))
        return None if found is None else JobResult.model_validate_json(found)

    async def keep_result(self, lane: str, info: JobInfo) -> JobResult:
        """Ask where the pages of a complete job begin, and remember it: every fifth page costs a
        call.
        """
        locators = await self._bulk.page_locators(info.id)
        result = JobResult(id=info.id, rows=info.rows, created_at=info.created_at, locators=tuple(locators))
        key, body = job_result_key(self._org, lane), result.model_dump_json().encode()
        if await asyncio.to_thread(self._store.create, key, body):
            return result
        # Another process was first; the chain's positions are made of its locators.
        return JobResult.model_validate_json(await asyncio.to_thread(self._store.get, key))

    async def _create(self, intent: JobIntent) -> str:
        try:
            return await self._bulk.create(intent.soql)
        except UnavailableError:
            # It may have been made though the answer was lost.
            if (job := await self._find(intent)) is not None:
                return job
            raise

    async def _find(self, intent: JobIntent) -> str | None:
        """The job with the intent's columns among those of its object since then."""
        for job in await self._bulk.jobs_since(intent.object, intent.at - _CLOCKS_DIFFER):
            if await self._is_ours(job, intent):
                return job.id
        return None

    async def _is_ours(self, job: JobInfo, intent: JobIntent) -> bool:
        if job.is_dead:
            return False
        try:
            if not job.is_over:
                await self._bulk.wait(job.id)
            return await self._bulk.columns(job.id) == intent.columns
        except CallRefusedError:
            return False  # somebody has deleted it, or its results are not for this API version
        except UnavailableError:
            # A job that never ends cannot be recognized; when it is ours, it is lost anyhow.
            info = await self._bulk.info(job.id)
            if info.is_dead or self._bulk.hangs(info):
                return False
            raise

    def _keep(self, lane: str, intent: JobIntent) -> tuple[JobIntent, bool]:
        key = job_intent_key(self._org, lane)
        if self._store.create(key, intent.model_dump_json().encode()):
            return intent, True
        return JobIntent.model_validate_json(self._store.get(key)), False

    def _claim(self, lane: str, job: str | None) -> str | None:
        """Make `job` the lane's (None: it has none); returns the lane's, which is another one when
        another process was first.

        The job that lost is left to the org, which forgets jobs after seven days: deleting it
        here could delete the winner's, found by both.
        """
        key = job_key(self._org, lane)
        self._store.create(key, orjson.dumps({"id": job}))
        return _id_of(self._store.get(key))


def _id_of(body: bytes) -> str | None:
    found: str | None = orjson.loads(body)["id"]
    return found


def own_order(fields: Sequence[str], lane: str) -> tuple[str, ...]:
    """The fields in the order that is the lane's own."""
    return tuple(sorted(fields, key=lambda field: hashlib.sha256(f"{lane} {field}".encode()).digest()))


def new_intent(object_name: str, columns: tuple[str, ...], where: str) -> JobIntent:
    """The query that a lane is about to make; `where` is empty for a whole object."""
    condition = f" WHERE {where}" if where else ""
    soql = f"SELECT {', '.join(columns)} FROM {object_name}{condition}"
    return JobIntent(object=object_name, soql=soql, columns=columns, at=datetime.now(UTC))
