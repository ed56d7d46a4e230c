"""A governor on a real server, with an org that says what a test wants of its limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.runtime.error_interceptor import ErrorTranslationInterceptor
from schemas import names
from schemas.errors import TidegateError
from schemas.governor import Budget, Reading, ReadLimitsInput, ReadLimitsResult
from workers.roles import sandboxed_runner
from workflows import GovernorWorkflow


@asynccontextmanager
async def governor_worker(
    client: Client, *, maximum: int = 1_000, used: int = 0, failures: list[TidegateError] | None = None
) -> AsyncIterator[None]:
    """The governor's worker, and one that says how much there is; `failures` come first, one a
    question.
    """
    first = failures or []

    @activity.defn(name=names.READ_LIMITS)
    async def read_limits(request: ReadLimitsInput) -> ReadLimitsResult:
        if first:
            raise first.pop(0)
        now = datetime.now(UTC)
        reading = Reading(budget=Budget.API_CALLS, maximum=maximum, used=used, at=now, lag=timedelta(0))
        return ReadLimitsResult(readings=(reading,))

    governor = Worker(
        client,
        task_queue=names.GOVERNOR_QUEUE,
        workflows=[GovernorWorkflow],
        workflow_runner=sandboxed_runner(),
    )
    org = Worker(
        client,
        task_queue=names.ORG_QUEUE,
        activities=[read_limits],
        interceptors=[ErrorTranslationInterceptor()],
    )
    async with governor, org:
        yield
