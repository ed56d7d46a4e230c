"""Aggregates of an object by day or hour: the cheapest question there is, one call for up to 2,000
buckets.

REST alone answers it: Bulk API 2.0 has no GROUP BY (Bulk API 2.0 Developer Guide, "SOQL
Considerations"). Days and hours are those of
UTC, as every function of dates without convertTimezone() takes them (SOQL and SOSL Reference,
"Date Functions").
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from clients.salesforce.http import OrgHttp
from clients.salesforce.soql import between
from clients.salesforce.soql_requests import SoqlCalls
from schemas.catalogue import ObjectSpec
from schemas.errors import CallRefusedError, CallTooSlowError, SchemaChangedError
from schemas.governor import LeaseClass
from schemas.ingest.positions import epoch_ms
from schemas.reconcile import Grain, Range
from transforms.reconcile.buckets import Bucket
from transforms.reconcile.cost import GROUPS_A_CALL

_TOO_MANY = "EXCEEDED_ID_LIMIT"
_NOT_AGGREGATED = frozenset({"MALFORMED_QUERY", "INVALID_FIELD_FOR_INSERT_UPDATE"})
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""No org has records from before."""
RANGES_A_CALL = 60
"""Of one query: their conditions are some 6,000 characters."""


class BucketAnswer(NamedTuple):
    """The org's answers in one call, as of one moment between two of its clock."""

    ranges: tuple[Range, ...]
    asked_from: datetime
    asked_to: datetime
    numbers: tuple[str, ...]
    """Fields whose sums the buckets have, in order."""
    buckets: dict[int, Bucket]


@dataclass
class BucketQuery:
    """Aggregates of one object, paid for by one class."""

    org: OrgHttp
    spec: ObjectSpec
    numbers: Sequence[str]
    """Fields that are summed."""
    lease_class: LeaseClass = LeaseClass.RECONCILIATION

    async def ask(self, ranges: Sequence[Range], grain: Grain) -> AsyncIterator[BucketAnswer]:
        """Answers that cover the ranges; one that is too much for a call is asked for in halves."""
        for some in _portions(ranges, grain):
            async for answer in self._ask(some, grain):
                yield answer

    async def _ask(self, ranges: tuple[Range, ...], grain: Grain) -> AsyncIterator[BucketAnswer]:
        try:
            yield await self._call_with_sums(ranges, grain)
            return
        except CallRefusedError as error:
            if error.error_code != _TOO_MANY:
                raise
        except CallTooSlowError:
            if _is_small(ranges, grain):
                raise
        for half in _halves(ranges, self.org.time()):
            async for answer in self._ask(half, grain):
                yield answer

    async def _call_with_sums(self, ranges: tuple[Range, ...], grain: Grain) -> BucketAnswer:
        """An answer without sums when one of them cannot be had: of a kind that this org does not
        add up, or of a field that is gone.
        """
        try:
            return await self._call(ranges, grain)
        except CallRefusedError as error:
            if error.error_code not in _NOT_AGGREGATED or not self.numbers:
                raise
        except SchemaChangedError:
            if not self.numbers:
                raise
        self.numbers = ()
        return await self._call(ranges, grain)

    async def _call(self, ranges: tuple[Range, ...], grain: Grain) -> BucketAnswer:
        before = await self.org.ask_time(LeaseClass.RECONCILIATION)
        calls = SoqlCalls(self.org, self.lease_class, with_deleted=False, is_long=True)
        records = (await calls.ask(self._text(ranges, grain)))["records"]
        # Its clock tells whole seconds, and never more than it is.
        after = self.org.time() + timedelta(seconds=1)
        buckets = dict(self._bucket(record, grain) for record in records)
        return BucketAnswer(ranges, before, after, tuple(self.numbers), buckets)

    def _text(self, ranges: tuple[Range, ...], grain: Grain) -> str:
        keys = ["DAY_ONLY(LastModifiedDate)"]
        if grain is Grain.HOUR:
            keys.append("HOUR_IN_DAY(LastModifiedDate)")
        sums = "".join(f", SUM({name}) s{place}" for place, name in enumerate(self.numbers))
        named = ", ".join(f"{key} k{place}" for place, key in enumerate(keys))
        where = where_modified(ranges)
        return (
            f"SELECT {named}, COUNT(Id) n, MAX(LastModifiedDate) m{sums} FROM {self.spec.name}"
            f"{f' WHERE {where}' if where else ''} GROUP BY {', '.join(keys)}"
        )

    def _bucket(self, record: dict[str, Any], grain: Grain) -> tuple[int, Bucket]:
        begins = datetime.fromisoformat(record["k0"]).replace(tzinfo=UTC)
        seconds = round(begins.timestamp()) + 3_600 * int(record.get("k1") or 0)
        newest = epoch_ms(record["m"])
        sums = tuple(float(record[f"s{place}"] or 0) for place in range(len(self.numbers)))
        return seconds // grain.seconds, Bucket(int(record["n"]), newest, sums)


def where_modified(ranges: Sequence[Range]) -> str:
    """The condition for records last modified in any of the ranges; empty for all records."""
    bounds = [between("LastModifiedDate", each.since, each.until) for each in ranges]
    return "" if not all(bounds) else " OR ".join(f"({text})" for text in bounds)


def _portions(ranges: Sequence[Range], grain: Grain) -> Iterator[tuple[Range, ...]]:
    """Ranges that one call can answer."""
    some: list[Range] = []
    groups = 0
    for each in ranges:
        count = _groups(each, grain)
        if some and (groups + count > GROUPS_A_CALL or len(some) == RANGES_A_CALL):
            yield tuple(some)
            some, groups = [], 0
        some.append(each)
        groups += count
    if some:
        yield tuple(some)


def _groups(each: Range, grain: Grain) -> int:
    """Groups at most; an open range is taken to be what fills an answer."""
    if each.since is None or each.until is None:
        return GROUPS_A_CALL
    return max(1, -(-round((each.until - each.since).total_seconds()) // grain.seconds))


def _is_small(ranges: tuple[Range, ...], grain: Grain) -> bool:
    return len(ranges) == 1 and _groups(ranges[0], grain) == 1


def _halves(ranges: tuple[Range, ...], now: datetime) -> tuple[tuple[Range, ...], tuple[Range, ...]]:
    if len(ranges) > 1:
        return ranges[: len(ranges) // 2], ranges[len(ranges) // 2 :]
    (whole,) = ranges
    since, until = whole.since or _FIRST, whole.until or now
    # The half of the time that has most of the records is the later one: an open range is cut where
    # it is thick.
    middle = since + (until - since) / 2
    middle = middle.replace(hour=middle.hour, minute=0, second=0, microsecond=0)
    if whole.until is None or until - since > timedelta(days=2):
        middle = middle.replace(hour=0)
    return (Range(since=whole.since, until=middle),), (Range(since=middle, until=whole.until),)
