"""How an ingest job's rows are written: batches of 10,000, in them chunks of 200, each chunk a
transaction of its own.

The order in which batches are taken and results are listed is not the file's, as in Salesforce;
it is drawn from the job's id, so a restart meets the same. A job that fails leaves what it has
written and lists the rest as unprocessed.
"""

import asyncio
from collections.abc import Iterator, Sequence
from random import Random

from sandbox.org.bulk.csv_reader import CsvRow, Upload, open_upload
from sandbox.org.bulk.csv_rows import RowMaker
from sandbox.org.bulk.errors import InvalidBatchError
from sandbox.org.bulk.jobs import Jobs
from sandbox.org.bulk.model import Job
from sandbox.org.bulk.outcomes import OutcomeFiles, leave_all
from sandbox.org.bulk.result_file import StoppedError
from sandbox.org.bulk.runner import Run
from sandbox.org.errors import SalesforceError
from sandbox.org.state.dml import Dml, Outcome, Verb, Write
from sandbox.org.state.org import Org
from schemas.salesforce.limits import DML_CHUNK_ROWS

UPLOAD_FILE = "upload.csv"
LOCKED = "UNABLE_TO_LOCK_ROW"
_RETRY_SECONDS = 0.01
BREATH_SECONDS = 0.002
"""Between two chunks everybody else has his turn; a request needs several rounds of the event loop.
"""
VERBS: dict[str, Verb] = {
    "insert": "insert",
    "update": "update",
    "upsert": "upsert",
    "delete": "delete",
    "hardDelete": "hardDelete",
}


class ChunkWriter:
    """Writes rows in chunks for both Bulk APIs."""

    def __init__(self, org: Org, dml: Dml, *, user: str, origin: str) -> None:
        self._org = org
        self._dml = dml
        self._user = user
        self._origin = origin
        self.retries = 0

    async def write(self, rows: Sequence[Write | SalesforceError]) -> list[Outcome]:
        """Write one chunk; rows that meet a lock are tried again, up to the dial's number of
        attempts.
        """
        outcomes = [Outcome(error=row) if isinstance(row, SalesforceError) else Outcome() for row in rows]
        waiting = [(place, row) for place, row in enumerate(rows) if isinstance(row, Write)]
        for attempt in range(self._org.dials.bulk.chunk_attempts):
            if attempt:
                self.retries += 1
                await asyncio.sleep(_RETRY_SECONDS)
            found = await self._dml.apply([row for _, row in waiting], user=self._user, origin=self._origin)
            for (place, _), outcome in zip(waiting, found, strict=True):
                outcomes[place] = outcome
            waiting = [(place, row) for place, row in waiting if _is_locked(outcomes[place])]
            if not waiting:
                break
        return outcomes


class IngestWork:
    """Does the work of ingest jobs."""

    def __init__(self, org: Org, jobs: Jobs) -> None:
        self._org = org
        self._jobs = jobs

    async def __call__(self, run: Run) -> None:
        job, folder = run.job, self._jobs.folder(run.job.id)
        try:
            upload, maker = await asyncio.to_thread(self._opened, job)
        except InvalidBatchError:
            await asyncio.to_thread(leave_all, folder, folder / UPLOAD_FILE)
            raise
        files = OutcomeFiles(folder, job, upload.header)
        files.begin()
        try:
            await self._batches(run, upload, maker, files)
        except StoppedError:
            if job.state == "Aborted":
                await asyncio.to_thread(files.leave, _left(upload, job))
            raise
        except (SalesforceError, InvalidBatchError):
            await asyncio.to_thread(files.leave, _left(upload, job))
            raise

    def _opened(self, job: Job) -> tuple[Upload, RowMaker]:
        """The job's file, checked, and what makes its rows; raises `InvalidBatchError`."""
        upload = open_upload(self._jobs.folder(job.id) / UPLOAD_FILE, job.separator, job.line_ending)
        entity = Dml(self._org, job.user_id).writable(job.object_name)
        verb = VERBS[job.operation]
        return upload, RowMaker(
            self._org.view(job.user_id).entities, entity, verb, job.external_id, upload.header
        )

    async def _batches(self, run: Run, upload: Upload, maker: RowMaker, files: OutcomeFiles) -> None:
        job, meters = run.job, self._org.meters
        writer = ChunkWriter(self._org, Dml(self._org, job.user_id), user=job.user_id, origin=job.origin)
        fail_after = upload.rows // 2
        for number in _order(job, len(upload.starts)):
            if number in job.batches_done:
                continue
            rows = await asyncio.to_thread(upload.batch, number)
            if not job.chunks_done:
                meters.bulk_batches.count()
                meters.bulk_rows.count(len(rows))
            for start in range(job.chunks_done * DML_CHUNK_ROWS, len(rows), DML_CHUNK_ROWS):
                run.check()
                if run.fault is not None and job.processed >= fail_after:
                    raise SalesforceError(run.fault.code, run.fault.message)
                await self._chunk(job, writer, maker, files, rows[start : start + DML_CHUNK_ROWS])
                await asyncio.sleep(BREATH_SECONDS)
            job.batches_done.append(number)
            job.chunks_done = 0
            self._jobs.save(job)
        if run.fault is not None:
            raise SalesforceError(run.fault.code, run.fault.message)

    async def _chunk(
        self, job: Job, writer: ChunkWriter, maker: RowMaker, files: OutcomeFiles, rows: list[CsvRow]
    ) -> None:
        outcomes = await writer.write([maker.write(row) for row in rows])
        told = [(_with_id(outcome, maker, row), row) for outcome, row in zip(outcomes, rows, strict=True)]
        job.processed += len(rows)
        job.failed += sum(1 for outcome in outcomes if not outcome.succeeded)
        job.retries += writer.retries
        writer.retries = 0
        job.chunks_done += 1
        Random(f"{job.id}/{job.processed}").shuffle(told)  # noqa: S311 -- an order, no secret
        files.add(told)
        self._jobs.save(job)


def _order(job: Job, batches: int) -> list[int]:
    numbers = list(range(batches))
    Random(job.id).shuffle(numbers)  # noqa: S311 -- an order, no secret
    return numbers


def _left(upload: Upload, job: Job) -> Iterator[list[CsvRow]]:
    """The rows that were not processed: of the batch in work what is left of it, and the batches
    after it.
    """
    done = job.chunks_done * DML_CHUNK_ROWS
    for number in _order(job, len(upload.starts)):
        if number not in job.batches_done:
            yield upload.batch(number)[done:]
            done = 0


def _with_id(outcome: Outcome, maker: RowMaker, row: CsvRow) -> Outcome:
    """A row that failed is reported with the id it named."""
    if outcome.succeeded or outcome.record_id:
        return outcome
    return Outcome(maker.record_id(row), error=outcome.error)


def _is_locked(outcome: Outcome) -> bool:
    return outcome.error is not None and outcome.error.code == LOCKED
