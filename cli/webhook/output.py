"""Webhooks as tables."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.table import Table

from schemas.webhook.messages import HeldChange, WebhookState, WebhookView


def webhooks_table(found: Sequence[WebhookView]) -> Table:
    """A line a webhook."""
    table = Table(
        "webhook", "state", "objects", "behind", "held", "dead", "last taken (UTC)", "url", box=None
    )
    for view in found:
        hook = view.webhook
        table.add_row(
            hook.name,
            _state(view),
            ", ".join(hook.records.objects),
            behind(view),
            f"{view.held:,}",
            f"{view.dead:,}",
            "" if hook.delivered_at is None else f"{hook.delivered_at:%Y-%m-%d %H:%M:%S}",
            hook.url,
        )
    return table


def letters_table(found: Sequence[HeldChange]) -> Table:
    """A line a dead letter."""
    table = Table("object", "record", "cursor", "attempts", "first (UTC)", "reason", box=None)
    for each in found:
        first = "" if each.failed_at is None else f"{each.failed_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(each.object, each.record_id, each.cursor, str(each.attempts), first, each.reason)
    return table


def behind(view: WebhookView) -> str:
    """The age of the oldest change that may still have to be posted; empty when it is not
    active.
    """
    if view.webhook.state is not WebhookState.ACTIVE or not view.cursors:
        return ""
    seconds = (datetime.now(UTC) - min(each.through for each in view.cursors)).total_seconds()
    # A quiet feed is noted as dealt with every ten seconds.
    return "no" if seconds < 20 else f"{seconds:,.0f} s"


def _state(view: WebhookView) -> str:
    hook = view.webhook
    if hook.state is not WebhookState.ACTIVE:
        return f"{hook.state}: {hook.because}"
    if hook.failing_since is None:
        return str(hook.state)
    return f"takes nothing since {hook.failing_since:%H:%M:%S}: {hook.failure}"
