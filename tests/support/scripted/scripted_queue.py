"""A queue of writebacks that sends nothing and counts how often it was woken."""

import asyncio

from temporalio import workflow

from schemas import names
from schemas.writeback.messages import QueueInput


@workflow.defn(name=names.WRITEBACK_QUEUE_WORKFLOW)
class ScriptedQueue:
    """Runs until it is ended."""

    def __init__(self) -> None:
        self.woken = 0

    @workflow.run
    async def run(self, request: QueueInput) -> None:
        """Wait."""
        await asyncio.Event().wait()

    @workflow.signal(name=names.WAKE)
    def wake(self) -> None:
        """Count."""
        self.woken += 1

    @workflow.query(name="woken")
    def times(self) -> int:
        """How often."""
        return self.woken
