"""Limits of webhooks. A setting may not change them: they bound what one receiver can cost the
others.
"""

from datetime import timedelta
from typing import Final

MOST_WEBHOOKS: Final = 100
"""Of one org. A process delivers all of them side by side, each in a task of its own."""
MOST_HELD: Final = 1_000
"""Changes of one webhook that are held back while others pass. With more the whole webhook waits.
"""
PAGE_CHANGES: Final = 100
"""Changes that are read at once. A process that is killed sends at most so many again."""
FAILURES_OF_A_RECEIVER: Final = 3
"""Records in a row of which nothing was taken: then the receiver fails, not a record."""
MOST_RETRY_AFTER: Final = timedelta(hours=1)
"""A longer `Retry-After` counts as this one."""
LONGEST_WAIT: Final = timedelta(minutes=30)
"""Between two tries of a held change."""
LONGEST_PAUSE: Final = timedelta(minutes=2)
"""Between two tries of a receiver that fails."""
LATE_AFTER: Final = timedelta(minutes=5)
"""Changes that wait longer for no fault of the receiver are a problem."""
FAILING_AFTER: Final = timedelta(minutes=10)
"""So is a receiver that has taken nothing for so long."""
OVERLAP: Final = timedelta(hours=24)
"""Both secrets sign for so long after a rotation, unless it says otherwise."""
LONGEST_OVERLAP: Final = timedelta(days=30)
LONGEST_URL: Final = 2_000
"""Characters."""
