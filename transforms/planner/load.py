"""Forecast an object's load in the coming 24 hours, from its past changes. Pure.

The present rate fades into the usual one of the hour of the day within three hours: a surge is
believed for a while, but not for a day. Hours of which nothing is known are taken to go on as at
present.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from schemas.planner import ObjectLoad

RECENT = timedelta(minutes=10)
"""The time over which the present rate is measured."""
KNOWN_DAYS = 7
"""Days that the usual rate of an hour is the mean of."""
BURST = 2.0
"""The busiest minute of an hour, as a multiple of its mean: minutes are not stored."""
_HOUR = 3_600
_DAY = 24
_FADES = 3
"""Hours in which the present rate fades."""


@dataclass(frozen=True)
class Measured:
    """The changes of one object."""

    recent: float = 0.0
    """Changes within `RECENT`."""
    recent_seconds: float = RECENT.total_seconds()
    """The known part of it: less when following began later."""
    hours: Mapping[int, float] | None = None
    """Hour since the epoch -> changes; an hour that is missing had none, from `known_from` on."""
    known_from: float = math.inf
    """Seconds since the epoch; before it nothing is known."""


def expected_load(name: str, measured: Measured, now: float) -> ObjectLoad:
    """The load of the object called `name` in the 24 hours from `now` (seconds since the epoch)."""
    present = measured.recent / max(measured.recent_seconds, 60.0) * _HOUR
    first = int(now // _HOUR)
    rates = [_rate(measured, first + ahead, present) for ahead in range(_DAY)]
    mixed = [
        max(0.0, 1 - ahead / _FADES) * present + min(1.0, ahead / _FADES) * rate
        for ahead, rate in enumerate(rates)
    ]
    busiest = max(present, *rates)
    return ObjectLoad(
        object=name, changes_per_day=sum(mixed), changes_per_minute=busiest * BURST * 60 / _HOUR
    )


def _rate(measured: Measured, hour: int, present: float) -> float:
    """Changes that an hour to come usually has."""
    hours = measured.hours or {}
    days = [hour - back * _DAY for back in range(1, KNOWN_DAYS + 1)]
    known = [day for day in days if day * _HOUR >= measured.known_from]
    return sum(hours.get(day, 0.0) for day in known) / len(known) if known else present
