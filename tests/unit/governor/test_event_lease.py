"""A stream's tokens come out of the process's leases: many when they are there, one at least, none
when refused.
"""

from datetime import UTC, datetime, timedelta

import pytest

from clients.governor.event_lease import EventLease
from clients.governor.leases import Leases
from schemas.errors import BudgetSpentError
from schemas.governor import Budget, LeaseClass, Reading
from tests.support.engines.local_governor import GREEDY, LocalGovernor

EVENTS = Budget.DELIVERED_EVENTS


def governor(maximum: int) -> LocalGovernor:
    made = LocalGovernor(GREEDY)
    made.books.take_in((Reading(budget=EVENTS, maximum=maximum, used=0, at=datetime.now(UTC)),), ())
    return made


async def test_what_was_taken_is_what_the_governor_counts() -> None:
    asked = governor(10_000)
    leases = Leases(asked)
    allowance = EventLease(leases)
    taken = [await allowance.take(100) for _ in range(20)]
    allowance.came(sum(taken))
    await leases.close()
    assert all(1 <= count <= 100 for count in taken)
    assert max(taken) > 1
    assert asked.books.books[EVENTS].spent(LeaseClass.POLLING) == sum(taken)


async def test_a_budget_that_is_used_up_refuses_and_says_so() -> None:
    leases = Leases(governor(20), patience=timedelta(milliseconds=200))
    allowance = EventLease(leases)
    taken: list[int] = []
    with pytest.raises(BudgetSpentError):
        await take_for_ever(allowance, taken)
    await leases.close()
    assert 0 < sum(taken) <= 20


async def take_for_ever(allowance: EventLease, taken: list[int]) -> None:
    while True:
        taken.append(await allowance.take(5))


async def test_what_was_taken_and_did_not_come_is_not_counted_as_spent() -> None:
    asked = governor(10_000)
    leases = Leases(asked)
    allowance = EventLease(leases)
    taken = await allowance.take(100)
    book = asked.books.books[EVENTS]
    assert book.alive() >= taken
    allowance.came(1)
    await leases.close()
    assert (book.alive(), book.spent(LeaseClass.POLLING)) == (0, 1)


async def test_more_events_than_were_paid_for_are_counted() -> None:
    asked = governor(10_000)
    leases = Leases(asked)
    allowance = EventLease(leases)
    taken = await allowance.take(5)
    allowance.came(taken + 300)
    await leases.close()
    assert asked.books.books[EVENTS].spent(LeaseClass.POLLING) == taken + 300
