"""Bulk API 2.0 at work: the jobs, their workers, and how query jobs are worked on."""

import asyncio
from collections import Counter

from sandbox.org.bulk.ingest import IngestWork
from sandbox.org.bulk.jobs import Jobs
from sandbox.org.bulk.model import Kind
from sandbox.org.bulk.result_file import ResultFile
from sandbox.org.bulk.rules import bulk_query
from sandbox.org.bulk.runner import Run, Runner
from sandbox.org.errors import SalesforceError
from sandbox.org.queries.readers import Readers
from sandbox.org.state.dml import Dml
from sandbox.org.state.org import Org

_API: dict[Kind, str] = {"V2Query": "2.0 query", "V2Ingest": "2.0 ingest"}


class Bulk:
    """One per process."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.jobs = Jobs(org.store, org.clock)
        self.dml = Dml(org)
        self.readers = Readers(org)
        """Apart from REST's, so that large exports leave its queries alone."""
        self.runner = Runner(org, self.jobs, {"V2Query": self._query, "V2Ingest": IngestWork(org, self.jobs)})

    def start(self) -> None:
        """Take up what was at work when the org last ended."""
        self.runner.resume()

    async def stop(self) -> None:
        await self.runner.stop()
        self.readers.close()

    async def reset(self) -> None:
        """Stop what is at work and forget every job."""
        await self.runner.stop()
        self.jobs.forget_all()

    def states(self) -> Counter[tuple[str, str]]:
        """How many jobs there are by API and state."""
        return Counter((_API[kind], job.state) for kind in _API for job in self.jobs.of_kind(kind))

    def result(self, job_id: str) -> ResultFile:
        """The result of a query job that is complete."""
        return ResultFile(self.jobs.folder(job_id))

    async def _query(self, run: Run) -> None:
        job = run.job
        compiled = await asyncio.to_thread(
            bulk_query,
            job.soql,
            self.org.view(job.user_id).entities,
            job.operation,
            created_ms=job.created_ms,
        )
        target = self.result(job.id)
        await self.readers.run(lambda connection: target.write(connection, compiled, job, run.stop))
        if run.fault is not None:
            raise SalesforceError(run.fault.code, run.fault.message)
