"""One lease a process, budget and class: cached, asked for once by many callers, given back, and
lost whole at most.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from clients.governor.leases import Leases
from schemas.errors import BudgetSpentError, UnavailableError
from schemas.governor import (
    Budget,
    Exchange,
    GovernorConfig,
    LeaseAnswer,
    LeaseClass,
    Reading,
    Refusal,
    RefusalKind,
)
from schemas.governor.recheck import ASK_AGAIN
from tests.support.engines.local_governor import GREEDY, LocalGovernor

CALLS, LONG = Budget.API_CALLS, Budget.LONG_CALLS
POLLING, WRITEBACK = LeaseClass.POLLING, LeaseClass.WRITEBACK


class Watch:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def governor(
    maximum: int = 10_000, *, terms: GovernorConfig = GREEDY, watch: Watch | None = None
) -> LocalGovernor:
    made = LocalGovernor(terms) if watch is None else LocalGovernor(terms, clock=watch)
    at = datetime.fromtimestamp(0, UTC) if watch is not None else datetime.now(UTC)
    made.books.take_in((Reading(budget=CALLS, maximum=maximum, used=0, at=at, lag=timedelta(0)),), ())
    return made


async def test_fifty_callers_at_once_share_one_exchange() -> None:
    asked = governor()
    leases = Leases(asked)
    await asyncio.gather(*(leases.take(CALLS, POLLING) for _ in range(50)))
    assert asked.exchanges <= 2
    await leases.close()
    assert asked.books.books[CALLS].spent(POLLING) == 50


async def test_a_token_that_is_there_costs_no_exchange() -> None:
    asked = governor()
    leases = Leases(asked)
    await leases.take(CALLS, POLLING)
    before = asked.exchanges
    await leases.take(CALLS, POLLING)
    assert asked.exchanges == before
    await leases.close()


async def test_a_killed_process_costs_one_lease_and_no_more() -> None:
    watch = Watch()
    asked = governor(watch=watch)
    killed = Leases(asked, clock=watch)
    await killed.take(CALLS, POLLING, 3)
    book = asked.books.books[CALLS]
    lost = book.alive()
    assert 0 < lost < 50
    watch.now += GREEDY.lease_life.total_seconds()
    book.let_time_pass(watch.now)
    assert book.alive() == 0
    # Nobody knows what it did with the rest of its lease, so all of it counts; what it reported is
    # part of that.
    assert book.spent(POLLING) == lost
    await killed.close()


async def test_after_its_life_a_lease_is_not_spent_any_more() -> None:
    watch = Watch()
    asked = governor(watch=watch)
    leases = Leases(asked, clock=watch, patience=timedelta(0))
    leases._patience = 1.0
    await leases.take(CALLS, POLLING)
    asked.silent = True
    watch.now += GREEDY.lease_life.total_seconds() + 1
    assert leases.try_take(CALLS, POLLING, 1) == 0
    await leases.close()


async def test_what_an_org_sends_unasked_is_counted() -> None:
    asked = governor()
    leases = Leases(asked)
    await leases.take(CALLS, POLLING)
    leases.settle(CALLS, POLLING, 500)
    await leases.close()
    assert asked.books.books[CALLS].spent(POLLING) == 501


async def test_a_held_token_comes_back_when_it_is_let_go() -> None:
    asked = governor()
    leases = Leases(asked)
    async with leases.hold(LONG, POLLING):
        assert asked.books.books[LONG].alive() == 1
    await leases.close()
    assert asked.books.books[LONG].alive() == 0


async def test_no_more_is_held_at_once_than_the_org_allows() -> None:
    asked = governor()
    most = asked.books.books[LONG].spendable(GREEDY)
    leases = Leases(asked, patience=timedelta(seconds=0.3))
    holds = [leases.hold(LONG, POLLING) for _ in range(most)]
    for hold in holds:
        await hold.__aenter__()
    with pytest.raises(BudgetSpentError):
        await leases.hold(LONG, WRITEBACK).__aenter__()
    await holds[0].__aexit__(None, None, None)
    await asyncio.sleep(0.3)
    for hold in holds[1:]:
        await hold.__aexit__(None, None, None)
    await leases.close()
    assert asked.books.books[LONG].alive() == 0


async def test_a_cancelled_caller_takes_nothing() -> None:
    asked = governor()
    asked.silent = True
    leases = Leases(asked)
    waiting = asyncio.create_task(leases.take(CALLS, POLLING, 7))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    asked.silent = False
    await leases.take(CALLS, POLLING)
    await leases.close()
    assert asked.books.books[CALLS].spent(POLLING) == 1


async def test_an_answer_to_an_exchange_of_an_ended_lease_is_not_believed() -> None:
    watch = Watch()
    asked = governor(watch=watch)

    class Slow:
        """Answers when the lease's life is over."""

        async def exchange(self, exchange: Exchange) -> LeaseAnswer:
            answer = await asked.exchange(exchange)
            watch.now += GREEDY.lease_life.total_seconds() + 1
            return answer

    leases = Leases(Slow(), clock=watch, patience=timedelta(seconds=1))
    with pytest.raises((UnavailableError, BudgetSpentError)):
        await leases.take(CALLS, POLLING)
    await leases.close()


def refusal_of(watch: Watch) -> Refusal:
    at = datetime.fromtimestamp(watch.now, UTC)
    return Refusal(budget=CALLS, kind=RefusalKind.QUOTA, at=at, retry_after=timedelta(minutes=15))


async def test_a_refusal_is_asked_about_again_after_half_a_minute_and_not_before() -> None:
    watch = Watch()
    asked = governor(watch=watch)
    leases = Leases(asked, clock=watch)
    await leases.take(CALLS, POLLING)
    leases.refuse(refusal_of(watch))
    with pytest.raises(BudgetSpentError) as refused:
        await leases.take(CALLS, POLLING)
    assert refused.value.retry_after <= ASK_AGAIN
    book = asked.books.books[CALLS]
    async with asyncio.timeout(10):
        while not book.is_refused:  # noqa: ASYNC110 -- the exchange sets no event
            await asyncio.sleep(0.01)
    before = asked.exchanges
    # The governor forgets it, and the process does not know yet.
    book.paused_until = book.refused_at = 0.0
    book.used = 0
    with pytest.raises(BudgetSpentError):
        await leases.take(CALLS, POLLING)
    assert asked.exchanges <= before + 1
    watch.now += ASK_AGAIN.total_seconds()
    await leases.take(CALLS, POLLING)
    await leases.close()
