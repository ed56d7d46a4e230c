"""The governor under a real Temporal: started by the first process that asks, and read by the
Limits API of a real org.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from clients.governor.leases import Leases
from clients.temporal.governor import TemporalGovernor
from schemas.errors import BudgetSpentError, TidegateError, UnavailableError
from schemas.governor import Budget, GovernorConfig, LeaseClass
from schemas.ids import governor_workflow_id
from tests.support.scripted.scripted_governor import governor_worker
from transforms.governor.ledger import BudgetLedger
from workflows import GovernorWorkflow

ORG = "00DTg0000000001MAA"


async def books(client: Client) -> BudgetLedger:
    handle = client.get_workflow_handle(governor_workflow_id(ORG), result_type=BudgetLedger)
    found: BudgetLedger = await handle.query(GovernorWorkflow.books)
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


async def test_a_governor_that_cannot_read_shows_why_and_grants_when_it_can(client: Client) -> None:
    failures: list[TidegateError] = [UnavailableError(system="Salesforce", detail="it restarts")]
    terms = GovernorConfig(read_every=timedelta(seconds=1))
    async with governor_worker(client, failures=failures):
        leases = Leases(TemporalGovernor(client, ORG, terms))
        await leases.take(Budget.API_CALLS, LeaseClass.GUEST)
        await leases.close()
        assert (await books(client)).books[Budget.API_CALLS].spent(LeaseClass.GUEST) == 1


async def test_the_books_survive_a_new_run_of_the_governor(client: Client) -> None:
    async with governor_worker(client):
        leases = Leases(TemporalGovernor(client, ORG))
        await leases.take(Budget.API_CALLS, LeaseClass.REPAIR, 3)
        await leases.close()
        carried = await books(client)
        carried.let_time_pass(datetime.now(UTC).timestamp())
        again = BudgetLedger.model_validate_json(carried.model_dump_json())
        assert again == carried
        assert again.books[Budget.API_CALLS].spent(LeaseClass.REPAIR) == 3
