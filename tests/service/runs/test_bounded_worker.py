"""The end of a worker takes a bounded time, also when a step of its never ends."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from workers.queues.bounded_worker import BoundedWorker

pytestmark = pytest.mark.service


class Stubborn:
    """A step that ignores its cancellation until the test lets it go."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()

    @activity.defn(name="stubborn")
    async def run(self) -> None:
        self.began.set()
        while not self.may_end.is_set():
            try:
                await self.may_end.wait()
            except asyncio.CancelledError:
                continue


async def started(client: Client, step: Stubborn, seconds: float) -> BoundedWorker:
    """A worker that has the step at work."""
    queue = f"bounded-{uuid.uuid4()}"
    worker = BoundedWorker(Worker(client, task_queue=queue, activities=[step.run]), seconds)
    await worker.__aenter__()
    await client.start_activity(
        "stubborn", id=queue, task_queue=queue, start_to_close_timeout=timedelta(minutes=5)
    )
    await asyncio.wait_for(step.began.wait(), 60)
    return worker


async def test_a_worker_whose_step_never_ends_is_given_up(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    step = Stubborn()
    worker = await started(client, step, 1)
    await worker.__aexit__(None, None, None)
    assert not worker.has_ended
    assert f"the worker of {worker.queue} does not end within 1 s" in caplog.text
    step.may_end.set()


async def test_a_worker_whose_steps_end_ends_before_its_time_is_over(client: Client) -> None:
    step = Stubborn()
    worker = await started(client, step, 60)
    step.may_end.set()
    await worker.__aexit__(None, None, None)
    assert worker.has_ended
