"""A histogram that takes columns counts as one that takes values."""

import numpy as np
from hypothesis import given, strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics

from clients.metrics.batch_histogram import BatchHistogram

BOUNDS = (1.0, 2.0, 120.0)
values = st.lists(st.one_of(st.floats(0, 1e6), st.sampled_from([0.0, 1.0, 2.0, 120.0])), max_size=50)


def made(registry: CollectorRegistry) -> BatchHistogram:
    return BatchHistogram("t_seconds", "Of a test.", ["object"], buckets=BOUNDS, registry=registry)


@given(st.lists(values, max_size=4))
def test_columns_are_counted_as_single_values_are(columns: list[list[float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    vector = made(ours)
    scalar = Histogram("t_seconds", "Of a test.", ["object"], buckets=BOUNDS, registry=theirs)
    for column in columns:
        vector.observe(np.array(column), "Case")
        for value in column:
            scalar.labels("Case").observe(value)
    for bound in ("1.0", "2.0", "120.0", "+Inf"):
        labels = {"object": "Case", "le": bound}
        found, wanted = (each.get_sample_value("t_seconds_bucket", labels) for each in (ours, theirs))
        assert (found or 0.0) == (wanted or 0.0)
    total, wanted = (each.get_sample_value("t_seconds_sum", {"object": "Case"}) for each in (ours, theirs))
    assert np.isclose(total or 0.0, wanted or 0.0)


def test_a_value_below_zero_counts_as_zero() -> None:
    registry = CollectorRegistry()
    made(registry).observe(np.array([-5.0]), "Case")
    assert registry.get_sample_value("t_seconds_sum", {"object": "Case"}) == 0.0
    assert registry.get_sample_value("t_seconds_bucket", {"object": "Case", "le": "1.0"}) == 1.0


def test_the_slowest_of_a_column_shows_its_trace() -> None:
    registry = CollectorRegistry()
    made(registry).observe(np.array([0.5, 90.0, 1.5]), "Case", trace_id="abc123")
    (line,) = [each for each in open_metrics(registry).decode().splitlines() if "abc123" in each]
    assert line.startswith('t_seconds_bucket{le="120.0",object="Case"} 3.0 # {trace_id="abc123"} 90.0')


def test_an_empty_column_makes_no_series() -> None:
    registry = CollectorRegistry()
    made(registry).observe(np.array([]), "Case")
    assert b"t_seconds_count" not in generate_latest(registry)
