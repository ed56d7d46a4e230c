"""Parts hold everything between their bounds once, whatever was counted."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from schemas.backfill import ByTime
from transforms.backfill import Bucket, parts_of

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
counts = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 3)), max_size=40)


def buckets_of(found: list[tuple[int, int]]) -> list[Bucket]:
    """Days with rows, and days without between them."""
    buckets, day = [], START
    for rows, empty_days in found:
        buckets.append(Bucket(day, day + DAY, rows))
        day += DAY * (1 + empty_days)
    return buckets


@given(counts, st.integers(1, 100), st.booleans())
def test_parts_follow_one_another_without_gaps_and_hold_no_more_than_they_may(
    found: list[tuple[int, int]], most: int, is_whole: bool
):
    buckets = buckets_of(found)
    since, until = (None, None) if is_whole else (START, START + 500 * DAY)
    parts = parts_of(buckets, by=ByTime.CREATED, since=since, until=until, most_rows=most)
    assert [part.number for part in parts] == list(range(len(parts)))
    assert (parts[0].since, parts[-1].until) == (since, until)
    assert all(one.until == other.since for one, other in itertools.pairwise(parts))
    assert sum(part.expected_rows or 0 for part in parts) == sum(bucket.rows for bucket in buckets)
    largest = max((bucket.rows for bucket in buckets), default=0)
    assert all((part.expected_rows or 0) <= max(most, largest) for part in parts)


def test_a_bucket_with_too_many_rows_is_a_part_of_its_own():
    buckets = [Bucket(START + n * DAY, START + (n + 1) * DAY, rows) for n, rows in enumerate([1, 90, 1])]
    parts = parts_of(buckets, by=ByTime.CREATED, since=None, until=None, most_rows=10)
    assert [part.expected_rows for part in parts] == [1, 90, 1]
