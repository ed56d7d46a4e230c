"""Objects of 800 fields against the org: every way of reading them works, costs one call a page,
and no address is too long.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients.salesforce.bucket_query import BucketQuery
from clients.salesforce.bulk.query import BulkQuery
from clients.salesforce.call_count import counting_calls
from clients.salesforce.digest_query import FactQuery, Position
from clients.salesforce.http import OrgHttp
from clients.salesforce.polling import PolledSource
from clients.salesforce.records_by_external_id import RecordsByKey
from clients.salesforce.records_by_id import RecordsById
from clients.salesforce.request import Call
from clients.salesforce.soql_requests import SoqlCalls
from sandbox.org.faults.faults import FaultRule
from schemas.catalogue import Catalogue, FieldType, ObjectSpec
from schemas.errors import CallTooSlowError, SchemaChangedError
from schemas.governor import LeaseClass
from schemas.ingest.positions import PolledPosition, PolledRow
from schemas.reconcile import Grain, Range
from schemas.salesforce.limits import QUERY_ADDRESS_MAX_BYTES, URI_MAX_BYTES
from tests.support.builders.bus import protector
from tests.support.builders.wide import WIDE, make_wide, wide_catalogue, wide_spec
from tests.support.engines.served_org import ServedOrg, served_org
from transforms.reconcile.row_digests import OrgValues

FIELDS, CHARACTERS = 800, 60
IDS_PAST_A_PAGE = 450


@pytest.fixture
def catalogue_file(tmp_path: Path) -> Path:
    return wide_catalogue(tmp_path, FIELDS, CHARACTERS)


@pytest.fixture
def catalogue(catalogue_file: Path) -> Catalogue:
    return wide_spec(catalogue_file)[0]


@pytest.fixture
def spec(catalogue: Catalogue) -> ObjectSpec:
    return catalogue.object(WIDE)


@pytest.fixture
async def served(tmp_path: Path, catalogue_file: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path / "org", catalogue_file) as found:
        await found.http.read(Call("GET", f"{found.http.data_path}/limits", LeaseClass.POLLING))
        found.calls()
        yield found


def source(served: ServedOrg, spec: ObjectSpec, **terms: Any) -> PolledSource:
    bulk = BulkQuery(served.http, LeaseClass.POLLING, page_rows=20, waits=(0.01, 0.05))
    return PolledSource(served.http, spec, bulk=bulk, **terms)


async def later(served: ServedOrg) -> None:
    """Let the org's time pass, and hear of it."""
    served.org.advance_clock(10)
    await served.http.read(Call("GET", f"{served.http.data_path}/limits", LeaseClass.POLLING))
    served.calls()


async def read(polled: PolledSource, after: PolledPosition) -> list[PolledRow]:
    end = await polled.horizon_ms()
    async with aclosing(polled.read(after, end)) as pages:
        return [row async for rows in pages for row in rows]


async def test_both_apis_bring_the_same_rows_of_800_fields(served: ServedOrg, spec: ObjectSpec) -> None:
    after = PolledPosition(served.org.clock.now().second_ms)
    made = make_wide(served.org, 50)
    await later(served)
    by_rest = await read(source(served, spec), after)
    assert served.calls() == ["POST /composite"]
    assert [row.record_id for row in by_rest] == made
    assert all(len(row.fields) > FIELDS for row in by_rest)
    by_bulk = await read(source(served, spec, bulk_from_pages=-1_000_000), after)
    assert "POST /composite" not in served.calls()
    assert by_bulk == by_rest


async def test_a_poll_of_800_fields_is_one_call_by_the_orgs_count_and_by_ours(
    served: ServedOrg, spec: ObjectSpec
) -> None:
    after = PolledPosition(served.org.clock.now().second_ms)
    make_wide(served.org, 5)
    await later(served)
    before = served.org.meters.api_calls.used
    with counting_calls() as count:
        assert len(await read(source(served, spec), after)) == 5
    assert (served.org.meters.api_calls.used - before, count.calls) == (1, 1)


async def test_small_pages_of_a_wide_object_are_followed_to_the_end(
    served: ServedOrg, spec: ObjectSpec
) -> None:
    served.org.dials.queries.page_rows = 40
    after = PolledPosition(served.org.clock.now().second_ms)
    made = make_wide(served.org, 100)
    await later(served)
    assert [row.record_id for row in await read(source(served, spec), after)] == made
    assert served.calls() == ["POST /composite"] * 3


async def test_live_and_binned_records_are_two_calls_and_nothing_is_taken_for_gone(
    served: ServedOrg, spec: ObjectSpec
) -> None:
    made = make_wide(served.org, IDS_PAST_A_PAGE + 50, every=40)
    binned, live = made[:IDS_PAST_A_PAGE], made[IDS_PAST_A_PAGE:]
    with served.org.transaction() as tx:
        for record_id in binned:
            tx.delete(WIDE, record_id)
    gone = "a0WTg0000000ZZZIAA"
    found = await RecordsById(served.http, spec, LeaseClass.REPAIR).read([*made, gone])
    assert {row["Id"] for row in found.records if row["IsDeleted"]} == set(binned)
    assert {row["Id"] for row in found.records if not row["IsDeleted"]} == set(live)
    assert found.gone == [gone]
    assert served.calls() == [f"POST /composite/sobjects/{WIDE}", "POST /composite"]


async def test_binned_records_of_pages_that_the_org_cuts_short_are_not_gone(
    served: ServedOrg, spec: ObjectSpec
) -> None:
    made = make_wide(served.org, 60, every=40)
    with served.org.transaction() as tx:
        for record_id in made:
            tx.delete(WIDE, record_id)
    served.org.dials.queries.page_rows = 25
    found = await RecordsById(served.http, spec, LeaseClass.REPAIR).read(made)
    assert (len(found.records), found.gone) == (60, [])


async def test_ids_whose_records_are_too_much_for_a_call_are_asked_for_in_halves(
    served: ServedOrg, spec: ObjectSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_wide(served.org, 8)
    slow = FaultRule(
        point="http", kind="status", status=400, code="QUERY_TIMEOUT", match="/composite/sobjects", times=3
    )
    served.org.faults.add(slow)
    found = await RecordsById(served.http, spec, LeaseClass.REPAIR).read(made)
    assert [row["Id"] for row in found.records] == made
    served.org.faults.add(slow.model_copy(update={"times": None}))
    with pytest.raises(CallTooSlowError):
        await RecordsById(served.http, spec, LeaseClass.REPAIR).read(made)


async def test_a_thousand_external_ids_of_a_wide_object_are_found(
    served: ServedOrg, spec: ObjectSpec
) -> None:
    made = make_wide(served.org, 1_000, every=200)
    keys = [f"W-{number:04d}" for number in range(1_000)]
    found = await RecordsByKey(served.http).read(spec, "ExternalId__c", keys, tuple(spec.fields))
    assert [found[key].record_id for key in keys] == made
    assert served.calls() == ["POST /composite"]


async def test_facts_of_all_fields_are_the_same_by_either_api(
    served: ServedOrg, spec: ObjectSpec, catalogue: Catalogue
) -> None:
    make_wide(served.org, 30)
    fields = tuple(spec.fields)
    query = FactQuery(served.http, spec, OrgValues(spec, fields, protector(catalogue), {}), fields)
    by_rest = await query.page((Range(),), Position())
    assert served.calls() == ["POST /composite"]
    query.terms = query.terms.__class__(job_from_rows=0, waits=(0.05, 0.2))
    by_bulk = await query.page((Range(),), await query.begin((Range(),), 30))
    columns = ["id", "stamp", "digest"]
    assert len(by_rest.table) == 30
    assert by_bulk.table.sort_by("id").select(columns) == by_rest.table.sort_by("id").select(columns)


async def test_sums_of_hundreds_of_numbers_are_one_call(served: ServedOrg, spec: ObjectSpec) -> None:
    made = make_wide(served.org, 10)
    kinds = (FieldType.DOUBLE, FieldType.INT, FieldType.CURRENCY)
    numbers = [name for name, field in spec.fields.items() if field.type in kinds]
    answers = [answer async for answer in BucketQuery(served.http, spec, numbers).ask([Range()], Grain.DAY)]
    assert len(numbers) == 3 * FIELDS // 8
    assert [bucket.count for answer in answers for bucket in answer.buckets.values()] == [len(made)]
    assert answers[0].numbers == tuple(numbers), "the sums are in the answer"
    assert served.calls() == ["POST /composite"]


async def test_a_field_that_is_gone_asks_for_a_check_whichever_way_the_query_went(
    served: ServedOrg, spec: ObjectSpec
) -> None:
    told = []
    for padding in ("", ", ".join(spec.fields)):
        soql = f"SELECT Id, {padding + ', ' if padding else ''}Gone__c FROM {WIDE}"
        with pytest.raises(SchemaChangedError) as caught:
            await SoqlCalls(served.http, LeaseClass.POLLING).ask(soql)
        told.append(str(caught.value))
    assert [call.partition("?")[0] for call in served.calls()] == ["GET /queryAll", "POST /composite"]
    assert all(f"GET {served.http.data_path}/queryAll" in each for each in told)


async def test_a_page_size_that_is_asked_for_inside_a_call_holds(served: ServedOrg) -> None:
    make_wide(served.org, 700, every=400)
    inside = {"method": "GET", "referenceId": "q", "httpHeaders": {"Sforce-Query-Options": "batchSize=300"}}
    inside["url"] = served.http.address("/query", {"q": f"SELECT Id FROM {WIDE}"})
    path, body = f"{served.http.data_path}/composite", {"compositeRequest": [inside]}
    answer = await served.http.read(Call("POST", path, LeaseClass.POLLING, body=body))
    page = answer.json()["compositeResponse"][0]["body"]
    assert (len(page["records"]), page["totalSize"]) == (300, 700)
    following = await served.http.read(Call("GET", page["nextRecordsUrl"], LeaseClass.POLLING))
    assert len(following.json()["records"]) == 300


class ShortAddresses(httpx.AsyncHTTPTransport):
    """A gateway on the way that takes less than the org does, and says so with a page of its
    own.
    """

    most = 1_000

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if len(request.url.raw_path) > self.most:
            return httpx.Response(414, html="<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>")
        return await super().handle_async_request(request)


async def test_a_gateway_that_takes_shorter_addresses_costs_one_call_once(
    served: ServedOrg, spec: ObjectSpec
) -> None:
    make_wide(served.org, 3)
    soql = f"SELECT {', '.join(list(spec.fields)[:60])} FROM {WIDE}"
    assert 1_000 < len(served.http.address("/queryAll", {"q": soql})) < QUERY_ADDRESS_MAX_BYTES
    async with OrgHttp(served.sessions, served.leases, transport=ShortAddresses()) as http:
        calls = SoqlCalls(http, LeaseClass.POLLING)
        for _ in range(3):
            assert (await calls.ask(soql))["totalSize"] == 3
    assert served.calls() == ["POST /composite"] * 3


async def test_a_direct_query_that_long_is_refused_by_the_org(served: ServedOrg, spec: ObjectSpec) -> None:
    """Proof that the mechanism is needed: without it these tests would show nothing."""
    address = served.http.address("/queryAll", {"q": f"SELECT {', '.join(spec.fields)} FROM {WIDE}"})
    assert len(address) > 2 * URI_MAX_BYTES
    async with httpx.AsyncClient() as client:
        session = await served.sessions.session()
        answer = await client.get(
            f"{session.instance_url}{address}", headers={"Authorization": f"Bearer {session.access_token}"}
        )
    assert answer.status_code == 414
