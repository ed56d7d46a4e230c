"""Bulk API 1.0 at work: its jobs and their worker, over the folders and readers of Bulk API 2.0."""

from collections import Counter

from sandbox.org.bulk.service import Bulk
from sandbox.org.bulk_v1.jobs import ClassicJobs
from sandbox.org.bulk_v1.runner import ClassicRunner


class ClassicBulk:
    """One per process. It stops before `bulk` does, whose readers it uses."""

    def __init__(self, bulk: Bulk) -> None:
        self.jobs = ClassicJobs(bulk.jobs)
        self.dml = bulk.dml
        self.runner = ClassicRunner(bulk.org, bulk.readers, self.jobs)

    def start(self) -> None:
        """Take up what was at work when the org last ended."""
        self.runner.resume()

    async def stop(self) -> None:
        await self.runner.stop()

    async def reset(self) -> None:
        """Stop what is at work and forget every job."""
        await self.runner.stop()
        self.jobs.forget_all()

    def states(self) -> Counter[tuple[str, str]]:
        """How many jobs there are by API and state."""
        return Counter(("1.0", job.state) for job in self.jobs.all())
