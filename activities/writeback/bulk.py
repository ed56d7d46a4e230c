"""Carrier `bulk`: a batch of writebacks as one ingest job.

Nothing is written before the job is closed. So it is made and filled first, its id kept in the
store; only then is the batch said to be sent, and the job closed. From then on the outcome is
read from the job itself, however often and by any process.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from activities.writeback.collections import Outcomes, not_sent, outcomes_of
from activities.writeback.config import COME_AGAIN
from clients.salesforce.bulk.ingest import BulkIngest, IngestInfo
from clients.salesforce.bulk.ingest_csv import IngestFile, ingest_file
from clients.salesforce.collections import Row
from clients.salesforce.http import OrgHttp, Sessions
from clients.salesforce.polling import VISIBILITY_DELAY
from clients.writeback.batch_queries import StoredBatch
from clients.writeback.batches import Batches
from schemas.catalogue import ObjectSpec
from schemas.errors import (
    BudgetSpentError,
    CallRefusedError,
    TransientError,
    UnavailableError,
)
from schemas.governor import Budget, LeaseClass
from schemas.settings.writeback import JOB_STALL_TIMEOUT
from transforms.writeback.facts import ToSend
from transforms.writeback.outcomes import RowResult
from transforms.writeback.row_errors import NOT_SENT

_LONG_UPLOAD_BYTES = 10_000_000
"""From this size on an upload may take 20 seconds."""
_ORPHANS_EVERY = timedelta(minutes=10)
_OF_JOBS = frozenset({Budget.INGEST_BATCHES, Budget.INGEST_ROWS})


@dataclass(frozen=True)
class Filled:
    """A job that needs only to be closed."""

    job: str
    """Empty when nothing is left to send."""
    left: Outcomes
    """Of entries that it does not carry."""


@dataclass(frozen=True)
class JobTerms:
    """How ingest jobs are waited for."""

    first_wait: float = 5
    """Seconds until a job's state is asked for; each wait is half as long again."""
    longest_wait: float = 30
    step: float = 480
    """Seconds that one step waits for a job; the next one goes on."""
    patience: timedelta = JOB_STALL_TIMEOUT
    """How long a job may make no progress before it is aborted."""
    settled_after: timedelta = VISIBILITY_DELAY
    """After the job's end, until a query sees all that it has written."""
    aborted_after: timedelta = timedelta(seconds=30)
    """The same of a job that was aborted: the chunk in work may still be committed."""
    come_again: timedelta = COME_AGAIN
    """Until rows for which no job could be made are tried again, when the org does not say when."""
    orphan_age: timedelta = timedelta(minutes=30)
    """From when on an open job of ours that belongs to no batch is aborted; a younger one may be in
    somebody's hands.
    """


@dataclass
class IngestJobs:
    """Batches as ingest jobs of one org."""

    org: OrgHttp
    sessions: Sessions
    bulk: BulkIngest
    batches: Batches
    terms: JobTerms = field(default_factory=JobTerms)

    def __post_init__(self) -> None:
        self._progress: dict[str, tuple[int, float]] = {}
        """Job -> rows that it had come to, and since when."""
        self._cleared_at: dict[str, float] = {}

    async def fill(
        self, spec: ObjectSpec, key_field: str, entries: Sequence[ToSend], batch: StoredBatch
    ) -> Filled:
        """Make a job of the entries and give it its file. What cannot go by a job, is to go by
        collections.

        A job that an earlier try has made is aborted: it was never closed. `UnavailableError`
        when another process sends the batch.
        """
        if batch.job:
            await self.abort(batch.job)
        await self._clear(spec.name)
        entries, file, left = await asyncio.to_thread(_filed, spec, key_field, entries)
        if not file.rows:
            return Filled("", left)
        try:
            job = await self.bulk.create(spec.name, key_field, file.rows, batch.batch)
        except (TransientError, CallRefusedError) as error:
            return Filled("", left | _left_by(error, entries, self.terms.come_again))
        if not await asyncio.to_thread(self.batches.keep_job, batch.batch, job):
            await self.abort(job)
            raise UnavailableError(
                system="the batch", detail=f"{batch.batch} is being sent by another process"
            )
        try:
            await self.bulk.upload(job, file.content, is_long=len(file.content) > _LONG_UPLOAD_BYTES)
        except (TransientError, CallRefusedError) as error:
            await self.abort(job)
            return Filled("", left | _left_by(error, entries, self.terms.come_again))
        return Filled(job, left)

    async def abort(self, job: str) -> None:
        """Stop a job that was not closed, as far as that is possible; else it is found among the
        orphans.
        """
        try:
            await self.bulk.abort(job)
        except (TransientError, CallRefusedError):
            return

    async def close(self, job: str) -> None:
        """Let the org write the rows. Whether it was heard is found out when the job is asked."""
        try:
            await self.bulk.close(job)
        except (TransientError, CallRefusedError):
            return

    async def outcomes(
        self, spec: ObjectSpec, key_field: str, entries: Sequence[ToSend], job: str
    ) -> Outcomes | None:
        """Outcomes by record, as the job tells them, which may take minutes; None when it is still
        at it.

        Those are missing that it does not tell of; what it has written of them can be seen by
        now. A job that the org knows no more tells nothing.
        """
        info = await self._over(job) if job else None
        if info is not None and not info.is_over:
            return None
        self._progress.pop(job, None)
        found: Outcomes = {}
        if info is not None:
            told = await self.bulk.results(info, [entry.external_id for entry in entries])
            found = await asyncio.to_thread(_told, spec, key_field, entries, told)
        if len(found) < len(entries):
            is_sudden = info is None or info.state == "Aborted"
            wait = self.terms.aborted_after if is_sudden else self.terms.settled_after
            await asyncio.sleep(wait.total_seconds())
        return found

    async def _over(self, job: str) -> IngestInfo | None:
        """The job once it is over, or as it is after a step's time; None when the org knows it no
        more.
        """
        until, wait = time.monotonic() + self.terms.step, self.terms.first_wait
        while True:
            try:
                info = await self._pushed(await self.bulk.info(job))
            except CallRefusedError as error:
                if error.is_missing:
                    return None
                raise
            if info.is_over or time.monotonic() + wait > until:
                return info
            await asyncio.sleep(wait)
            wait = min(1.5 * wait, self.terms.longest_wait)

    async def _pushed(self, info: IngestInfo) -> IngestInfo:
        """A job that was not closed is closed now; one that makes no progress is aborted. Neither
        can write a row twice.
        """
        if info.state == "Open":
            try:
                return await self.bulk.close(info.id)
            except CallRefusedError:
                return await self.bulk.abort(info.id)
        if not info.is_over and self._hangs(info):
            return await self.bulk.abort(info.id)
        return info

    def _hangs(self, info: IngestInfo) -> bool:
        processed, since = self._progress.get(info.id, (-1, 0.0))
        if processed != info.processed:
            self._progress[info.id] = info.processed, time.monotonic()
            return False
        return time.monotonic() - since > self.terms.patience.total_seconds()

    async def _clear(self, object_name: str) -> None:
        """Abort jobs that were made without anybody hearing of it, now and then: open ones count
        against the org's limits.
        """
        last = self._cleared_at.get(object_name)
        if last is not None and time.monotonic() - last < _ORPHANS_EVERY.total_seconds():
            return
        self._cleared_at[object_name] = time.monotonic()
        us = (await self.sessions.session()).user_id
        if not us:
            return
        known = await asyncio.to_thread(self.batches.open_jobs)
        before = await self.org.ask_time(LeaseClass.WRITEBACK) - self.terms.orphan_age
        try:
            await self.bulk.abort_all(await self.bulk.orphans(object_name, us, before, known))
        except TransientError:
            return  # they wait for the next time


def _filed(
    spec: ObjectSpec, key_field: str, entries: Sequence[ToSend]
) -> tuple[list[ToSend], IngestFile, Outcomes]:
    """The entries that a file takes, the file, and the outcomes of the others."""
    taken: list[ToSend] = list(entries)
    left: Outcomes = {}
    while True:
        rows = [Row(each.external_id, each.fields, each.may_create) for each in taken]
        try:
            file = ingest_file(spec, key_field, rows)
        except ValueError:
            if len(taken) == 1:
                raise
            half = len(taken) // 2
            left |= _waiting(taken[half:], "The rows before it fill a job.")
            taken = taken[:half]
            continue
        unfit = [each for each in taken if each.external_id in file.left_out]
        for each in unfit:
            left |= _waiting([each], file.left_out[each.external_id].message, by_job=False)
        return [each for each in taken if each.external_id not in file.left_out], file, left


def _left_by(
    error: TransientError | CallRefusedError, entries: Sequence[ToSend], come_again: timedelta
) -> Outcomes:
    """Outcomes of entries for which no job could be made or filled; nothing of them was written."""
    if isinstance(error, CallRefusedError):
        return _waiting(entries, f"No ingest job takes it: {error.error_code}.", by_job=False)
    if isinstance(error, BudgetSpentError) and error.budget in _OF_JOBS:
        return _waiting(entries, str(error), by_job=False)
    return _waiting(entries, str(error), come_again if error.retry_after is None else error.retry_after)


def _waiting(
    entries: Sequence[ToSend], reason: str, wait: timedelta = timedelta(0), *, by_job: bool = True
) -> Outcomes:
    """They wait again; `by_job` False: for another carrier, which forming sees by the code."""
    outcome = not_sent(reason, wait) if by_job else not_sent(reason, wait, code=NOT_SENT)
    return dict.fromkeys((each.record for each in entries), outcome)


def _told(
    spec: ObjectSpec, key_field: str, entries: Sequence[ToSend], told: Mapping[str, RowResult]
) -> Outcomes:
    return outcomes_of(spec, key_field, entries, [told[each.external_id] for each in entries])
