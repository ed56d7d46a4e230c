"""The jobs of Bulk API 1.0, kept beside those of 2.0 and numbered with them."""

from pathlib import Path

import orjson

from sandbox.org.bulk.jobs import Jobs
from sandbox.org.bulk_v1.errors import AsyncApiError, invalid_batch, invalid_job
from sandbox.org.bulk_v1.model import Batch, ClassicJob
from sandbox.org.schema.ids import IdMaker, eighteen
from schemas.salesforce.limits import BULK_JOB_LIFE

BATCH_PREFIX, RESULT_PREFIX = "751", "752"
_SHORT_ID = 15


class ClassicJobs:
    """The jobs by id; belongs to the event loop's thread."""

    def __init__(self, shared: Jobs) -> None:
        self._shared = shared
        self._by_id: dict[str, ClassicJob] = {}
        for body in shared.classic_bodies():
            found = orjson.loads(body)
            batches = [Batch(**batch) for batch in found.pop("batches")]
            self._by_id[found["id"]] = ClassicJob(**found, batches=batches)
        batches = [batch for job in self._by_id.values() for batch in job.batches]
        self._batch_ids = IdMaker(BATCH_PREFIX, max((batch.id for batch in batches), default=None))
        results = (batch.result_id for batch in batches if batch.result_id)
        self._result_ids = IdMaker(RESULT_PREFIX, max(results, default=None))

    def now_ms(self) -> int:
        return self._shared.now_ms()

    def new_id(self) -> str:
        return self._shared.new_id()

    def new_batch(self) -> Batch:
        now = self.now_ms()
        return Batch(self._batch_ids.next(), now, now)

    def new_result_id(self) -> str:
        return self._result_ids.next()

    def add(self, job: ClassicJob) -> None:
        self._by_id[job.id] = job
        self.folder(job).mkdir(parents=True, exist_ok=True)
        self.save(job)

    def save(self, job: ClassicJob, batch: Batch | None = None) -> None:
        """Write the job down; `batch` is what changed."""
        job.modified_ms = self.now_ms()
        if batch is not None:
            batch.modified_ms = job.modified_ms
        self._shared.save_body(job.id, "Classic", job.created_ms, orjson.dumps(job))

    def find(self, job_id: str) -> ClassicJob:
        job = self._by_id.get(eighteen(job_id) if len(job_id) == _SHORT_ID else job_id)
        if job is not None and self.now_ms() - job.created_ms > BULK_JOB_LIFE.total_seconds() * 1000:
            self._by_id.pop(job.id)
            self._shared.forget(job.id)
            job = None
        if job is None:
            raise invalid_job(f"Unable to find job with id: {job_id}")
        return job

    def batch(self, job: ClassicJob, batch_id: str) -> Batch:
        full = eighteen(batch_id) if len(batch_id) == _SHORT_ID else batch_id
        found = next((batch for batch in job.batches if batch.id == full), None)
        if found is None:
            raise invalid_batch(f"Unable to find batch with id: {batch_id}")
        return found

    def all(self) -> list[ClassicJob]:
        return list(self._by_id.values())

    def forget_all(self) -> None:
        """Forget every job; what was written down of them is the shared jobs' to forget."""
        self._by_id.clear()

    def folder(self, job: ClassicJob) -> Path:
        return self._shared.folder(job.id)

    def request_file(self, job: ClassicJob, batch: Batch) -> Path:
        """The client's body."""
        return self.folder(job) / f"{batch.source or batch.id}.request"

    def result_folder(self, job: ClassicJob, batch: Batch) -> Path:
        return self.folder(job) / batch.id

    def require_result(self, job: ClassicJob, batch: Batch) -> None:
        """Raises InvalidBatch unless the batch has a result."""
        if batch.state != "Completed":
            raise AsyncApiError("InvalidBatch", f"Batch not completed: {batch.state}")
        if not self.result_folder(job, batch).exists():
            raise invalid_batch("The batch has no result")
