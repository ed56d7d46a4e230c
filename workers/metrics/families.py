"""The families of the engine's state. Every exporter of the state shows the same, so a rule takes
`max by ()`.

An age is shown as the time at which it began: an age would stand still with its exporter. What
could not be asked has no sample, and `tidegate_state_unknown` names it (law 11).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily


@dataclass(frozen=True)
class Family:
    """A gauge of the state."""

    name: str
    about: str
    labels: tuple[str, ...] = ()


class Sheet:
    """The samples of one look."""

    def __init__(self) -> None:
        self._samples: defaultdict[Family, list[tuple[tuple[str, ...], float]]] = defaultdict(list)

    def put(self, family: Family, value: float | datetime | None, *labels: str) -> None:
        """Add a sample; a time as seconds since the epoch. None = not known, and no sample."""
        if value is not None:
            number = value.timestamp() if isinstance(value, datetime) else float(value)
            self._samples[family].append((labels, number))

    def families(self) -> Iterator[GaugeMetricFamily]:
        """As Prometheus takes them."""
        for family, samples in self._samples.items():
            shown = GaugeMetricFamily(family.name, family.about, labels=family.labels)
            for labels, value in samples:
                shown.add_metric(labels, value)
            yield shown


STATE_AT = Family("tidegate_state_timestamp_seconds", "When the engine was last looked at.")
STATE_SECONDS = Family("tidegate_state_collection_seconds", "Duration of the last look.")
STATE_UNKNOWN = Family(
    "tidegate_state_unknown", "A part that could not be asked; always 1. It has no other samples.", ("part",)
)
PROBLEM = Family(
    "tidegate_problem",
    "A problem of `tidegate status`; always 1. docs/runbook.md has a section for each code.",
    ("code", "severity", "subject"),
)
REMOTE_UP = Family("tidegate_remote_up", "1: the remote system answers. 0: it does not.", ("remote",))
ROLE_UP = Family("tidegate_role_up", "1: every queue of the role has a poller.", ("role",))
QUEUE_POLLERS = Family(
    "tidegate_task_queue_pollers", "Processes that asked for tasks in the last minute.", ("queue", "kind")
)
QUEUE_BACKLOG = Family("tidegate_task_queue_backlog", "Tasks that no process has taken.", ("queue", "kind"))
QUEUE_AGE = Family(
    "tidegate_task_queue_backlog_age_seconds", "Age of the oldest of them. 0: none.", ("queue", "kind")
)
LANE_STATE = Family(
    "tidegate_lane_state",
    "The state of a lane; 1 for the one that it is in: following, quiet, waiting, stalled, paused, not started.",
    ("lane", "state"),
)
LANE_FOLLOWING = Family("tidegate_lane_following", "1: the lane follows, or is quiet.", ("lane",))
LANE_PAUSED = Family("tidegate_lane_paused", "1: the lane is paused.", ("lane",))
LANE_HEARD_AT = Family(
    "tidegate_lane_heard_timestamp_seconds", "The org's last sign of life, keep-alives included.", ("lane",)
)
LANE_RECEIVED_AT = Family("tidegate_lane_received_timestamp_seconds", "The last event or row.", ("lane",))
LANE_POSITION = Family(
    "tidegate_lane_position", "End of the last landed batch, where it is a number.", ("lane", "stage")
)
LANE_POSITION_AT = Family(
    "tidegate_lane_position_timestamp_seconds",
    "Commit time of the last landed change. The event bus keeps 72 hours.",
    ("lane",),
)
LANE_UNAPPLIED_BATCHES = Family(
    "tidegate_lane_unapplied_batches", "Batches that are landed and not in the ledger.", ("lane",)
)
LANE_UNAPPLIED_CHANGES = Family("tidegate_lane_unapplied_changes", "Their changes.", ("lane",))
LANE_OLDEST_UNAPPLIED_AT = Family(
    "tidegate_lane_oldest_unapplied_timestamp_seconds", "Commit time of the oldest of them.", ("lane",)
)
OBJECT_RATE = Family(
    "tidegate_object_changes_per_minute", "Changes of the last minutes, a minute.", ("object",)
)
OBJECT_FRESHNESS = Family(
    "tidegate_object_freshness_seconds",
    "Commit to curated, of the slowest change of each recent batch: median and maximum.",
    ("object", "statistic"),
)
OBJECT_NEWEST_AT = Family(
    "tidegate_object_newest_change_timestamp_seconds", "Commit time of the newest change.", ("object",)
)
OBJECT_OLDEST_UNAPPLIED_AT = Family(
    "tidegate_object_oldest_unapplied_timestamp_seconds",
    "Commit time of the oldest change that is landed and not applied.",
    ("object",),
)
OBJECT_HELD = Family("tidegate_object_held", "1: the object's batches wait for an operator.", ("object",))
BUDGET_LIMIT = Family(
    "tidegate_budget_limit", "Tokens that the org allows in 24 hours, or at once.", ("budget",)
)
BUDGET_USED = Family("tidegate_budget_used", "Tokens used in the last 24 hours, by everybody.", ("budget",))
BUDGET_LEFT = Family("tidegate_budget_left", "Tokens that can still be granted.", ("budget",))
BUDGET_GRANTED = Family("tidegate_budget_granted", "Tokens that processes hold unspent.", ("budget",))
BUDGET_SPENT = Family(
    "tidegate_budget_spent",
    "Tokens spent in the last 24 hours, by class, or by others.",
    ("budget", "spender"),
)
BUDGET_EXHAUSTION = Family(
    "tidegate_budget_exhaustion_seconds",
    "Time until the margin is reached, by the forecast. 86400: not within a day.",
    ("budget",),
)
BUDGET_SLOWED = Family(
    "tidegate_budget_slowed_seconds",
    "Time until a class that spends no longer gets what it asks for. 86400: not within a day.",
    ("budget", "lease_class"),
)
BUDGET_READ_AT = Family(
    "tidegate_budget_reading_timestamp_seconds", "When the org last said how much is used.", ("budget",)
)
BUDGET_PAUSED = Family(
    "tidegate_budget_paused", "1: nothing is granted, because the org refused.", ("budget",)
)
WRITEBACKS = Family(
    "tidegate_writebacks",
    "Writebacks by state: waiting, open, held, dead; unknown: open, and sent more than a minute ago.",
    ("object", "state"),
)
WRITEBACK_OLDEST_AT = Family(
    "tidegate_writeback_oldest_timestamp_seconds",
    "Acceptance, or retry, of the oldest one that waits or is on its way.",
    ("object",),
)
WRITEBACK_UNKNOWN_AT = Family(
    "tidegate_writeback_unknown_oldest_timestamp_seconds",
    "When the oldest batch was sent whose outcome is unknown.",
    ("object",),
)
WRITEBACK_PAUSED = Family(
    "tidegate_writeback_paused", "1: writebacks of the object are paused; `*`: of every object.", ("object",)
)
WEBHOOK_THROUGH_AT = Family(
    "tidegate_webhook_through_timestamp_seconds",
    "What was applied before this time was posted, is held, or is a dead letter. No sample: the webhook is not active.",
    ("webhook",),
)
WEBHOOK_CHANGES = Family(
    "tidegate_webhook_changes",
    "Changes that a receiver did not take, by state: held or dead.",
    ("webhook", "state"),
)
QUARANTINE = Family(
    "tidegate_quarantine_changes", "Changes in quarantine that nobody has acknowledged.", ("reason",)
)
REREADS = Family("tidegate_rereads_open", "Changes that are still to be read again.", ("object",))
LEDGER_IMBALANCE = Family(
    "tidegate_ledger_imbalance_changes",
    "Changes of the last 24 hours that are landed and neither applied, duplicate nor quarantined.",
)
RECONCILED_AT = Family(
    "tidegate_reconciliation_timestamp_seconds", "End of the last reconciliation.", ("object", "depth")
)
RECONCILIATION_PERIOD = Family(
    "tidegate_reconciliation_period_seconds",
    "Time between two scheduled reconciliations of an object. No sample: none is scheduled.",
)
DIFFERENCES = Family(
    "tidegate_reconciliation_differences",
    "What the last reconciliation of an object found, left unrepaired, and found altered in the warehouse.",
    ("object", "kind"),
)
DRIFT_FIELDS = Family("tidegate_drift_fields", "Fields about which somebody is advised to act.")

STATE_FAMILIES: Final[tuple[Family, ...]] = tuple(
    value for value in list(globals().values()) if isinstance(value, Family)
)
"""Every family of the state, in the order of this page."""
