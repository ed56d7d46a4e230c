"""Aggregates of both sides, bucket by bucket, while changes go on.

The org's answer shows it as it was at one moment, of which only bounds are known, while changes
are on their way. The change log knows the order of the changes of these seconds, so the
warehouse's aggregates can be worked out for every moment between the bounds. The moment that
explains most buckets is taken; what it does not explain differs. Under a surge of thousands of
changes a second no bucket has to be looked into because of records that were merely on their way
(docs/decisions/0017).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.ingest.positions import SECOND_MS

_RELATIVE = 1e-10
_ABSOLUTE = 1e-6
"""Sums of doubles depend on their order; amounts are exact in the warehouse and doubles in the
org's answer.
"""


@dataclass(slots=True)
class Bucket:
    """Aggregates of some live records."""

    count: int = 0
    newest_ms: int = -1
    """MAX(LastModifiedDate), epoch milliseconds; -1 of none."""
    sums: tuple[float, ...] = ()

    def is_like(self, other: "Bucket", unknown: frozenset[int] = frozenset()) -> bool:
        """The same, but for the roundings of sums, and without the sums whose place is in
        `unknown`.
        """
        is_newest = self.newest_ms // SECOND_MS == other.newest_ms // SECOND_MS
        return is_newest and self.counts_like(other, unknown)

    def counts_like(self, other: "Bucket", unknown: frozenset[int] = frozenset()) -> bool:
        """As `is_like`, without the newest change."""
        return self.count == other.count and all(
            _is_close(one, another)
            for place, (one, another) in enumerate(zip(self.sums, other.sums, strict=False))
            if place not in unknown
        )


Unknown = Mapping[int, frozenset[int]]
"""Bucket -> places of the sums of which a live record's number is isolated in the warehouse: the
org adds it up, the warehouse cannot.
"""
_NOTHING: Unknown = {}


def _is_close(one: float, other: float) -> bool:
    return abs(one - other) <= _ABSOLUTE + _RELATIVE * max(abs(one), abs(other))


class BucketPlace(NamedTuple):
    """Where a live record counts, and with what."""

    bucket: int
    lmd_ms: int
    numbers: tuple[float, ...]


class BucketStep(NamedTuple):
    """One change of one record, as the aggregates see it; None is a record that does not count:
    deleted, or not yet made.
    """

    at_ms: int
    record_id: str
    after: BucketPlace | None


@dataclass
class Moving:
    """The records that changed since the earliest moment: as they were then, and every step
    since.
    """

    before: dict[str, BucketPlace | None] = field(default_factory=dict)
    steps: list[BucketStep] = field(default_factory=list)


class Explained(NamedTuple):
    """The org's answer, explained as well as it goes."""

    differing: tuple[int, ...]
    """Buckets, in order."""
    buckets: int
    in_flight: int
    """Steps between the bounds."""
    records: int
    """Of the warehouse, at that moment."""
    rows: int
    """Records in the differing buckets, of the side that has more."""


def explain(
    answer: Mapping[int, Bucket],
    still: Mapping[int, Bucket],
    moving: Moving,
    *,
    from_ms: int,
    to_ms: int,
    unknown: Unknown = _NOTHING,
) -> Explained:
    """Hold the org's aggregates against the warehouse's at the moment between the bounds that
    explains them best.

    Args:
        answer: The org's.
        still: The warehouse's, of the records that have not changed since `moving` begins.
        moving: The others. Must begin at `from_ms` or before.
        from_ms: What was committed before is in the answer.
        to_ms: What was committed later is not.
        unknown: Sums that the warehouse cannot know.
    """
    steps = sorted(moving.steps, key=lambda step: step.at_ms)
    sure = [step for step in steps if step.at_ms < from_ms]
    open_ = [step for step in steps if from_ms <= step.at_ms <= to_ms]
    places = dict(moving.before)
    for step in sure:
        places[step.record_id] = step.after
    taken = _best_prefix(answer, still, places, open_, unknown)
    for step in open_[:taken]:
        places[step.record_id] = step.after
    ours = _totals(still, places.values())
    every = sorted(answer.keys() | ours.keys())
    empty = Bucket()
    differing = tuple(
        bucket
        for bucket in every
        if not ours.get(bucket, empty).is_like(answer.get(bucket, empty), unknown.get(bucket, frozenset()))
    )
    rows = sum(max(ours.get(bucket, empty).count, answer.get(bucket, empty).count) for bucket in differing)
    records = sum(bucket.count for bucket in ours.values())
    return Explained(differing, len(every), len(open_), records, rows)


def _totals(still: Mapping[int, Bucket], places: Iterable[BucketPlace | None]) -> dict[int, Bucket]:
    totals = {number: Bucket(b.count, b.newest_ms, b.sums) for number, b in still.items()}
    for place in places:
        if place is not None:
            _add(totals.setdefault(place.bucket, Bucket()), place, 1)
    return {number: bucket for number, bucket in totals.items() if bucket.count}


def _add(bucket: Bucket, place: BucketPlace, sign: int) -> None:
    bucket.count += sign
    if sign > 0:
        bucket.newest_ms = max(bucket.newest_ms, place.lmd_ms)
    sums = bucket.sums or (0.0,) * len(place.numbers)
    bucket.sums = tuple(total + sign * number for total, number in zip(sums, place.numbers, strict=True))


def _best_prefix(
    answer: Mapping[int, Bucket],
    still: Mapping[int, Bucket],
    places: Mapping[str, BucketPlace | None],
    steps: Sequence[BucketStep],
    unknown: Unknown,
) -> int:
    """The number of steps that the answer shows: the one after which the fewest buckets differ, of
    equals the first.
    """
    totals = _totals(still, places.values())
    present = dict(places)
    empty = Bucket()
    wrong = {
        number
        for number in answer.keys() | totals.keys()
        if not totals.get(number, empty).counts_like(
            answer.get(number, empty), unknown.get(number, frozenset())
        )
    }
    best, taken = len(wrong), 0
    for count, step in enumerate(steps, start=1):
        for place, sign in ((present.get(step.record_id), -1), (step.after, 1)):
            if place is None:
                continue
            bucket = totals.setdefault(place.bucket, Bucket())
            _add(bucket, place, sign)
            theirs = answer.get(place.bucket, empty)
            is_like = bucket.counts_like(theirs, unknown.get(place.bucket, frozenset()))
            (wrong.discard if is_like else wrong.add)(place.bucket)
        present[step.record_id] = step.after
        if len(wrong) < best:
            best, taken = len(wrong), count
    return taken
