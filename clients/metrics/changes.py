"""Counts of changes on their way: landed, applied, and how long it took them."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from prometheus_client import Histogram

from clients.metrics.work import (
    BATCH_CHANGES,
    CHANGE_DELIVERY,
    CHANGE_FRESHNESS,
    CHANGE_PROCESSING,
    CHANGES,
)
from schemas.ids import lane_kind, trace_id_of
from schemas.ingest.messages import ApplyResult
from schemas.ingest.raw import Manifest

_OBJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_UNREADABLE = "unreadable"


def object_label(name: str) -> str:
    """The object as a label. What is no API name came from a broken message and may be anything."""
    return name if _OBJECT.fullmatch(name) else _UNREADABLE


@contextmanager
def timed(histogram: Histogram, *labels: str) -> Iterator[None]:
    """Observe how long the body takes, however it ends."""
    began = time.perf_counter()
    try:
        yield
    finally:
        (histogram.labels(*labels) if labels else histogram).observe(time.perf_counter() - began)


@contextmanager
def timed_outcome(histogram: Histogram, *labels: str) -> Iterator[None]:
    """As `timed`, with a last label: `committed`, or `failed` when the body raises."""
    began, outcome = time.perf_counter(), "failed"
    try:
        yield
        outcome = "committed"
    finally:
        histogram.labels(*labels, outcome).observe(time.perf_counter() - began)


def count_landed(manifest: Manifest) -> None:
    """A batch of ours is durable."""
    BATCH_CHANGES.labels(lane_kind(manifest.lane)).observe(manifest.changes)
    for name, count in manifest.landed.items():
        CHANGES.labels(object_label(name), "landed").inc(count)


def count_applied(result: ApplyResult) -> None:
    """A batch's changes of an object are committed."""
    name = object_label(result.object)
    for outcome in ("applied", "duplicate", "quarantined"):
        if count := getattr(result, outcome):
            CHANGES.labels(name, outcome).inc(count)


def observe_applied(manifest: Manifest, object_name: str, changes: pa.Table, committed_at: datetime) -> None:
    """Observe the freshness of new changes of a lane, and its two parts. Rows of a backfill or a
    repair say nothing of it: they are old when they are read.
    """
    if lane_kind(manifest.lane) != "lane" or not len(changes):
        return
    now = committed_at.timestamp() * 1_000
    changed, received = _milliseconds(changes, "changed_at"), _milliseconds(changes, "received_at")
    trace_id = trace_id_of(manifest.workflow_id)
    name = object_label(object_name)
    CHANGE_FRESHNESS.observe((now - changed) / 1_000, name, trace_id=trace_id)
    CHANGE_DELIVERY.observe((received - changed) / 1_000, name, trace_id=trace_id)
    CHANGE_PROCESSING.observe((now - received) / 1_000, name, trace_id=trace_id)


def _milliseconds(changes: pa.Table, column: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = changes[column].cast(pa.int64()).to_numpy().astype(np.float64)
    return values
