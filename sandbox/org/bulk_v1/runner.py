"""Batches at work: those of one job one after the other, different jobs beside each other.

A query batch with PK chunking turns into one batch per range of primary keys and ends
NotProcessed itself.
"""

import asyncio
import logging
from threading import Event

from sandbox.org.bulk.errors import InvalidBatchError
from sandbox.org.bulk.ingest import BREATH_SECONDS, ChunkWriter
from sandbox.org.bulk.result_file import StoppedError
from sandbox.org.bulk.rules import bulk_query, can_be_chunked
from sandbox.org.bulk.runner import wait_for_turn
from sandbox.org.bulk_v1.errors import AsyncApiError
from sandbox.org.bulk_v1.jobs import ClassicJobs
from sandbox.org.bulk_v1.model import UNFINISHED, Batch, ClassicJob
from sandbox.org.bulk_v1.query_results import write_result
from sandbox.org.bulk_v1.rows import BatchRow, batch_rows, outcome_line
from sandbox.org.errors import SalesforceError
from sandbox.org.faults.faults import FaultRule
from sandbox.org.queries.readers import Readers
from sandbox.org.soql.compiled import CompiledQuery
from sandbox.org.state.dml import Dml
from sandbox.org.state.org import Org
from schemas.salesforce.limits import DML_CHUNK_ROWS

logger = logging.getLogger(__name__)
OUTCOMES = "outcomes"
_STOP_SECONDS = 2


class ClassicRunner:
    """The jobs whose batches are at work."""

    def __init__(self, org: Org, readers: Readers, jobs: ClassicJobs) -> None:
        self._org = org
        self._readers = readers
        self._jobs = jobs
        self._at_work: dict[str, tuple[Event, asyncio.Task[None]]] = {}

    def resume(self) -> None:
        """Take up what a restart interrupted."""
        for job in self._jobs.all():
            if any(batch.state in UNFINISHED for batch in job.batches):
                self.start(job)

    def start(self, job: ClassicJob) -> None:
        """Work on the job's batches, unless somebody does already."""
        if job.id not in self._at_work:
            stop = Event()
            self._at_work[job.id] = stop, asyncio.create_task(self._serve(job, stop))

    def halt(self, job: ClassicJob) -> None:
        if (found := self._at_work.pop(job.id, None)) is not None:
            found[0].set()

    async def stop(self) -> None:
        """Stop everything; the batches go on after a restart."""
        found = list(self._at_work.values())
        if not found:
            return
        for stop, _ in found:
            stop.set()
        _, late = await asyncio.wait([task for _, task in found], timeout=_STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _serve(self, job: ClassicJob, stop: Event) -> None:
        try:
            while (
                batch := next((each for each in job.batches if each.state in UNFINISHED), None)
            ) is not None:
                await self._batch(job, batch, stop)
        except StoppedError:
            return
        self._at_work.pop(job.id, None)

    async def _batch(self, job: ClassicJob, batch: Batch, stop: Event) -> None:
        dials = self._org.dials.bulk
        if batch.state == "Queued":
            await wait_for_turn(self._org, stop, batch.created_ms / 1000 + dials.queue_seconds)
            batch.state = "InProgress"
            self._jobs.save(job, batch)
        started = self._jobs.now_ms()
        fault = self._org.faults.strike("bulk.job", f"{job.id}/{job.object_name}")
        try:
            if fault is not None and fault.kind == "hang":
                await wait_for_turn(self._org, stop, float("inf"))
            await (self._query if job.is_query else self._ingest)(job, batch, stop, fault)
            await wait_for_turn(self._org, stop, started / 1000 + dials.run_seconds)
            if batch.state == "InProgress":
                batch.state = "Completed"
        except StoppedError:
            raise
        except (InvalidBatchError, AsyncApiError) as error:
            batch.state, batch.message = "Failed", str(error)
        except SalesforceError as error:
            batch.state, batch.message = "Failed", f"{error.code} : {error.message}"
        except Exception:
            logger.exception("batch %s failed", batch.id)
            batch.state, batch.message = "Failed", "InternalServerError : An unexpected error occurred"
        batch.run_ms = self._jobs.now_ms() - started
        self._jobs.save(job, batch)

    async def _query(self, job: ClassicJob, batch: Batch, stop: Event, fault: FaultRule | None) -> None:
        soql = await asyncio.to_thread(self._jobs.request_file(job, batch).read_text)
        try:
            compiled = await asyncio.to_thread(
                bulk_query,
                soql,
                self._org.view(job.user_id).entities,
                job.operation,
                created_ms=batch.created_ms,
            )
        except SalesforceError as error:
            raise InvalidBatchError(f"Failed to process query: {error.code}: {error.message}") from None
        if job.chunk_rows is not None and batch.source is None and can_be_chunked(compiled):
            self._split(job, batch, compiled, job.chunk_rows)
            return
        folder = self._jobs.result_folder(job, batch)
        batch.processed = await self._readers.run(
            lambda connection: write_result(connection, compiled, job, batch, folder, stop)
        )
        if fault is not None:
            raise SalesforceError(fault.code, fault.message)
        batch.result_id = batch.result_id or self._jobs.new_result_id()

    def _split(self, job: ClassicJob, batch: Batch, compiled: CompiledQuery, size: int) -> None:
        """One batch for each range of keys; the batch that asked is not processed."""
        statement = f'SELECT coalesce(max(rowid), 0) FROM "{compiled.entity.name}"'
        last = self._org.store.connection.execute(statement).fetchone()[0]
        first = 0
        if job.chunk_from is not None:
            statement = f'SELECT coalesce(min(rowid), 1) FROM "{compiled.entity.name}" WHERE Id >= ?'
            first = self._org.store.connection.execute(statement, (job.chunk_from,)).fetchone()[0] - 1
        for low in range(first, max(last, 1), size):
            chunk = self._jobs.new_batch()
            chunk.rows, chunk.source = (low, low + size), batch.id
            job.batches.append(chunk)
        batch.state = "NotProcessed"

    async def _ingest(self, job: ClassicJob, batch: Batch, stop: Event, fault: FaultRule | None) -> None:
        entity = Dml(self._org, job.user_id).writable(job.object_name)
        rows = await asyncio.to_thread(
            batch_rows, job, self._jobs.request_file(job, batch), self._org.view(job.user_id).entities, entity
        )
        if not batch.chunks_done:
            self._org.meters.bulk_rows.count(len(rows))
        folder = self._jobs.result_folder(job, batch)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / OUTCOMES).open("ab") as file:
            # What was written after the job was last written down belongs to a chunk that is done
            # again.
            file.truncate(batch.outcome_bytes)
        writer = ChunkWriter(self._org, Dml(self._org, job.user_id), user=job.user_id, origin=job.origin)
        for start in range(batch.chunks_done * DML_CHUNK_ROWS, len(rows), DML_CHUNK_ROWS):
            if stop.is_set():
                raise StoppedError
            if fault is not None and batch.processed >= len(rows) // 2:
                raise SalesforceError(fault.code, fault.message)
            await self._chunk(job, batch, writer, rows[start : start + DML_CHUNK_ROWS])
            await asyncio.sleep(BREATH_SECONDS)
        if fault is not None:
            raise SalesforceError(fault.code, fault.message)
        batch.result_id = batch.result_id or self._jobs.new_result_id()

    async def _chunk(self, job: ClassicJob, batch: Batch, writer: ChunkWriter, rows: list[BatchRow]) -> None:
        outcomes = await writer.write(rows)
        batch.processed += len(rows)
        batch.failed += sum(1 for outcome in outcomes if not outcome.succeeded)
        batch.chunks_done += 1
        job.retries += writer.retries
        writer.retries = 0
        with (self._jobs.result_folder(job, batch) / OUTCOMES).open("ab") as file:
            batch.outcome_bytes += file.write(b"".join(map(outcome_line, outcomes)))
        self._jobs.save(job, batch)
