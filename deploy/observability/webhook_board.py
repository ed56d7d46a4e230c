"""Dashboard of webhooks: how far behind each is, and how its receiver answers."""

from deploy.observability.panels import Board, Panel, Query, age, one, quantile, rate

WEBHOOKS = Board(
    "tidegate-webhooks",
    "Tidegate: webhooks",
    (
        Panel(
            "Time until taken",
            "From the commit in the warehouse until a receiver has the change. Held changes count when they are taken.",
            "s",
            (
                Query(quantile(0.5, "tidegate_webhook_latency_seconds", "webhook"), "{{webhook}} median"),
                Query(quantile(0.99, "tidegate_webhook_latency_seconds", "webhook"), "{{webhook}} 99 %"),
            ),
        ),
        one(
            "Behind",
            "What was applied before was posted, is held, or is a dead letter. Above 300 s it is a problem.",
            "s",
            age("tidegate_webhook_through_timestamp_seconds", "webhook"),
            "{{webhook}}",
        ),
        one(
            "Messages",
            "Posted, a second, by the answer: failed ones are sent again.",
            "short",
            rate("tidegate_webhook_messages_total", "webhook, outcome"),
            "{{webhook}} {{outcome}}",
        ),
        one(
            "Duration of requests",
            "99 % of requests, until the answer's status.",
            "s",
            quantile(0.99, "tidegate_webhook_request_seconds", "webhook"),
            "{{webhook}}",
        ),
        one(
            "Held changes",
            "They are tried again, and later changes of their records wait behind them. With 1,000 the webhook waits.",
            "short",
            'max by (webhook) (tidegate_webhook_changes{state="held"})',
            "{{webhook}}",
        ),
        one(
            "Dead letters",
            "They were refused for a day, and wait for an operator.",
            "short",
            'max by (webhook) (tidegate_webhook_changes{state="dead"})',
            "{{webhook}}",
        ),
    ),
)
