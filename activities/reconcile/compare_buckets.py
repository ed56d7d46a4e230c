"""ask_buckets, compare_buckets: aggregates of the org, then of the warehouse, and which buckets are
not the same.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import pyarrow as pa
from temporalio import activity

from activities.reconcile.compare_digests import clock_ends, kept_ids
from activities.runtime.heartbeat import heartbeating
from clients.salesforce.bucket_query import RANGES_A_CALL, Answer, BucketQuery
from clients.salesforce.call_count import counting_calls
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import VISIBILITY_DELAY
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import reconcile as sql
from clients.warehouse.sql.apply import RECORD_LIST
from schemas import names
from schemas.catalogue import Catalogue, FieldType, ObjectSpec
from schemas.ids import reconcile_key
from schemas.ingest.positions import SECOND_MS, epoch_ms
from schemas.reconcile import Grain, Range
from schemas.reconcile_steps import AskBucketsInput, AskedBuckets, DifferingBuckets
from schemas.salesforce.limits import COLLECTION_RETRIEVE_MAX
from schemas.tables import Column, field_column
from transforms.reconcile.bucket_moves import add_moves
from transforms.reconcile.buckets import Bucket, Explained, Moving, explain
from transforms.reconcile.compare_rows import COMMIT_LAG_MS

MOVES_AT_ONCE = 20_000
"""Records whose changes are read at once."""
_NUMBERS = frozenset({FieldType.INT, FieldType.DOUBLE, FieldType.PERCENT, FieldType.CURRENCY})


def summed_fields(spec: ObjectSpec) -> tuple[str, ...]:
    """The numeric fields. Not amounts of an org with several currencies, which SUM() converts into
    one of them.
    """
    left_out = {FieldType.CURRENCY} if "CurrencyIsoCode" in spec.fields else set()
    return tuple(
        name
        for name in spec.read_fields
        if spec.fields[name].type in _NUMBERS - left_out and not spec.fields[name].is_protected
    )


@dataclass
class BucketLooks:
    """The activities and what they need; one for a process."""

    org: OrgHttp
    warehouse: Warehouse
    store: ObjectStore
    catalogue: Catalogue
    visibility_delay: timedelta = VISIBILITY_DELAY

    @activity.defn(name=names.ASK_BUCKETS)
    async def ask_buckets(self, request: AskBucketsInput) -> AskedBuckets:
        """Ask the org, and keep its answers."""
        spec = self.catalogue.object(request.object)
        answers: list[Answer] = []
        # An earlier attempt's calls were made, too.
        told = activity.info().heartbeat_details
        before = int(told[0]) if told else 0
        with counting_calls() as count:
            async with heartbeating(lambda: (str(before + count.calls),)):
                try:
                    query = BucketQuery(self.org, spec, summed_fields(spec))
                    async for answer in query.ask(request.ranges, request.grain):
                        answers.append(answer)
                finally:
                    activity.heartbeat(str(before + count.calls))
        key = reconcile_key(request.org, request.object, request.run, f"buckets-{request.number}.json")
        await asyncio.to_thread(self.store.put, key, _written(answers, request.grain))
        records = sum(bucket.count for answer in answers for bucket in answer.buckets.values())
        asked_at = min(answer.asked_from for answer in answers)
        return AskedBuckets(key=key, records=records, calls=before + count.calls, asked_at=asked_at)

    @activity.defn(name=names.COMPARE_BUCKETS)
    async def compare_buckets(self, request: AskBucketsInput) -> DifferingBuckets:
        """Hold the kept answers against the warehouse, as it was when the org was asked."""
        async with heartbeating():
            return await asyncio.to_thread(self._compare, request)

    def _compare(self, request: AskBucketsInput) -> DifferingBuckets:
        spec = self.catalogue.object(request.object)
        key = reconcile_key(request.org, request.object, request.run, f"buckets-{request.number}.json")
        answers = _read(self.store.get(key))
        explained, doubtful = [], _Doubtful()
        with self.warehouse.reading() as reading:
            for answer in answers:
                explained.append(self._explain(reading, spec, answer, request.grain))
            if request.grain is Grain.DAY and answers:
                doubtful = _Doubtful.find(reading, spec, max(answer.asked_to for answer in answers))
        seconds = request.grain.seconds
        differing = sorted(bucket for each in explained for bucket in each.differing)
        return DifferingBuckets(
            ranges=joined(differing, seconds, request.ranges),
            buckets=sum(each.buckets for each in explained),
            differing=len(differing),
            rows=sum(each.rows for each in explained),
            org_records=sum(bucket.count for answer in answers for bucket in answer.buckets.values()),
            warehouse_records=sum(each.records for each in explained),
            in_flight=sum(each.in_flight for each in explained),
            ahead=len(doubtful.ahead),
            ahead_key=kept_ids(self.store, request.org, doubtful.ahead),
            isolated=doubtful.isolated,
            isolated_key=kept_ids(self.store, request.org, doubtful.isolated_ids),
        )

    def _explain(self, reading: Transaction, spec: ObjectSpec, answer: Answer, grain: Grain) -> Explained:
        # Those that were asked for: the catalogue's may be others by now.
        numbers = [field_column(spec.columns[name], spec.fields[name]) for name in answer.numbers]
        # Modstamps may precede their commits, and snapshots stand at the end of their second: the
        # seconds before count as open.
        delay = self.visibility_delay + timedelta(milliseconds=COMMIT_LAG_MS)
        begins = answer.asked_from - delay
        bounds = [moment for each in answer.ranges for moment in each.bounds]
        statement = sql.sum_buckets(spec, numbers, grain.seconds, len(answer.ranges))
        still = {
            int(row[0]): Bucket(int(row[1]), int(row[2]), tuple(float(each or 0) for each in row[3:]))
            for row in reading.fetch(statement, [begins, *bounds])
        }
        return explain(
            answer.buckets,
            still,
            self._moving(reading, spec, numbers, answer, begins, grain),
            from_ms=epoch_ms(begins),
            to_ms=epoch_ms(answer.asked_to) + SECOND_MS,
            unknown=_unknown_sums(reading, spec, numbers, answer, grain),
        )

    def _moving(
        self,
        reading: Transaction,
        spec: ObjectSpec,
        numbers: Sequence[Column],
        answer: Answer,
        begins: datetime,
        grain: Grain,
    ) -> Moving:
        moving = Moving()
        ids = [row[0] for row in reading.fetch(sql.find_moving(spec), [begins])]
        columns = ["last_modified_date", *(column.name for column in numbers)]
        for first in range(0, len(ids), MOVES_AT_ONCE):
            some = pa.table({"record_id": pa.array(ids[first : first + MOVES_AT_ONCE], pa.large_string())})
            reading.stage(sql.NAMED, RECORD_LIST, some)
            add_moves(
                moving,
                reading.fetch(sql.read_moves(spec, numbers)),
                columns,
                since_ms=epoch_ms(begins),
                grain=grain,
                ranges=answer.ranges,
            )
        return moving


@dataclass(frozen=True)
class _Doubtful:
    """Records that aggregates tell nothing of, and that the warehouse knows itself."""

    ahead: list[str] = field(default_factory=list)
    """Records whose last change lies ahead of the clock: the log is summed up as of the org's
    answer, so their buckets may look equal.
    """
    isolated: int = 0
    isolated_ids: list[str] = field(default_factory=list)
    """Records with isolated fields, when one call reads them: the value may fit by now, without a
    change in the org.
    """

    @classmethod
    def find(cls, reading: Transaction, spec: ObjectSpec, as_of: datetime) -> "_Doubtful":
        ahead = [row[0] for row in reading.fetch(sql.find_ahead(spec), [clock_ends(as_of)])]
        ((isolated,),) = reading.fetch(sql.count_isolated(spec))
        ids = []
        if 0 < isolated <= COLLECTION_RETRIEVE_MAX:
            ids = [row[0] for row in reading.fetch(sql.find_isolated(spec, COLLECTION_RETRIEVE_MAX))]
        return cls(ahead, int(isolated), ids)


def _unknown_sums(
    reading: Transaction, spec: ObjectSpec, numbers: Sequence[Column], answer: Answer, grain: Grain
) -> dict[int, frozenset[int]]:
    """By bucket, the places of the sums that miss an isolated number: their difference says
    nothing.
    """
    places = {column.name: place for place, column in enumerate(numbers)}
    bounds = [moment for each in answer.ranges for moment in each.bounds]
    statement = sql.find_unknown_by_bucket(spec, grain.seconds, len(answer.ranges))
    found: dict[int, frozenset[int]] = {}
    for bucket, columns in reading.fetch(statement, bounds):
        if bucket is not None:
            unknown = frozenset(places[name] for name in columns.split(",") if name in places)
            found[int(bucket)] = found.get(int(bucket), frozenset()) | unknown
    return found


def joined(buckets: Sequence[int], seconds: int, within: Sequence[Range]) -> tuple[Range, ...]:
    """Buckets as ranges, none beyond `within`: adjacent ones as one, and so many at most as one
    query can name.

    Where there are more, those with the smallest gaps between them become one, and what lies
    between is looked at for nothing.
    """
    buckets = _bridged(buckets)
    ends = [place for place, (one, other) in enumerate(pairwise(buckets), start=1) if other != one + 1]
    found = []
    for first, last in pairwise([0, *ends, len(buckets)]):
        if first == last:
            continue
        since = datetime.fromtimestamp(buckets[first] * seconds, UTC)
        until = datetime.fromtimestamp((buckets[last - 1] + 1) * seconds, UTC)
        for each in within:
            low, high = max(since, each.since or since), min(until, each.until or until)
            if low < high:
                found.append(Range(since=low, until=high))
    return tuple(found)


def _bridged(buckets: Sequence[int]) -> list[int]:
    """The buckets, and those in the smallest gaps, until there are few enough stretches."""
    gaps = sorted((other - one, one) for one, other in pairwise(buckets) if other > one + 1)
    filled = gaps[: max(0, len(gaps) + 1 - RANGES_A_CALL)]
    between = {number for gap, one in filled for number in range(one + 1, one + gap)}
    return sorted({*buckets, *between})


def _written(answers: Sequence[Answer], grain: Grain) -> bytes:
    kept: list[dict[str, Any]] = [
        {
            "grain": grain,
            "ranges": [each.model_dump(mode="json") for each in answer.ranges],
            "asked_from": answer.asked_from.isoformat(),
            "asked_to": answer.asked_to.isoformat(),
            "numbers": answer.numbers,
            "buckets": [[number, *asdict(bucket).values()] for number, bucket in answer.buckets.items()],
        }
        for answer in answers
    ]
    return orjson.dumps(kept)


def _read(body: bytes) -> list[Answer]:
    return [
        Answer(
            ranges=tuple(Range.model_validate(each) for each in kept["ranges"]),
            asked_from=datetime.fromisoformat(kept["asked_from"]),
            asked_to=datetime.fromisoformat(kept["asked_to"]),
            numbers=tuple(kept["numbers"]),
            buckets={row[0]: Bucket(row[1], row[2], tuple(row[3])) for row in kept["buckets"]},
        )
        for kept in orjson.loads(body)
    ]
