"""The governor under a real Temporal: started by whoever asks first, and read by the Limits API of a real org."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from clients.governor import TemporalGovernor
from clients.leases import Leases
from schemas import names
from schemas.budgets import Budget, LeaseClass, Reading, ReadLimitsInput, ReadLimitsResult
from schemas.errors import BudgetSpentError, UnavailableError
from schemas.ids import governor_workflow_id
from transforms.books import OrgBooks
from workers.engine import sandboxed_runner
from workflows import GovernorWorkflow

ORG = "00DTg0000000001MAA"


@asynccontextmanager
async def governor_worker(client: Client, *, maximum: int = 1_000, used: int = 0) -> AsyncIterator[None]:
    """The governor's worker, and one that says how much there is."""

    @activity.defn(name=names.READ_LIMITS)
    async def read_limits(request: ReadLimitsInput) -> ReadLimitsResult:
        now = datetime.now(UTC)
        reading = Reading(budget=Budget.API_CALLS, maximum=maximum, used=used, at=now, lag=timedelta(0))
        return ReadLimitsResult(readings=(reading,))

    governor = Worker(
        client,
        task_queue=names.GOVERNOR_QUEUE,
        workflows=[GovernorWorkflow],
        workflow_runner=sandboxed_runner(),
    )
    async with governor, Worker(client, task_queue=names.ORG_QUEUE, activities=[read_limits]):
        yield


async def books(client: Client) -> OrgBooks:
    handle = client.get_workflow_handle(governor_workflow_id(ORG), result_type=OrgBooks)
    found: OrgBooks = await handle.query(GovernorWorkflow.books)
    return found


async def test_a_process_gets_tokens_from_a_governor_that_it_started_itself(client: Client) -> None:
    async with governor_worker(client):
        leases = Leases(TemporalGovernor(client, ORG))
        for _ in range(20):
            await leases.take(Budget.API_CALLS, LeaseClass.POLLING)
        await leases.close()
        book = (await books(client)).books[Budget.API_CALLS]
        assert book.alive() == 0
        assert book.spent(LeaseClass.POLLING) == 20


async def test_without_a_governor_no_token_is_given(client: Client) -> None:
    leases = Leases(TemporalGovernor(client, ORG), patience=timedelta(seconds=1))
    with pytest.raises(UnavailableError, match="no token, no call"):
        await leases.take(Budget.API_CALLS, LeaseClass.WRITEBACK)
    await leases.close()


async def test_two_processes_never_get_more_than_there_is(client: Client) -> None:
    async with governor_worker(client, maximum=200, used=100):
        processes = [Leases(TemporalGovernor(client, ORG), patience=timedelta(seconds=2)) for _ in range(2)]
        got = [0, 0]

        async def spend(number: int) -> None:
            while True:
                await processes[number].take(Budget.API_CALLS, LeaseClass.WRITEBACK)
                got[number] += 1

        ended = await asyncio.gather(spend(0), spend(1), return_exceptions=True)
        assert all(isinstance(error, BudgetSpentError) for error in ended)
        assert 0 < sum(got) <= 200 - 100 - 10  # the margin is 5 % of 200
        for leases in processes:
            await leases.close()
