"""record_act: what an operator did goes into the audit log."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from clients.database.audit_log import AuditLog
from schemas import names
from schemas.ingest.messages import Act


@dataclass
class Acts:
    """The activity and what it needs."""

    log: AuditLog

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        """Append the act; returns its number in the log."""
        return await asyncio.to_thread(self.log.append, act)
