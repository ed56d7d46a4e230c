"""The day's results: refusals, freshness, tokens by class, and the accuracy of the forecasts."""

import asyncio
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import httpx

from schemas.governor import Budget, LeaseClass
from transforms.governor.forecast import forecast
from transforms.governor.ledger import BudgetLedger

APPLY_SECONDS = 6.0
"""From received to curated: what `tidegate demo` measures for 95 of 100 changes at the peak rate;
not part of this simulation.
"""
AHEAD_HOURS = 6


@dataclass
class Record:
    """Filled by everybody who takes part."""

    refused: Counter[str] = field(default_factory=Counter)
    """The org's refusals, by their words."""
    ages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Object -> seconds from commit to curated, of every row or event."""
    asked: dict[LeaseClass, float] = field(default_factory=lambda: defaultdict(float))
    """Class -> calls that it had reason to make."""
    made: Counter[LeaseClass] = field(default_factory=Counter)
    waited: Counter[str] = field(default_factory=Counter)
    forecasts: list[tuple[float, float]] = field(default_factory=list)
    """When it is for, and the `used` that was expected."""
    errors: list[float] = field(default_factory=list)
    """Forecast and truth, as a fraction of the truth."""
    plans: list[str] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    used: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Meter -> what was counted over the last 24 hours of the day, and its maximum."""

    def came(self, name: str, committed: float, now: float, count: int = 1) -> None:
        """A change is here."""
        self.ages[name].extend([now - committed + APPLY_SECONDS] * count)

    def look_ahead(self, books: BudgetLedger, now: float) -> None:
        """Note what is expected six hours from now."""
        found = forecast(books.books[Budget.API_CALLS], books.terms, now)
        if len(found.expected) >= AHEAD_HOURS:
            expected = found.expected[AHEAD_HOURS - 1]
            self.forecasts.append((expected.at.timestamp(), float(expected.used)))

    def compare(self, used: int, now: float) -> None:
        """Hold the forecasts that were made for now against the truth."""
        due = [each for each in self.forecasts if each[0] <= now]
        self.forecasts = [each for each in self.forecasts if each[0] > now]
        self.errors += [abs(expected - used) / used for _, expected in due if used]


def share(values: list[float], part: float) -> float:
    """A quantile; NaN of nothing."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, math.floor(len(ranked) * part))] if ranked else math.nan


REFUSALS = ("REQUEST_LIMIT_EXCEEDED", "LIMIT_EXCEEDED", "EXCEEDED_QUOTA")


class WatchedOrg(httpx.AsyncBaseTransport):
    """The org's application without sockets, with the time that a call takes, and every refusal
    noted.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, record: Record, seconds: float) -> None:
        self._inner = inner
        self._record = record
        self._seconds = seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on, later."""
        await asyncio.sleep(self._seconds)
        response = await self._inner.handle_async_request(request)
        if response.status_code >= httpx.codes.BAD_REQUEST:
            body = await response.aread()
            code = next((each for each in REFUSALS if each.encode() in body), None)
            if code is not None:
                self._record.refused[code] += 1
        return response
