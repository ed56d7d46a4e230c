"""Aggregates by bucket as an org answers them, too many for one answer, too, and fields that it
does not add up.
"""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clients.salesforce.bucket_query import BucketAnswer, BucketQuery
from clients.salesforce.digest_query import FactQuery, Position
from clients.salesforce.request import Call
from sandbox.org.traffic.fill import FillPlan, fill
from schemas.catalogue import default_catalogue
from schemas.reconcile import Grain, Range
from tests.support.engines.served_org import ServedOrg, served_org
from transforms.reconcile.cost import ReconcileCostConfig

SPEC = default_catalogue().object("Account")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path) as served:
        await fill(served.org, FillPlan(object="Account", records=400, days=50))
        await served.http.read(Call("GET", f"{served.http.data_path}/limits", FactQuery.lease_class))
        served.calls()
        yield served


def stored(served: ServedOrg, grain: Grain) -> Counter[int]:
    """Records by bucket, from the org's own table."""
    rows = served.org.store.connection.execute('SELECT LastModifiedDate FROM "Account"').fetchall()
    return Counter(int(datetime.fromisoformat(row[0]).timestamp()) // grain.seconds for row in rows)


async def asked(query: BucketQuery, ranges: list[Range], grain: Grain) -> list[BucketAnswer]:
    return [answer async for answer in query.ask(ranges, grain)]


def counts(answers: list[BucketAnswer]) -> Counter[int]:
    found: Counter[int] = Counter()
    for answer in answers:
        for bucket, total in answer.buckets.items():
            assert bucket not in found, "a bucket is in one answer"
            found[bucket] = total.count
    return found


async def test_an_object_is_one_call_by_day(served: ServedOrg) -> None:
    answers = await asked(
        BucketQuery(served.http, SPEC, ("AnnualRevenue", "RiskScore__c")), [Range()], Grain.DAY
    )
    assert counts(answers) == stored(served, Grain.DAY)
    assert len(served.calls()) == 1
    total = served.org.store.connection.execute('SELECT sum(AnnualRevenue) FROM "Account"').fetchone()[0]
    assert sum(b.sums[0] for each in answers for b in each.buckets.values()) == pytest.approx(total)


async def test_days_that_are_asked_for_by_hour_come_whole(served: ServedOrg) -> None:
    by_day = stored(served, Grain.DAY)
    first = min(by_day) + 3
    since = datetime.fromtimestamp(first * 86_400, UTC)
    days = [Range(since=since, until=since + timedelta(days=2))]
    answers = await asked(BucketQuery(served.http, SPEC, ()), days, Grain.HOUR)
    wanted = {hour: n for hour, n in stored(served, Grain.HOUR).items() if hour // 24 in (first, first + 1)}
    assert counts(answers) == wanted
    assert len(served.calls()) == 1


async def test_more_buckets_than_an_answer_holds_are_asked_for_in_parts(served: ServedOrg) -> None:
    served.org.dials.queries.page_rows = 20
    answers = await asked(BucketQuery(served.http, SPEC, ()), [Range()], Grain.DAY)
    assert counts(answers) == stored(served, Grain.DAY)
    assert len(answers) > 2


async def test_a_field_that_the_org_does_not_add_up_is_left_out(served: ServedOrg) -> None:
    answers = await asked(BucketQuery(served.http, SPEC, ("Name",)), [Range()], Grain.DAY)
    assert counts(answers) == stored(served, Grain.DAY)
    assert [answer.numbers for answer in answers] == [()]


@pytest.mark.parametrize("expected_rows", [10, 1_000_000])
async def test_records_come_once_each_by_either_api(served: ServedOrg, expected_rows: int) -> None:
    served.org.dials.queries.page_rows = 150
    query = FactQuery(served.http, SPEC, terms=ReconcileCostConfig(waits=(0.05,)))
    following: Position | None = await query.begin([Range()], expected_rows)
    found: list[str] = []
    while following is not None:
        page = await query.page([Range()], following)
        found += page.table["id"].to_pylist()
        following = page.following
    rows = served.org.store.connection.execute('SELECT Id FROM "Account"').fetchall()
    assert sorted(found) == sorted(row[0] for row in rows)
