"""The workflows of webhooks, from outside: start one, or wake it."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)

from clients.temporal.run_views import translated_temporal
from schemas import names
from schemas.ids import webhook_workflow_id
from schemas.webhook.messages import WebhookInput

_PATIENCE = timedelta(seconds=5)
_ORG = SearchAttributeKey.for_keyword("SfOrg")


async def start_webhook(client: Client, org: str, name: str, *, wakes: bool = False) -> None:
    """Start the workflow of an active webhook; one that runs is left alone.

    Args:
        client: Of the server.
        org: 18 characters.
        name: Of the webhook.
        wakes: True = one that runs goes on at once: an operator has changed something.

    Raises:
        UnavailableError: Temporal does not answer. A worker starts it within a minute.
    """
    with translated_temporal():
        await client.start_workflow(
            names.WEBHOOK_WORKFLOW,
            WebhookInput(org=org, name=name),
            id=webhook_workflow_id(org, name),
            task_queue=names.WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal=names.WAKE if wakes else None,
            rpc_timeout=_PATIENCE,
            search_attributes=TypedSearchAttributes([SearchAttributePair(_ORG, org)]),
            static_summary=f"changes to the webhook {name}",
        )
