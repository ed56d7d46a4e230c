"""Count an object's rows, and when they were made or changed: by counts alone, which are a call
each.

A count over much data can take longer than a call may; then the span is halved, and each half
counted.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clients.salesforce.http import OrgHttp
from clients.salesforce.request import Call
from clients.salesforce.soql import between
from clients.salesforce.soql_requests import Answer, SoqlCalls
from schemas.backfill import ByTime
from schemas.errors import CallTooSlowError
from schemas.governor import LeaseClass
from transforms.backfill import RowCount

MOST_GROUPS = 2_000
"""Groups of one answer; an aggregate query has no further pages (SOQL and SOSL Reference, "GROUP
BY").
"""
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass
class RowCounts:
    """Counts of one object, records in the recycle bin included where nothing else is said; paid
    for by one class.
    """

    org: OrgHttp
    object: str
    lease_class: LeaseClass

    async def roughly(self) -> int | None:
        """The org's own count, without deleted records, some time old; None when it keeps none of
        this object.

        Never too slow, however many records there are (REST API Developer Guide, "Record
        Count").
        """
        path = f"{self.org.data_path}/limits/recordCount"
        params = {"sObjects": self.object}
        answer = await self.org.read(Call("GET", path, self.lease_class, params=params))
        counts = {entry["name"]: int(entry["count"]) for entry in answer.json()["sObjects"]}
        return counts.get(self.object)

    async def exactly(self, by: ByTime, since: datetime | None, until: datetime | None) -> int:
        """Rows with a time from `since` up to `until` (exclusive); None is no bound. Raises
        `CallTooSlowError`.
        """
        where = between(by, since, until)
        answer = await self._query(f"SELECT COUNT() FROM {self.object}{' WHERE ' if where else ''}{where}")
        return int(answer["totalSize"])

    async def days(self, by: ByTime, since: datetime | None, until: datetime | None) -> list[RowCount]:
        """Rows by day (UTC), the days that have some, in order; a bucket ends where its day
        does.
        """
        first = since or await self._first(by)
        if first is None:
            return []
        last = until or (self.org.time()) + _DAY
        return [bucket async for bucket in self._days(by, first, last)]

    async def hours(self, by: ByTime, day: RowCount) -> list[RowCount]:
        """The rows of a day by hour."""
        groups = await self._groups(f"HOUR_IN_DAY({by})", by, day.since, day.until)
        midnight = _midnight(day.since)
        starts = [(midnight + int(hour) * _HOUR, rows) for hour, rows in groups]
        return [RowCount(start, start + _HOUR, rows) for start, rows in starts]

    async def _days(self, by: ByTime, since: datetime, until: datetime) -> AsyncIterator[RowCount]:
        try:
            groups = await self._groups(f"DAY_ONLY({by})", by, since, until)
        except CallTooSlowError:
            middle = _midnight(since + (until - since) / 2)
            if not since < middle < until:
                raise
            for part in ((since, middle), (middle, until)):
                async for bucket in self._days(by, *part):
                    yield bucket
            return
        after = since
        for day, rows in groups:
            start = datetime.fromisoformat(str(day)).replace(tzinfo=UTC)
            after = start + _DAY
            yield RowCount(max(start, since), after, rows)
        if len(groups) == MOST_GROUPS and after < until:
            async for bucket in self._days(by, after, until):
                yield bucket

    async def _groups(
        self, group: str, by: ByTime, since: datetime, until: datetime
    ) -> list[tuple[str, int]]:
        answer = await self._query(
            f"SELECT {group} place, COUNT(Id) n FROM {self.object} WHERE {between(by, since, until)} "
            f"GROUP BY {group} ORDER BY {group} LIMIT {MOST_GROUPS}"
        )
        return [(str(record["place"]), int(record["n"])) for record in answer["records"]]

    async def _first(self, by: ByTime) -> datetime | None:
        answer = await self._query(f"SELECT {by} FROM {self.object} ORDER BY {by} LIMIT 1")
        return next((datetime.fromisoformat(record[by]) for record in answer["records"]), None)

    async def _query(self, soql: str) -> Answer:
        return await SoqlCalls(self.org, self.lease_class).ask(soql)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
