"""Delivering changes to webhooks."""

from collections.abc import Callable
from typing import Any

from activities.webhook.deliver import DeliverChanges
from activities.webhook.parts import WebhookParts


def activities(parts: WebhookParts) -> list[Callable[..., Any]]:
    """For `names.WEBHOOK_QUEUE`.

    Args:
        parts: Of the process.
    """
    return [DeliverChanges(parts).deliver_changes]
