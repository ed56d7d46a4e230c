"""Cut a span of time into slices of about so many rows."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime


def slices(
    counts: Iterable[tuple[int, int]], *, begin: datetime, end: datetime, most: int
) -> Iterator[tuple[datetime, datetime, int]]:
    """Begin, end and rows of each slice; together they are the span, without its empty end.

    Args:
        counts: Second since the epoch and its rows, in order.
        begin: Of the span.
        end: Of the span.
        most: Rows of a slice. A second that has more is a slice of its own.
    """
    since, rows = begin, 0
    for second, count in counts:
        if rows and rows + count > most:
            until = max(begin, datetime.fromtimestamp(second, UTC))
            yield since, until, rows
            since, rows = until, 0
        rows += count
    if rows:
        yield since, end, rows
