"""The org's meters over the last 24 hours, and the allowance of each.

The counts outlive a restart, because a quota that a crash resets would teach clients the wrong
lesson.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sandbox.org.data.store import Store
from sandbox.org.errors import SalesforceError
from schemas.salesforce.limits import (
    BULK_INGEST_BATCHES,
    BULK_INGEST_ROWS,
    BULK_QUERY_JOBS,
    DAILY_API_REQUESTS,
    DAILY_API_REQUESTS_PER_LICENCE,
    DAILY_DELIVERED_EVENTS,
    HOURLY_PUBLISHED_EVENTS,
    LONG_CALL,
    LONG_CALLS_AT_ONCE,
)

WINDOW_HOURS = 24
_HOUR_SECONDS = 3_600
_SAVE_EVERY_SECONDS = 1.0


class RollingCount:
    """A count over the last hours, in buckets of one.

    Args:
        store: Where the buckets are kept.
        name: Of the buckets in the store.
        maximum: What is allowed; a test or the control plane may set another.
        clock: Seconds since the epoch.
        refusal: What `count` raises beyond the maximum.
        hours: How many are counted, the present one included.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        maximum: int,
        clock: Callable[[], float],
        refusal: SalesforceError,
        hours: int = WINDOW_HOURS,
    ) -> None:
        self._hours = hours
        self._store = store
        self._name = name
        self._clock = clock
        self._refusal = refusal
        self._saved_at = 0.0
        hour = self._hour()
        self._buckets = {past: store.meta(f"{name}_{past}", 0) for past in self._window(hour)}
        self.maximum = maximum
        self.refused = 0
        """Times that the maximum refused something since the org's start."""

    @property
    def used(self) -> int:
        """The count of the last 24 h (by whole hours)."""
        return sum(self._buckets.get(hour, 0) for hour in self._window(self._hour()))

    @property
    def left(self) -> int:
        return self.maximum - self.used

    def count(self, amount: int = 1) -> None:
        """Count; raises the refusal when that would go beyond the maximum, and then counts
        nothing.
        """
        if self.used + amount > self.maximum:
            self.refused += 1
            raise SalesforceError(self._refusal.code, self._refusal.message, self._refusal.status)
        self.add(amount)

    def add(self, amount: int) -> None:
        """Count, whatever the maximum."""
        hour = self._hour()
        if hour not in self._buckets:
            self._buckets = {past: self._buckets.get(past, 0) for past in self._window(hour)}
        self._buckets[hour] += amount
        if self._clock() - self._saved_at >= _SAVE_EVERY_SECONDS:
            self._save(hour)

    def set_used(self, amount: int) -> None:
        """Pretend that so much was counted in the last 24 h: by other teams, as it were."""
        hour = self._hour()
        for past in self._buckets:
            self._store.set_meta(f"{self._name}_{past}", 0)
        self._buckets = dict.fromkeys(self._window(hour), 0) | {hour: amount}
        self._save(hour)

    def _save(self, hour: int) -> None:
        self._saved_at = self._clock()
        self._store.set_meta(f"{self._name}_{hour}", self._buckets[hour])

    def _hour(self) -> int:
        return int(self._clock() // _HOUR_SECONDS)

    def _window(self, hour: int) -> range:
        return range(hour - self._hours + 1, hour + 1)


class LongCalls:
    """How many API calls have been under way for so long that they count against the concurrency
    limit.

    A call is refused when it arrives, never later (Salesforce Developer Limits, "Concurrent API
    Requests").
    """

    def __init__(self, edition: str, *, seconds: float = LONG_CALL.total_seconds()) -> None:
        self._limit = LONG_CALLS_AT_ONCE[edition]
        self.seconds = seconds
        """From how long on a call is a long one; a test may set less."""
        self.held_by_others = 0
        """Long calls that another application has under way all the time."""
        self._began: dict[int, float] = {}
        self._next = 0

    @property
    def now(self) -> int:
        """Long calls at this moment."""
        oldest = time.monotonic() - self.seconds
        return self.held_by_others + sum(began <= oldest for began in self._began.values())

    @contextmanager
    def counted(self, *, is_api: bool) -> Iterator[SalesforceError | None]:
        """Count a call while it is under way; yields the refusal when too many long ones are."""
        if not is_api:
            yield None
        elif self.held_by_others + len(self._began) >= self._limit and self.now >= self._limit:
            message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
            yield SalesforceError("REQUEST_LIMIT_EXCEEDED", message, 403)
        else:
            self._next += 1
            mine = self._next
            self._began[mine] = time.monotonic()
            try:
                yield None
            finally:
                del self._began[mine]


class Meters:
    """Every allocation that the org enforces over 24 hours."""

    def __init__(self, store: Store, edition: str, clock: Callable[[], float]) -> None:
        def counted(name: str, maximum: int, code: str, message: str, status: int = 400) -> RollingCount:
            return RollingCount(store, name, maximum, clock, SalesforceError(code, message, status))

        self.api_calls = counted(
            "api_calls",
            _api_requests(store, edition),
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded.",
            403,
        )
        """Every authenticated call, failed ones too; logins and the version list do not count."""
        self.delivered_events = counted(
            "delivered_events",
            DAILY_DELIVERED_EVENTS[edition],
            "LIMIT_EXCEEDED",
            "Organization total events daily limit exceeded",
            403,
        )
        """Events handed out, summed over all subscribers of CometD and Pub/Sub."""
        self.published_events = _published(store, clock)
        """Platform events published in this hour, by whatever API."""
        self.bulk_query_jobs = counted(
            "bulk_query_jobs", BULK_QUERY_JOBS, "LIMIT_EXCEEDED", "Max bulk v2 query jobs per day exceeded"
        )
        self.bulk_batches = counted(
            "bulk_batches", BULK_INGEST_BATCHES, "EXCEEDED_QUOTA", "ApiBatchItems Limit exceeded."
        )
        """Batches of Bulk API 1.0 and of Bulk API 2.0 ingest together."""
        self.bulk_rows = counted(
            "bulk_rows", BULK_INGEST_ROWS, "LIMIT_EXCEEDED", "Max number of records per day exceeded"
        )
        spent = "TotalRequests Limit exceeded."
        most = self.api_calls.maximum
        self.app_calls = counted("app_calls", most, "REQUEST_LIMIT_EXCEEDED", spent, 403)
        """The `api_calls` by the org's own connected app, shown where the dial says so."""
        self.long_calls = LongCalls(edition)

    def by_name(self) -> dict[str, RollingCount]:
        """The meters by their names here."""
        return {name: each for name, each in vars(self).items() if isinstance(each, RollingCount)}


def _api_requests(store: Store, edition: str) -> int:
    """API calls of a day: the edition's, and more for each licence. A licence is an active user."""
    licences = store.connection.execute('SELECT count(*) FROM "User" WHERE IsActive = 1').fetchone()[0]
    return DAILY_API_REQUESTS[edition] + int(licences) * DAILY_API_REQUESTS_PER_LICENCE[edition]


def _published(store: Store, clock: Callable[[], float]) -> RollingCount:
    message = "Organization hourly platform event publishing limit exceeded"
    beyond = SalesforceError("LIMIT_EXCEEDED", message, 403)
    return RollingCount(store, "published_events", HOURLY_PUBLISHED_EVENTS, clock, beyond, hours=1)
