"""How a backfill is cut into parts, what it will cost, and how long it will take."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from schemas.backfill import BackfillPlan, BackfillRate, ByTime, Part
from schemas.salesforce.limits import BULK_RESULT_PAGES, COLLECTION_RETRIEVE_MAX

USUAL_RATE = 8_000
"""Rows a second, when no backfill of the object was measured: what two shared cores do with rows of
some thirty fields.
"""
USUAL_BYTES = 250
"""Of a raw file, a row."""
_PAGE_ROWS = 50_000
"""Rows of a result page when the client does not ask: a guess, since the org settles it."""
_JOB_CALLS = 5
"""Create, three questions how far it is, delete."""


@dataclass(frozen=True)
class Estimate:
    """Of one backfill."""

    rows: int
    parts: int
    jobs: int
    """Bulk query jobs."""
    calls: int
    bytes: int
    """Of raw files."""
    minutes: float
    rows_per_second: float
    measured_at: datetime | None
    """When the rate was measured; None: it is assumed."""


def estimate_parts(plan: BackfillPlan, rate: BackfillRate | None) -> Estimate:
    """Of a backfill by time; `rate` is that of the last one of the object, None when there was
    none.
    """
    rows = [part.expected_rows or 0 for part in plan.parts]
    pages = sum(math.ceil(count / _PAGE_ROWS) for count in rows)
    lists = sum(max(1, math.ceil(math.ceil(count / _PAGE_ROWS) / BULK_RESULT_PAGES)) for count in rows)
    return _estimate(
        sum(rows), parts=len(rows), jobs=len(rows), calls=len(rows) * _JOB_CALLS + lists + pages, rate=rate
    )


def estimate_ids(count: int, rate: BackfillRate | None) -> Estimate:
    """Of records by their ids; those in the recycle bin cost more."""
    return _estimate(count, parts=0, jobs=0, calls=math.ceil(count / COLLECTION_RETRIEVE_MAX), rate=rate)


def _estimate(rows: int, *, parts: int, jobs: int, calls: int, rate: BackfillRate | None) -> Estimate:
    is_measured = rate is not None and rate.rows > 0 and rate.seconds > 0
    speed = rate.rows / rate.seconds if rate is not None and is_measured else float(USUAL_RATE)
    size = rate.bytes / rate.rows if rate is not None and is_measured else float(USUAL_BYTES)
    return Estimate(
        rows=rows,
        parts=parts,
        jobs=jobs,
        calls=calls,
        bytes=round(rows * size),
        minutes=round(rows / speed / 60, 1),
        rows_per_second=round(speed, 1),
        measured_at=rate.at if rate is not None and is_measured else None,
    )


class Bucket(NamedTuple):
    """How many rows have their time in a span."""

    since: datetime
    until: datetime
    """Exclusive."""
    rows: int


def parts_of(
    buckets: Iterable[Bucket],
    *,
    by: ByTime,
    since: datetime | None,
    until: datetime | None,
    most_rows: int,
) -> tuple[Part, ...]:
    """Parts of at most `most_rows` rows, at least one; a bucket with more is a part of its own.

    Together the parts are everything from `since` up to `until`, without gaps, whatever the buckets say: a wrong count makes
    a part too large or too small, and loses nothing.
    """
    filled: list[list[Bucket]] = [[]]
    for bucket in buckets:
        if filled[-1] and _rows(filled[-1]) + bucket.rows > most_rows:
            filled.append([])
        filled[-1].append(bucket)
    starts = [since, *(part[0].since for part in filled[1:])]
    return tuple(
        Part(number=number, by=by, since=start, until=end, expected_rows=_rows(part))
        for number, (start, end, part) in enumerate(zip(starts, [*starts[1:], until], filled, strict=True))
    )


def _rows(buckets: Iterable[Bucket]) -> int:
    return sum(bucket.rows for bucket in buckets)
