"""Every job of the org, in its SQLite file, and the folder of each for what it reads and writes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson

from sandbox.org.bulk.model import Job, Kind
from sandbox.org.data.store import Store
from sandbox.org.errors import not_found
from sandbox.org.faults.clock import Clock
from sandbox.org.schema.ids import IdMaker, eighteen
from schemas.salesforce.limits import BULK_JOB_LIFE

JOB_PREFIX = "750"
_SHORT_ID = 15
_TABLE = """
CREATE TABLE IF NOT EXISTS sandbox_bulk_jobs (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, created_ms INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID
"""


class Jobs:
    """The jobs by id; belongs to the event loop's thread. A job is gone when it is seven days old
    by the org's clock.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._connection = store.connection
        self._folder = store.folder / "bulk"
        self._clock = clock
        self._connection.execute(_TABLE)
        rows = self._connection.execute(
            "SELECT body FROM sandbox_bulk_jobs WHERE kind <> 'Classic' ORDER BY id"
        )
        self._by_id = {job.id: job for job in (Job(**orjson.loads(row[0])) for row in rows)}
        last = self._connection.execute("SELECT max(id) FROM sandbox_bulk_jobs").fetchone()[0]
        self._ids = IdMaker(JOB_PREFIX, last)

    def new_id(self) -> str:
        return self._ids.next()

    def now_ms(self) -> int:
        return self._clock.now().epoch_ms

    def add(self, job: Job) -> None:
        self.folder(job.id).mkdir(parents=True, exist_ok=True)
        self._by_id[job.id] = job
        self.save(job)

    def save(self, job: Job) -> None:
        """Write the job down as it is now; one that was deleted meanwhile stays deleted."""
        if job.id not in self._by_id:
            return
        job.modified_ms = self.now_ms()
        self.save_body(job.id, job.kind, job.created_ms, orjson.dumps(job))

    def save_body(self, job_id: str, kind: Kind, created_ms: int, body: bytes) -> None:
        """Write down a job of whichever API; both take their ids from here."""
        self._connection.execute(
            "INSERT OR REPLACE INTO sandbox_bulk_jobs VALUES (?, ?, ?, ?)", (job_id, kind, created_ms, body)
        )

    def classic_bodies(self) -> list[bytes]:
        """The jobs of Bulk API 1.0 as they were written down."""
        rows = self._connection.execute(
            "SELECT body FROM sandbox_bulk_jobs WHERE kind = 'Classic' ORDER BY id"
        )
        return [row[0] for row in rows]

    def find(self, job_id: str, kind: Kind) -> Job:
        """The job of that id (15 or 18 characters) and kind; raises NOT_FOUND."""
        job = self._by_id.get(eighteen(job_id) if len(job_id) == _SHORT_ID else job_id)
        if job is not None and self._is_past(job):
            self.remove(job)
            job = None
        if job is None or job.kind != kind:
            raise not_found()
        return job

    def of_kind(self, kind: Kind) -> Iterator[Job]:
        """Jobs that still exist, oldest first."""
        for job in [job for job in self._by_id.values() if self._is_past(job)]:
            self.remove(job)
        return (job for job in self._by_id.values() if job.kind == kind)

    def unfinished(self) -> list[Job]:
        """The state that a restart must take up again."""
        return [job for job in self._by_id.values() if job.state in ("UploadComplete", "InProgress")]

    def remove(self, job: Job) -> None:
        """Forget the job and its files."""
        self._by_id.pop(job.id, None)
        self.forget(job.id)

    def forget_all(self) -> None:
        """Forget every job of both APIs, and all their files."""
        self._by_id.clear()
        self._connection.execute("DELETE FROM sandbox_bulk_jobs")
        shutil.rmtree(self._folder, ignore_errors=True)

    def forget(self, job_id: str) -> None:
        self._connection.execute("DELETE FROM sandbox_bulk_jobs WHERE id = ?", (job_id,))
        shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def folder(self, job_id: str) -> Path:
        return self._folder / job_id

    def _is_past(self, job: Job) -> bool:
        return self.now_ms() - job.created_ms > BULK_JOB_LIFE.total_seconds() * 1000
