"""Dashboards of the engine: overview and lanes."""

from deploy.observability.panels import Board, Panel, Query, age, one, quantile, rate, state

OVERVIEW = Board(
    "tidegate-overview",
    "Tidegate: overview",
    (
        one(
            "Changes within 120 s",
            "The objective is 99 %.",
            "percentunit",
            'sum(rate(tidegate_change_freshness_seconds_bucket{le="120.0"}[5m])) '
            "/ sum(rate(tidegate_change_freshness_seconds_count[5m]))",
            is_value=True,
        ),
        one(
            "Writebacks within 5 minutes",
            "The objective is 99 %.",
            "percentunit",
            'sum(rate(tidegate_writeback_latency_seconds_bucket{part="done",le="300.0"}[1h])) '
            '/ sum(rate(tidegate_writeback_latency_seconds_count{part="done"}[1h]))',
            is_value=True,
        ),
        one(
            "Last look",
            "Age of the state on these pages.",
            "s",
            age("tidegate_state_timestamp_seconds", ""),
            is_value=True,
        ),
        one(
            "Ledger imbalance",
            "Changes of 24 hours that nothing accounts for. It must be 0.",
            "short",
            "max(tidegate_ledger_imbalance_changes)",
            is_value=True,
        ),
        Panel(
            "Freshness",
            "Commit in Salesforce to commit in the warehouse, of every change.",
            "s",
            (
                Query(quantile(0.5, "tidegate_change_freshness_seconds", ""), "median"),
                Query(quantile(0.99, "tidegate_change_freshness_seconds", ""), "99 %"),
            ),
        ),
        Panel(
            "Whose time it is",
            "99 % of changes: until receipt it is Salesforce's, from then on the engine's.",
            "s",
            (
                Query(quantile(0.99, "tidegate_change_delivery_seconds", ""), "delivery"),
                Query(quantile(0.99, "tidegate_change_processing_seconds", ""), "processing"),
            ),
        ),
        one(
            "Changes",
            "Changes a second by what became of them.",
            "short",
            rate("tidegate_changes_total", "outcome"),
            "{{outcome}}",
        ),
        one(
            "Remotes",
            "1: the remote system answers.",
            "short",
            state("tidegate_remote_up", "remote"),
            "{{remote}}",
        ),
        one(
            "Roles",
            "1: every queue of the role is polled.",
            "short",
            state("tidegate_role_up", "role"),
            "{{role}}",
        ),
        one(
            "Quarantine",
            "Changes that wait, by reason.",
            "short",
            state("tidegate_quarantine_changes", "reason"),
            "{{reason}}",
        ),
        one(
            "To be read again",
            "Changes that events could not tell.",
            "short",
            state("tidegate_rereads_open", "object"),
            "{{object}}",
        ),
        one(
            "Fields that need a decision",
            "Schema changes that wait for somebody.",
            "short",
            "max(tidegate_drift_fields)",
            is_value=True,
        ),
    ),
)

LANES = Board(
    "tidegate-lanes",
    "Tidegate: lanes and objects",
    (
        one(
            "State of lanes",
            "1 for the state that a lane is in.",
            "short",
            "max by (lane, state) (tidegate_lane_state) == 1",
            "{{lane}} {{state}}",
        ),
        one(
            "Last event",
            "Since the last event or row. A quiet lane hears keep-alives only.",
            "s",
            age("tidegate_lane_received_timestamp_seconds", "lane"),
            "{{lane}}",
        ),
        one(
            "Heard from the org",
            "Since the last sign of life, keep-alives included.",
            "s",
            age("tidegate_lane_heard_timestamp_seconds", "lane"),
            "{{lane}}",
        ),
        one(
            "Position",
            "Age of the last landed change. The event bus keeps 72 hours.",
            "s",
            age("tidegate_lane_position_timestamp_seconds", "lane"),
            "{{lane}}",
        ),
        one(
            "Not applied",
            "Landed changes that the ledger lacks.",
            "short",
            state("tidegate_lane_unapplied_changes", "lane"),
            "{{lane}}",
        ),
        one(
            "Events received",
            "A second.",
            "short",
            rate("tidegate_events_received_total", "lane"),
            "{{lane}}",
        ),
        one(
            "Buffer",
            "Bytes that are received and not landed.",
            "bytes",
            "sum by (lane) (tidegate_buffer_bytes)",
            "{{lane}}",
        ),
        one(
            "Batch size",
            "Changes of a landed batch, median.",
            "short",
            quantile(0.5, "tidegate_batch_changes", "lane_kind"),
            "{{lane_kind}}",
        ),
        one(
            "Steps of a batch",
            "99 % of batches.",
            "s",
            quantile(0.99, "tidegate_batch_duration_seconds", "step"),
            "{{step}}",
        ),
        one(
            "Freshness by object",
            "99 % of changes.",
            "s",
            quantile(0.99, "tidegate_change_freshness_seconds", "object"),
            "{{object}}",
        ),
        one(
            "Changes by object",
            "Applied a second.",
            "short",
            'sum by (object) (rate(tidegate_changes_total{outcome="applied"}[$__rate_interval]))',
            "{{object}}",
        ),
        one(
            "Slowest change of recent batches",
            "Maximum, as `tidegate status` shows it.",
            "s",
            'max by (object) (tidegate_object_freshness_seconds{statistic="max"})',
            "{{object}}",
        ),
        one(
            "Held objects",
            "1: batches of the object wait for an operator.",
            "short",
            state("tidegate_object_held", "object"),
            "{{object}}",
        ),
    ),
)
