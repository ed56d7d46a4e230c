"""record_act: what an operator did goes into the audit log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio import activity

from clients.database.audit_log import AuditLog
from clients.dependencies import Clients
from schemas import names
from schemas.ingest.messages import Act


@dataclass
class AuditActivities:
    """The activity and what it needs."""

    log: AuditLog

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        """Append the act; returns its number in the log."""
        return await asyncio.to_thread(self.log.append, act)


def activities(clients: Clients) -> list[Callable[..., Any]]:
    """For `names.BATCH_QUEUE`."""
    return [AuditActivities(clients.audit).record_act]
