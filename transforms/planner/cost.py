"""The cost of following one object, by events or by queries, and the freshness. Pure arithmetic.

Daily sums decide what is spent; the busiest minute decides how large a window can be, and so how
long reading it takes. Hours of the day are unequal: a window of a quiet hour still costs one
call. Every figure is an upper bound, so that a plan that fits on paper fits in the org.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from schemas.governor import Budget
from schemas.planner import ObjectLoad, Transport
from schemas.salesforce.limits import QUERY_PAGE_MAX

DAY = 86_400
SHORTEST_EVERY = 10
"""Seconds between polls: below it the visibility delay and landing outweigh the interval."""
_STEP = 5
"""Seconds between two intervals: a plan that people read, and that stays through small changes of
a load.
"""
LONGEST_EVERY = 3_600
"""Seconds between polls when nothing better can be paid: 24 polls a day, and a window that one
reading can still carry.
"""

VISIBILITY_DELAY = 5
"""Seconds a query lags the clock; a record may become visible 1-3 s after its commit (reference
threads), doubled to be safe.
"""
LANDING = 10
"""Seconds from the last row read to the curated table: a cut of the batch (4 s), staging, one
commit.
"""
STREAM_FRESHNESS = 10
"""Seconds of a streamed change, from delivery to the curated table: the same landing, without an
interval.
"""

REST_PAGE_SECONDS = 0.5
"""To read and convert one page of 2,000 rows."""
BULK_SECONDS = 15
"""From creating a query job to its first row: the org queues it, and its state is asked for every
few seconds.
"""
BULK_ROWS_PER_SECOND = 5_000
"""At which a job's result is made and read."""
BULK_PAGE_ROWS = 50_000
"""Rows of a result page that clients ask for; the server's own default is of that order."""
BULK_CALLS = 5
"""Of a job beside its result pages: create, three questions about its state, delete."""

Spends = dict[Budget, float]
"""In 24 hours."""


@dataclass(frozen=True)
class Option:
    """One way to poll an object."""

    transport: Transport
    every: int
    """Seconds."""
    freshness: float
    """Seconds, for 95 of 100 changes."""
    spends: Spends

    @property
    def calls(self) -> float:
        return self.spends[Budget.API_CALLS]


def stream_spends(load: ObjectLoad) -> Spends:
    """A delivery a change. Merged events make it less, but nobody promises them."""
    return {Budget.DELIVERED_EVENTS: load.changes_per_day, Budget.STREAMING_CLIENTS: 1}


def rest_option(load: ObjectLoad, every: int) -> Option:
    """Polling by REST queries."""
    pages = _pages(_window_rows(load, every), QUERY_PAGE_MAX)
    freshness = every + VISIBILITY_DELAY + REST_PAGE_SECONDS * pages + LANDING
    calls = _sum_of_pages(load, every, QUERY_PAGE_MAX)
    return Option(Transport.REST, every, freshness, {Budget.API_CALLS: calls})


def bulk_option(load: ObjectLoad, every: int) -> Option:
    """Polling by Bulk API 2.0 query jobs."""
    reading = BULK_SECONDS + _window_rows(load, every) / BULK_ROWS_PER_SECOND
    jobs = DAY / every
    spends = {
        Budget.API_CALLS: jobs * BULK_CALLS + _sum_of_pages(load, every, BULK_PAGE_ROWS),
        Budget.BULK_QUERY_JOBS: jobs,
        Budget.BULK_QUERY_BYTES: load.changes_per_day * load.bytes_per_row,
    }
    return Option(Transport.BULK, every, every + VISIBILITY_DELAY + reading + LANDING, spends)


def longest_rest(load: ObjectLoad, freshness: float) -> Option | None:
    """REST at the longest interval that keeps `freshness` (seconds); None when no interval does."""
    pages_a_second = load.changes_per_minute / 60 / QUERY_PAGE_MAX
    slope = REST_PAGE_SECONDS * pages_a_second
    if slope >= 1:
        return None  # rows come faster than they are read
    room = freshness - VISIBILITY_DELAY - LANDING
    upper = min(room - REST_PAGE_SECONDS, room / (1 + slope))
    return _longest(lambda every: rest_option(load, every), upper, freshness)


def longest_bulk(load: ObjectLoad, freshness: float) -> Option | None:
    """Bulk at the longest interval that keeps `freshness` (seconds); None when no interval does."""
    slope = load.changes_per_minute / 60 / BULK_ROWS_PER_SECOND
    upper = (freshness - VISIBILITY_DELAY - LANDING - BULK_SECONDS) / (1 + slope)
    found = _longest(lambda every: bulk_option(load, every), upper, freshness)
    # A job must be read before the next window is due; a shorter interval helps less.
    if found is None or BULK_SECONDS + slope * found.every > found.every:
        return None
    return found


def _longest(option: Callable[[int], Option], upper: float, freshness: float) -> Option | None:
    every = _even(min(upper, LONGEST_EVERY))
    while every >= SHORTEST_EVERY:
        found = option(every)
        if found.freshness <= freshness:
            return found
        every -= _STEP
    return None


def _even(seconds: float) -> int:
    return math.floor(seconds / _STEP) * _STEP


def _window_rows(load: ObjectLoad, every: float) -> float:
    return load.changes_per_minute * every / 60


def _pages(rows: float, page: int) -> int:
    return max(1, math.ceil(rows / page))


def _sum_of_pages(load: ObjectLoad, every: float, page: int) -> float:
    """At most: no window has more pages than the busiest, and none wastes more than one."""
    windows = DAY / every
    return min(windows * _pages(_window_rows(load, every), page), windows + load.changes_per_day / page)
