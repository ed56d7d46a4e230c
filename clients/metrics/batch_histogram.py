"""A histogram that takes a column at a time.

An observation of a common histogram costs a microsecond, which a change does not have. A batch's
column is sorted into the buckets by numpy instead, at some nanoseconds a value.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString


@dataclass
class _Series:
    counts: NDArray[np.int64]
    total: float = 0.0
    exemplars: dict[int, Exemplar] = field(default_factory=dict)
    """Bucket -> the last observation that has a trace."""


class BatchHistogram(Collector):
    """Counts columns of seconds by bucket. Safe to use from any thread.

    Args:
        name: With its unit, as `tidegate_change_freshness_seconds`.
        about: Help text.
        labels: Names of the labels.
        buckets: Upper bounds in seconds, the smallest first; one without a bound is added.
        registry: Shows it.
    """

    def __init__(
        self,
        name: str,
        about: str,
        labels: Sequence[str],
        *,
        buckets: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        self._name, self._about, self._labels = name, about, tuple(labels)
        self._bounds = np.asarray(buckets, dtype=np.float64)
        self._shown = [*map(floatToGoString, buckets), "+Inf"]
        self._lock = threading.Lock()
        self._series: dict[tuple[str, ...], _Series] = {}
        registry.register(self)

    def observe(self, values: NDArray[np.float64], *labels: str, trace_id: str | None = None) -> None:
        """Count a column. `trace_id` is that of the largest value, in hex; None = no exemplar.

        A value below zero counts as zero: clocks of two systems differ by some milliseconds.
        """
        if not values.size:
            return
        clipped = np.maximum(values, 0.0)
        # A bound belongs to its bucket: le is "less or equal".
        places = np.searchsorted(self._bounds, clipped, side="left")
        counts = np.bincount(places, minlength=len(self._shown))
        with self._lock:
            series = self._series.get(labels)
            if series is None:
                series = self._series[labels] = _Series(np.zeros(len(self._shown), dtype=np.int64))
            series.counts += counts
            series.total += float(clipped.sum())
            if trace_id is not None:
                worst = int(clipped.argmax())
                shown = Exemplar({"trace_id": trace_id}, float(clipped[worst]), time.time())
                series.exemplars[int(places[worst])] = shown

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """The family without its series, for the registry."""
        return [self._family()]

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The family as it is now."""
        family = self._family()
        with self._lock:
            for labels, series in sorted(self._series.items()):
                totals = np.cumsum(series.counts).tolist()
                buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
                for place, (bound, total) in enumerate(zip(self._shown, totals, strict=True)):
                    shown = series.exemplars.get(place)
                    buckets.append((bound, total) if shown is None else (bound, total, shown))
                family.add_metric(labels, buckets, series.total)
        yield family

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._about, labels=self._labels)
