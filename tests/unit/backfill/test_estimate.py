"""The cost of a backfill: calls by parts and pages, time and bytes by the last one's rate."""

from datetime import UTC, datetime

import pytest

from schemas.backfill import BackfillPlan, BackfillRate, ByTime, Part
from schemas.salesforce.limits import COLLECTION_RETRIEVE_MAX
from transforms.backfill import USUAL_BYTES, USUAL_RATE, RowCount, estimate_ids, estimate_parts, parts_of

AT = datetime(2026, 11, 1, tzinfo=UTC)


def plan(*rows: int | None) -> BackfillPlan:
    parts = [Part(number=number, expected_rows=count) for number, count in enumerate(rows)]
    return BackfillPlan(parts=tuple(parts))


def rate(rows: int, seconds: float, size: int = 0) -> BackfillRate:
    return BackfillRate(org="o", object="Case", rows=rows, seconds=seconds, bytes=size, at=AT)


@pytest.mark.parametrize(
    ("rows", "calls"),
    [
        ((), 0),
        ((0,), 6),
        ((None,), 6),
        ((1,), 7),
        ((50_000,), 7),
        ((50_001,), 8),
        ((250_000,), 11),
        ((250_001,), 13),
        ((1, 250_001, None), 7 + 13 + 6),
    ],
)
def test_a_part_costs_its_job_its_pages_and_the_lists_of_their_addresses(
    rows: tuple[int | None, ...], calls: int
) -> None:
    found = estimate_parts(plan(*rows), None)
    assert (found.calls, found.parts, found.jobs) == (calls, len(rows), len(rows))
    assert found.rows == sum(count or 0 for count in rows)


@pytest.mark.parametrize(
    ("count", "calls"), [(0, 0), (1, 1), (COLLECTION_RETRIEVE_MAX, 1), (COLLECTION_RETRIEVE_MAX + 1, 2)]
)
def test_records_by_id_cost_a_call_a_collection_and_no_job(count: int, calls: int) -> None:
    found = estimate_ids(count, None)
    assert (found.rows, found.calls, found.parts, found.jobs) == (count, calls, 0, 0)


def test_time_and_bytes_are_as_of_the_last_backfill() -> None:
    found = estimate_parts(plan(10_000), rate(rows=3_000, seconds=7.0, size=330_000))
    assert (found.rows_per_second, found.minutes, found.bytes) == (428.6, 0.4, 1_100_000)
    assert found.measured_at == AT
    found = estimate_parts(plan(1), rate(rows=1, seconds=0.5, size=7))
    assert (found.rows_per_second, found.bytes, found.measured_at) == (2.0, 7, AT)


@pytest.mark.parametrize(
    "last", [None, rate(0, 7.0, 10), rate(10, 0.0, 10)], ids=["none", "empty", "timeless"]
)
def test_without_a_rate_they_are_the_usual_ones(last: BackfillRate | None) -> None:
    found = estimate_parts(plan(10 * USUAL_RATE * 60), last)
    assert (found.rows_per_second, found.minutes) == (USUAL_RATE, 10.0)
    assert found.bytes == 10 * USUAL_RATE * 60 * USUAL_BYTES
    assert found.measured_at is None


def test_a_part_is_full_before_the_next_one_begins() -> None:
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in range(1, 7)]
    buckets = [RowCount(day, day, rows) for day, rows in zip(days, (25, 25, 1, 49, 60, 1), strict=True)]
    parts = parts_of(buckets, by=ByTime.CREATED, since=None, until=None, most_rows=50)
    assert [part.expected_rows for part in parts] == [50, 50, 60, 1]
    assert [part.since for part in parts] == [None, days[2], days[4], days[5]]
    assert [part.number for part in parts] == [0, 1, 2, 3]
