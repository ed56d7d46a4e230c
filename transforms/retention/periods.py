"""Months of UTC: when one is over, sealed, and out of time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class Month(NamedTuple):
    """A calendar month in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, at: datetime) -> "Month":
        """The month of a time."""
        moment = at.astimezone(UTC)
        return cls(moment.year, moment.month)

    @classmethod
    def parse(cls, text: str) -> "Month":
        """From `2026-11`."""
        year, month = text.split("-")
        return cls(int(year), int(month))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def plus(self, months: int) -> "Month":
        """So many months later."""
        count = self.year * 12 + self.month - 1 + months
        return Month(count // 12, count % 12 + 1)

    @property
    def begin(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment of the next one."""
        return self.plus(1).begin

    def days(self) -> Iterator[tuple[datetime, datetime]]:
        """Begin and end of each of its days."""
        day = self.begin
        while day < self.end:
            yield day, day + timedelta(days=1)
            day += timedelta(days=1)


def sealed_at(month: Month, seal_after: timedelta) -> datetime:
    """When the month is exported."""
    return month.end + seal_after


def leaves_at(month: Month, warehouse_months: int) -> datetime:
    """When its rows leave the warehouse."""
    return month.plus(warehouse_months).end


def expires_at(month: Month, years: int) -> datetime:
    """When its archived files are deleted, and until when they are locked."""
    return month.plus(12 * years).end


def months_before(at: datetime, months: int) -> datetime:
    """So many calendar months before a time; the month's last day where it has no such day."""
    target = Month.of(at).plus(-months)
    last = (target.end - timedelta(days=1)).day
    return at.astimezone(UTC).replace(
        year=target.year, month=target.month, day=min(at.astimezone(UTC).day, last)
    )


def sealed_months(first: datetime, now: datetime, seal_after: timedelta) -> Iterator[Month]:
    """The months from that of a table's first row on that are sealed by now."""
    month = Month.of(first)
    while sealed_at(month, seal_after) <= now:
        yield month
        month = month.plus(1)
