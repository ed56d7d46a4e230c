"""From when on the change log can have a change: bounds of reads of the log.

Redshift keeps the log in the order of `applied_at`, so a bound lets it skip the blocks of years.
"""

from datetime import UTC, datetime, timedelta

CLOCK_ROOM = timedelta(days=1)
"""A change is applied no earlier than its commit time less this: clocks differ by seconds."""


_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def logged_since(earliest: datetime, now: datetime, *, latest: datetime | None = None) -> datetime:
    """The earliest time at which changes can have been applied.

    A change that lies ahead of the clock may have been applied at any time: releases that did not
    look at the clock took such changes. For those there is no bound.

    Args:
        earliest: The earliest commit time of the changes. It may lie ahead of `now`.
        now: The time by our clock.
        latest: The latest commit time; None = the changes are no later than `now`.
    """
    if latest is not None and latest > now + CLOCK_ROOM:
        return _ALWAYS
    return min(earliest, now) - CLOCK_ROOM
