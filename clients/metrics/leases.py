"""Counts of waits for tokens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from clients.metrics.work import LEASE_REFUSALS, LEASE_WAIT_SECONDS
from schemas.errors import TidegateError
from schemas.governor import Budget, LeaseClass


@contextmanager
def timed_wait(budget: Budget, lease_class: LeaseClass) -> Iterator[None]:
    """Observe a wait; one that ends with an error of ours is a refusal."""
    began = time.perf_counter()
    try:
        yield
    except TidegateError:
        LEASE_REFUSALS.labels(str(lease_class), str(budget)).inc()
        raise
    finally:
        LEASE_WAIT_SECONDS.labels(str(lease_class), str(budget)).observe(time.perf_counter() - began)
