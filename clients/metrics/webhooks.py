"""Counts of messages to receivers of webhooks."""

from clients.metrics.work import WEBHOOK_LATENCY, WEBHOOK_MESSAGES, WEBHOOK_SECONDS

_TAKEN = "taken"


def count_sent(webhook: str, outcome: str, seconds: float, since_applied: float) -> None:
    """A message was posted.

    Args:
        webhook: Its name.
        outcome: `taken`, `failed`, `busy` or `gone`.
        seconds: Of the request.
        since_applied: Seconds since its change was committed in the warehouse.
    """
    WEBHOOK_MESSAGES.labels(webhook, outcome).inc()
    WEBHOOK_SECONDS.labels(webhook).observe(seconds)
    if outcome == _TAKEN:
        WEBHOOK_LATENCY.labels(webhook).observe(max(0.0, since_applied))
