"""Rows counted by day or hour, put together to parts that one query job each can read."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from schemas.backfill import ByTime, Part


class Bucket(NamedTuple):
    """The number of rows whose time is in a span."""

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

    Together the parts are everything from `since` up to `until`, without gaps, whatever the
    buckets say: a wrong count makes a part too large or too small, and loses nothing.
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
