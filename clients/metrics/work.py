"""The families of a process's own work. A label is a thing of which there are few: never a record,
a batch, a caller or a text.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from clients.metrics.batch_histogram import BatchHistogram
from clients.metrics.registry import REGISTRY

FRESHNESS_BUCKETS: Final = (1, 2, 5, 10, 15, 30, 60, 90, 120, 180, 300, 600, 1800, 3600)
"""Seconds. 120 is the promise, so it is a bound."""
WRITEBACK_BUCKETS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 180, 240, 300, 600, 1800, 3600)
"""Seconds. 300 is the promise."""
_STEP_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_CALL_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60, 120, 600)
_LATENCY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 3600)
_SHORT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_COUNT_BUCKETS = (1, 10, 100, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)

CHANGE_FRESHNESS = BatchHistogram(
    "tidegate_change_freshness_seconds",
    "Commit in Salesforce to commit in the warehouse, of each new change of a lane.",
    ["object"],
    buckets=FRESHNESS_BUCKETS,
    registry=REGISTRY,
)
CHANGE_DELIVERY = BatchHistogram(
    "tidegate_change_delivery_seconds",
    "Commit in Salesforce to receipt: Salesforce's part of the freshness.",
    ["object"],
    buckets=FRESHNESS_BUCKETS,
    registry=REGISTRY,
)
CHANGE_PROCESSING = BatchHistogram(
    "tidegate_change_processing_seconds",
    "Receipt to commit in the warehouse: the engine's part of the freshness.",
    ["object"],
    buckets=FRESHNESS_BUCKETS,
    registry=REGISTRY,
)
CHANGES = Counter(
    "tidegate_changes",
    "Changes by what became of them: landed, applied, duplicate or quarantined.",
    ["object", "outcome"],
    registry=REGISTRY,
)
EVENTS_RECEIVED = Counter(
    "tidegate_events_received", "Events that a lane's stream has delivered.", ["lane"], registry=REGISTRY
)
BUFFER_EVENTS = Gauge(
    "tidegate_buffer_events", "Events that are received and not landed.", ["lane"], registry=REGISTRY
)
BUFFER_BYTES = Gauge(
    "tidegate_buffer_bytes",
    "Bytes of the events that are received and not landed.",
    ["lane"],
    registry=REGISTRY,
)
BATCH_SECONDS = Histogram(
    "tidegate_batch_duration_seconds",
    "Duration of a batch's step: land, start, stage or apply. Waiting for a group is part of apply.",
    ["step"],
    buckets=_STEP_BUCKETS,
    registry=REGISTRY,
)
BATCH_CHANGES = Histogram(
    "tidegate_batch_changes",
    "Changes of a landed batch, by kind of lane: lane, backfill, reread or refresh.",
    ["lane_kind"],
    buckets=_COUNT_BUCKETS,
    registry=REGISTRY,
)
WAREHOUSE_SECONDS = Histogram(
    "tidegate_warehouse_transaction_seconds",
    "Duration of a transaction that applies a group, by outcome: committed or failed. "
    "A turn of all objects counts for each of them.",
    ["object", "outcome"],
    buckets=_STEP_BUCKETS,
    registry=REGISTRY,
)
WAREHOUSE_LOCK_SECONDS = Histogram(
    "tidegate_warehouse_lock_wait_seconds",
    "Time until a transaction has the object's lock.",
    ["object"],
    buckets=_SHORT_BUCKETS,
    registry=REGISTRY,
)
GROUP_BATCHES = Histogram(
    "tidegate_group_commit_batches",
    "Batches of one transaction.",
    ["object"],
    buckets=(1, 2, 3, 5, 10, 20, 50, 100, 200),
    registry=REGISTRY,
)
SALESFORCE_CALLS = Counter(
    "tidegate_salesforce_calls",
    "Calls to Salesforce, by outcome: ok, refused, throttled, or lost (no answer). "
    "Logins and the calls of streams need no token: their lease_class is none.",
    ["lease_class", "api", "outcome"],
    registry=REGISTRY,
)
SALESFORCE_SECONDS = Histogram(
    "tidegate_salesforce_call_seconds",
    "Duration of a call to Salesforce that needs a token.",
    ["api", "outcome"],
    buckets=_CALL_BUCKETS,
    registry=REGISTRY,
)
LEASE_WAIT_SECONDS = Histogram(
    "tidegate_lease_wait_seconds",
    "Wait for tokens of a budget, of callers that had to wait.",
    ["lease_class", "budget"],
    buckets=_CALL_BUCKETS,
    registry=REGISTRY,
)
LEASE_REFUSALS = Counter(
    "tidegate_lease_refusals",
    "Waits for tokens that ended without one.",
    ["lease_class", "budget"],
    registry=REGISTRY,
)
WRITEBACK_LATENCY = BatchHistogram(
    "tidegate_writeback_latency_seconds",
    "Acceptance, or an operator's retry, until the call (sent) and the outcome (done); "
    "the call until its change is in the warehouse (echo).",
    ["object", "part"],
    buckets=WRITEBACK_BUCKETS,
    registry=REGISTRY,
)
WRITEBACK_OUTCOMES = Counter(
    "tidegate_writeback_outcomes",
    "Attempts of writebacks by the state that they led to. `code` is a known error code, or other.",
    ["object", "outcome", "code"],
    registry=REGISTRY,
)
WEBHOOK_MESSAGES = Counter(
    "tidegate_webhook_messages",
    "Messages that were posted to a receiver, by outcome: taken, failed, busy or gone.",
    ["webhook", "outcome"],
    registry=REGISTRY,
)
WEBHOOK_SECONDS = Histogram(
    "tidegate_webhook_request_seconds",
    "Duration of a request to a receiver.",
    ["webhook"],
    buckets=_CALL_BUCKETS,
    registry=REGISTRY,
)
WEBHOOK_LATENCY = Histogram(
    "tidegate_webhook_latency_seconds",
    "Commit in the warehouse until the receiver has taken the change.",
    ["webhook"],
    buckets=_LATENCY_BUCKETS,
    registry=REGISTRY,
)
OBJECT_STORE_SECONDS = Histogram(
    "tidegate_object_store_request_seconds",
    "Duration of a request to S3 or KMS, retries included, by outcome: ok, refused or failed.",
    ["operation", "outcome"],
    buckets=_STEP_BUCKETS,
    registry=REGISTRY,
)
EVENT_LOOP_LAG = Histogram(
    "tidegate_event_loop_lag_seconds",
    "How late the process's event loop wakes a task. It is asked twice a second.",
    buckets=_SHORT_BUCKETS,
    registry=REGISTRY,
)
HTTP_SECONDS = Histogram(
    "http_server_request_duration_seconds",
    "Duration of a request to the API, by route template.",
    ["route", "method", "status"],
    buckets=_STEP_BUCKETS,
    registry=REGISTRY,
)
