"""Estimate the API calls of a reconciliation, before it is made: an upper bound that is close. Held
to measured calls by a test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from schemas.reconcile import Depth
from schemas.salesforce.limits import COLLECTION_RETRIEVE_MAX, PK_CHUNK_MAX, QUERY_PAGE_MAX

GROUPS_A_CALL = 2_000
"""Groups of one answer: an aggregate query has no second page (SOQL and SOSL Reference, "GROUP
BY").
"""
FACT_PAGE_ROWS = PK_CHUNK_MAX
"""Rows of a page of a query job: 20 MB of ids and times, which a call brings well within 20
seconds.
"""
JOB_WAITS = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds before each question about a job, the last one from then on. A job of 35 million rows
takes some 20 minutes: 25 calls.
"""
JOB_FROM_ROWS = 7 * QUERY_PAGE_MAX
"""More rows cost more pages of REST than a job costs calls: create, a few questions, result,
delete.
"""
FEW_ROWS = 3 * QUERY_PAGE_MAX
"""With no more rows in the days that differ, hours are not asked for: the rows cost no more calls.
"""
JOB_ROWS_A_SECOND = 30_000
"""At which Salesforce writes ids and times; tens of millions take tens of minutes."""
_BINNED_A_CALL = 400
"""Records that are looked for in the recycle bin by one query."""


@dataclass(frozen=True)
class ReconcileCostConfig:
    """Rows and groups that one call brings."""

    page_rows: int = FACT_PAGE_ROWS
    job_from_rows: int = JOB_FROM_ROWS
    few_rows: int = FEW_ROWS
    waits: tuple[float, ...] = JOB_WAITS
    job_rows_a_second: float = JOB_ROWS_A_SECOND


@dataclass(frozen=True)
class CallPlan:
    """API calls by step."""

    buckets: int
    """Aggregates by day, and by hour where days differ."""
    records: int
    """Records of the buckets that differ, and with more depth every record."""
    examine: int
    """Suspects by their ids."""
    repair: int
    again: int
    """The repaired records."""

    @property
    def calls(self) -> int:
        return self.buckets + self.records + self.examine + self.repair + self.again


def calls_needed(
    rows: int,
    differences: int,
    *,
    days: int,
    depth: Depth,
    isolated: int = 0,
    terms: ReconcileCostConfig | None = None,
) -> CallPlan:
    """The most that a reconciliation costs.

    Args:
        rows: Records of the object.
        differences: That it will find and repair, each of a day of its own.
        days: Over which the records' last changes are spread evenly.
        depth: Of the reconciliation.
        isolated: Records with isolated fields. They are looked at by their ids where their
            fields are not compared and one call reads them.
        terms: Rows and groups that one call brings.
    """
    terms = terms or ReconcileCostConfig()
    days = max(1, days)
    # More days than an answer holds are asked for in halves of the time that an org can have lived.
    bucket_calls = 1 if days <= GROUPS_A_CALL else 4 * _groups(days)
    record_calls = 0
    differing = min(days, 2 * differences)  # a lost update leaves one day and is missing in another
    drilled = ceil(rows * differing / days)
    if differences and drilled <= terms.few_rows:
        record_calls = _records(drilled, terms)
    elif differences and drilled <= rows / 2:
        bucket_calls += _groups(24 * differing)
        hours = min(24 * differing, 2 * differences)
        record_calls = _records(ceil(rows * hours / (24 * days)), terms)
    elif differences and depth is Depth.BUCKETS:
        record_calls = _records(rows, terms)
    if depth is not Depth.BUCKETS:
        record_calls += _records(rows, terms)
    by_id = ceil(differences / COLLECTION_RETRIEVE_MAX) + ceil(differences / _BINNED_A_CALL)
    looked_at = 0 < isolated <= COLLECTION_RETRIEVE_MAX and depth is not Depth.FIELDS
    return CallPlan(bucket_calls, record_calls, by_id + int(looked_at), by_id, by_id)


def questions_about_a_job(seconds: float, waits: Sequence[float]) -> int:
    """The number of checks of a job that takes this long."""
    asked, waited = 0, 0.0
    while not asked or waited < seconds:
        waited += waits[min(asked, len(waits) - 1)]
        asked += 1
    return asked


def _groups(count: int) -> int:
    return ceil(count / GROUPS_A_CALL)


def _records(rows: int, terms: ReconcileCostConfig) -> int:
    if rows <= terms.job_from_rows:
        return max(1, ceil(rows / QUERY_PAGE_MAX))
    asked = questions_about_a_job(rows / terms.job_rows_a_second, terms.waits)
    return 1 + asked + ceil(rows / terms.page_rows) + 1
