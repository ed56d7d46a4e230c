"""The cost of metrics for a batch: `python -m benchmarks.metrics`.

The three histograms of a batch's changes, as columns and as single observations.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from clients.metrics.changes import observe_applied
from clients.metrics.registry import REGISTRY
from clients.metrics.work import FRESHNESS_BUCKETS
from schemas.ingest.raw import Manifest

_ROUNDS = 20
_CHANGE_MICROSECONDS = 238
"""Of the whole road of a change, in a batch of 8,000 (2026-11)."""
_SIZES = (100, 2_000, 20_000)


def best(work: Callable[[], object]) -> float:
    """Microseconds of processor time, the best of some rounds."""
    taken = []
    for _ in range(_ROUNDS):
        began = time.process_time_ns()
        work()
        taken.append(time.process_time_ns() - began)
    return min(taken) / 1_000


def changes(count: int, now: datetime) -> pa.Table:
    """Columns of a batch: committed within the last ten seconds, received a second later."""
    seconds = np.random.default_rng(1).uniform(1, 10, count)
    stamps = [now - timedelta(seconds=float(each)) for each in seconds]
    kind = pa.timestamp("ms", tz="UTC")
    received = [each + timedelta(seconds=1) for each in stamps]
    return pa.table({"changed_at": pa.array(stamps, kind), "received_at": pa.array(received, kind)})


def manifest(now: datetime) -> Manifest:
    """Of a batch of a lane."""
    facts = {"start": "1", "end": "2", "raw_key": "r", "raw_sha256": "0", "raw_bytes": 1, "events": 1}
    times = {"first_received_at": now, "last_received_at": now}
    return Manifest(org="o", lane="changes", landed={"Case": 1}, **facts, **times)


def compared(count: int, now: datetime) -> str:
    """A row of the table."""
    table, batch = changes(count, now), manifest(now)
    values = np.random.default_rng(1).uniform(1, 10, count).tolist()
    single = Histogram("b_seconds", "b", ["object"], buckets=FRESHNESS_BUCKETS, registry=CollectorRegistry())
    observe = single.labels("Case").observe
    columns = best(lambda: observe_applied(batch, "Case", table, now))
    singly = 3 * best(lambda: [observe(each) for each in values])
    share = columns / (count * _CHANGE_MICROSECONDS)
    return f"| {count:,} | {columns:,.0f} | {singly:,.0f} | {share:.3%} |"


def main() -> None:
    """Show a table."""
    now = datetime.now(UTC)
    lines = ["| changes | as columns, µs | one by one, µs | part of the batch |", "|---:|---:|---:|---:|"]
    lines += [compared(count, now) for count in _SIZES]
    scrape = best(lambda: generate_latest(REGISTRY))
    sys.stdout.write("\n".join([*lines, "", f"a scrape of the work: {scrape:,.0f} µs", ""]))


if __name__ == "__main__":
    main()
