"""Jobs at work, beside the requests. What a job does is given by its kind; when it does it, by the
dials and the faults.

A job is never cancelled in the middle of a step: it receives a stop request and stops at the
next place where nothing is half done.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from threading import Event

from sandbox.org.bulk.errors import InvalidBatchError
from sandbox.org.bulk.jobs import Jobs
from sandbox.org.bulk.model import Job, Kind
from sandbox.org.bulk.result_file import StoppedError
from sandbox.org.errors import SalesforceError
from sandbox.org.faults.faults import FaultRule
from sandbox.org.state.org import Org

logger = logging.getLogger(__name__)

_STOP_SECONDS = 2
_LOOK_SECONDS = 0.02
"""How often a job that waits looks at the dials."""


@dataclass(slots=True)
class Run:
    """One job at work."""

    job: Job
    stop: Event = field(default_factory=Event)
    fault: FaultRule | None = None
    """Fault that strikes this run: `hang` or `fail`."""

    def check(self) -> None:
        """Raises `StoppedError` when the job is to stop."""
        if self.stop.is_set():
            raise StoppedError


Work = Callable[[Run], Awaitable[None]]
"""Does a job's work; raises `SalesforceError` or `InvalidBatchError` when the job fails."""


class Runner:
    """The jobs that are at work or wait for their turn."""

    def __init__(self, org: Org, jobs: Jobs, work: Mapping[Kind, Work]) -> None:
        self._org = org
        self._jobs = jobs
        self._work = work
        self._at_work: dict[str, tuple[Run, asyncio.Task[None]]] = {}

    def resume(self) -> None:
        """Take up what a restart interrupted."""
        for job in self._jobs.unfinished():
            self.start(job)

    def start(self, job: Job) -> None:
        run = Run(job)
        self._at_work[job.id] = run, asyncio.create_task(self._serve(run))

    def halt(self, job: Job) -> None:
        """Let the job stop where it is; the caller has set its state."""
        if (found := self._at_work.get(job.id)) is not None:
            found[0].stop.set()

    async def stop(self) -> None:
        """Stop everything; the jobs go on after a restart. What waits for a lock for too long is
        cut off.
        """
        found = list(self._at_work.values())
        if not found:
            return
        for run, _ in found:
            run.stop.set()
        _, late = await asyncio.wait([task for _, task in found], timeout=_STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _serve(self, run: Run) -> None:
        try:
            await self._proceed(run)
        except StoppedError:
            pass
        except (SalesforceError, InvalidBatchError) as error:
            self._fail(run.job, str(error))
        except Exception:
            if run.stop.is_set():
                # Aborted and then deleted: its files are gone under its hands.
                return
            logger.exception("bulk job %s failed", run.job.id)
            self._fail(run.job, "InternalServerError : An unexpected error occurred")
        finally:
            self._at_work.pop(run.job.id, None)

    async def _proceed(self, run: Run) -> None:
        job, dials = run.job, self._org.dials.bulk
        if job.state == "UploadComplete":
            await wait_for_turn(self._org, run.stop, job.modified_ms / 1000 + dials.queue_seconds)
            job.state = "InProgress"
            job.started_ms = self._jobs.now_ms()
            self._jobs.save(job)
        run.fault = self._org.faults.strike("bulk.job", f"{job.id}/{job.object_name}")
        if run.fault is not None and run.fault.kind == "hang":
            await wait_for_turn(self._org, run.stop, float("inf"))
        started = (job.started_ms or 0) / 1000
        await self._work[job.kind](run)
        await wait_for_turn(self._org, run.stop, started + dials.run_seconds)
        job.state = "JobComplete"
        self._finish(job)

    def _fail(self, job: Job, message: str) -> None:
        job.state = "Failed"
        job.error = message
        self._finish(job)

    def _finish(self, job: Job) -> None:
        job.run_ms = self._jobs.now_ms() - (job.started_ms or self._jobs.now_ms())
        job.page_rows = self._org.dials.bulk.page_rows
        self._jobs.save(job)


async def wait_for_turn(org: Org, stop: Event, until: float) -> None:
    """Wait until that second of the org's clock, and as long as jobs are held; raises
    `StoppedError`.
    """
    # Neither dials nor the clock tell when they are turned, so they are looked at.
    while not stop.is_set() and (org.dials.bulk.hold or org.clock.seconds() < until):  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_SECONDS)
    if stop.is_set():
        raise StoppedError
