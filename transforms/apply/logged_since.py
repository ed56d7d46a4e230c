"""From when on the change log can have a change: bounds of reads of the log.

Redshift keeps the log in the order of `applied_at`, so a bound lets it skip the blocks of years.
"""

from datetime import datetime, timedelta

CLOCK_ROOM = timedelta(days=1)
"""A change is applied no earlier than its commit time less this: clocks differ by seconds."""


def logged_since(changed_at: datetime, now: datetime) -> datetime:
    """The earliest time at which a change of this commit time, or of a later one, can have been
    applied.

    `changed_at` may lie ahead of `now`.
    """
    return min(changed_at, now) - CLOCK_ROOM
