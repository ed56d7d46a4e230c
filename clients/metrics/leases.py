"""Counts of waits for tokens."""

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

from clients.metrics.work import LEASE_REFUSALS, LEASE_WAIT_SECONDS
from schemas.errors import TidegateError
from schemas.governor import Budget, LeaseClass

T = TypeVar("T")
_Wait = Callable[[Any, Budget, LeaseClass, int], Awaitable[T]]


def timed_wait(wait: _Wait[T]) -> _Wait[T]:
    """Observe each call of a method that waits for tokens; one that ends with an error of ours is a
    refusal.
    """

    @wraps(wait)
    async def timed(self: Any, budget: Budget, lease_class: LeaseClass, count: int) -> T:
        began = time.perf_counter()
        try:
            return await wait(self, budget, lease_class, count)
        except TidegateError:
            LEASE_REFUSALS.labels(str(lease_class), str(budget)).inc()
            raise
        finally:
            LEASE_WAIT_SECONDS.labels(str(lease_class), str(budget)).observe(time.perf_counter() - began)

    return timed
