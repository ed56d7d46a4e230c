"""A contract: what a workflow and an activity agree on.

The workflow gives `run` the row and a request of its input type; mypy refuses another type. A
test holds the activity's signature and its worker's task queue to the same row.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

In = TypeVar("In")
Out = TypeVar("Out")

PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=1.6,
    maximum_interval=timedelta(seconds=15),
)
"""Try again after 0.5, 0.8, 1.3, 2.0, 3.3, … 15 seconds, without end: an outage of a day is waited
out.

An error that cannot pass is marked non-retryable where it is raised.
"""
ONCE = RetryPolicy(maximum_attempts=1)
"""Try once: the workflow asks again by its own rhythm."""


@dataclass(frozen=True, eq=False)
class Contract(Generic[In, Out]):
    """One activity: its stored name, its types, its task queue, its limits, and why they are so.

    `Out` is `None` for an activity that returns nothing; `output` is then `type(None)`.
    """

    name: str
    """From `schemas.names`: histories hold it."""
    input: type[In]
    output: type[Out]
    queue: str
    start_to_close: timedelta
    """The longest that one attempt may take."""
    why: str
    """The reason for the limits."""
    schedule_to_close: timedelta | None = None
    """The longest that all attempts may take together. None = no limit."""
    heartbeat: timedelta | None = None
    """A worker that is silent for so long counts as dead. None = only `start_to_close` ends an
    attempt.
    """
    retry: RetryPolicy = field(default_factory=lambda: PATIENT)
    cancellation: ActivityCancellationType = ActivityCancellationType.TRY_CANCEL
    """`TRY_CANCEL` = a cancelled workflow does not wait for the running activity;
    `WAIT_CANCELLATION_COMPLETED` = it waits until the activity has ended."""
