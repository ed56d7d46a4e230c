"""record_act: what an operator did goes into the audit log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio import activity
from temporalio.client import Client

from clients.database.audit_log import AuditLog
from clients.dependencies import Clients
from clients.temporal.askers import asker
from schemas import names
from schemas.ingest.messages import Act
from schemas.security.acting import Origin


@dataclass
class AuditActivities:
    """The activity and what it needs."""

    log: AuditLog
    client: Client | None = None
    """Asked for the client that sent a signal without a proof; None = nobody is asked."""

    @activity.defn(name=names.RECORD_ACT)
    async def record_act(self, act: Act) -> int:
        """Append the act; returns its number in the log."""
        # The workflow that ran this, and not the one that the act names, must be in the proof.
        info = activity.info()
        workflow_id, run_id = info.workflow_id or "", info.workflow_run_id or ""
        origin, principal = act.origin or Origin(), ""
        if origin.proof is None and self.client is not None and workflow_id:
            found = await asker(self.client, workflow_id, run_id, origin.operation, act.by)
            origin, principal = origin.model_copy(update={"identity": found["identity"]}), found["principal"]
        asked = act.model_copy(update={"origin": origin})
        return await asyncio.to_thread(
            self.log.append, asked, asked_of=workflow_id or "no workflow", principal=principal
        )


def activities(clients: Clients) -> list[Callable[..., Any]]:
    """For `names.BATCH_QUEUE`."""
    return [AuditActivities(clients.audit, clients.temporal).record_act]
