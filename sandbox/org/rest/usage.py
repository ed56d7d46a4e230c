"""How many API calls the org has taken in the last 24 hours, and how many it may take.

Every authenticated REST call counts, failed ones too; logins and the version list do not. The count outlives a restart, because
a quota that a crash resets would teach clients the wrong lesson.
"""

import time
from collections.abc import Callable

from sandbox.org.errors import SalesforceError
from sandbox.org.store import Store
from schemas.limits import DAILY_API_REQUESTS, DAILY_API_REQUESTS_PER_LICENCE

WINDOW_HOURS = 24
_HOUR_SECONDS = 3_600
_SAVE_EVERY_SECONDS = 1.0


class ApiUsage:
    """The rolling count, in buckets of an hour.

    Args:
        store: Where the buckets are kept.
        edition: Decides the quota, together with the number of active users (each is a licence).
        clock: Seconds since the epoch; tests may replace it.
    """

    def __init__(self, store: Store, edition: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._saved_at = 0.0
        hour = self._hour()
        self._buckets = {past: store.meta(f"api_calls_{past}", 0) for past in self._window(hour)}
        licences = store.connection.execute('SELECT count(*) FROM "User" WHERE IsActive = 1').fetchone()[0]
        self.maximum = DAILY_API_REQUESTS[edition] + licences * DAILY_API_REQUESTS_PER_LICENCE[edition]
        """Calls a rolling 24 h; a test or the control plane may set another."""

    @property
    def used(self) -> int:
        """Calls in the last 24 h (by whole hours)."""
        return sum(self._buckets.get(hour, 0) for hour in self._window(self._hour()))

    @property
    def header(self) -> str:
        """The value of `Sforce-Limit-Info` (REST API Developer Guide, "Limit Info Header")."""
        return f"api-usage={self.used}/{self.maximum}"

    def count(self, calls: int = 1) -> None:
        """Count calls; raises REQUEST_LIMIT_EXCEEDED (403) when the quota is spent, and then counts nothing."""
        if self.used + calls > self.maximum:
            raise SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
        hour = self._hour()
        if hour not in self._buckets:
            self._buckets = {past: self._buckets.get(past, 0) for past in self._window(hour)}
        self._buckets[hour] += calls
        if self._clock() - self._saved_at >= _SAVE_EVERY_SECONDS:
            self._save(hour)

    def set_used(self, calls: int) -> None:
        """Pretend that so many calls were made in the last 24 h: by other teams, as it were."""
        hour = self._hour()
        for past in self._buckets:
            self._store.set_meta(f"api_calls_{past}", 0)
        self._buckets = dict.fromkeys(self._window(hour), 0) | {hour: calls}
        self._save(hour)

    def _save(self, hour: int) -> None:
        self._saved_at = self._clock()
        self._store.set_meta(f"api_calls_{hour}", self._buckets[hour])

    def _hour(self) -> int:
        return int(self._clock() // _HOUR_SECONDS)

    @staticmethod
    def _window(hour: int) -> range:
        return range(hour - WINDOW_HOURS + 1, hour + 1)
