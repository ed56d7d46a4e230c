"""plan_retention and do_retention."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.retention.due import plan_retention
from activities.retention.tasks import do_task
from activities.runtime.heartbeat import heartbeating
from clients.retention.parts import RetentionParts
from schemas import names
from schemas.security.retention import RetentionInput, RetentionPlan, TaskDone, TaskInput


@dataclass
class RetentionSteps:
    """The activities and what they need; one for a process."""

    parts: RetentionParts

    @activity.defn(name=names.PLAN_RETENTION)
    async def plan_retention(self, request: RetentionInput) -> RetentionPlan:
        """Find what is due."""
        async with heartbeating():
            return await asyncio.to_thread(plan_retention, self.parts, request.now or datetime.now(UTC))

    @activity.defn(name=names.DO_RETENTION)
    async def do_retention(self, request: TaskInput) -> TaskDone:
        """Do one task; one that is cancelled ends after its present transaction or file."""
        async with heartbeating():
            return await asyncio.to_thread(do_task, self.parts, request.task, request.now, _go_on)


def _go_on(_: str) -> None:
    if activity.is_cancelled():
        raise asyncio.CancelledError
