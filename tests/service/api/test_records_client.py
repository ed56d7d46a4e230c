"""The typed client of records, over a socket."""

import asyncio

import pytest

from api.client import RequestRefusedError
from api.records_client import Change, RecordsClient
from clients.warehouse.live_catalogue import LiveCatalogue
from schemas.catalogue import default_catalogue
from tests.support.engines.applied_records import AppliedRecords, changed, record_id
from tests.support.engines.served_api import ServedApi
from transforms.pii import Protector
from workers.security.keys import open_key_ring

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
CASES = [record_id("500", 5_000 + number) for number in range(5)]


@pytest.fixture(scope="module")
def records(api: ServedApi) -> AppliedRecords:
    catalogue = LiveCatalogue.over(default_catalogue(), api.warehouse)
    ring = open_key_ring(api.settings, api.store, api.warehouse, catalogue)
    return AppliedRecords(api.warehouse, api.store, catalogue, Protector(ring, catalogue))


def client(api: ServedApi, caller: str = "records") -> RecordsClient:
    return RecordsClient(str(api.http.base_url), api.tokens[caller])


async def test_a_program_reads_records_in_each_way(api: ServedApi, records: AppliedRecords) -> None:
    def read() -> None:
        account = record_id("001", 50)
        records.apply(*(changed("Case", each, 1, "CREATE", AccountId=account) for each in CASES))
        records.apply(changed("Case", CASES[0], 2, Status="Open", ExternalId__c="E-1"))
        with client(api) as tidegate:
            found = tidegate.record("Case", CASES[0])
            assert found is not None
            assert (found.record.fields["Status"], found.record.version) == ("Open", 2)
            assert found.freshness.applied_at == found.record.applied_at
            assert tidegate.changed_since(found) is found
            records.apply(changed("Case", CASES[0], 3, Status="Closed"))
            assert tidegate.changed_since(found).record.fields["Status"] == "Closed"
            assert tidegate.record("Case", record_id("500", 5_999)) is None
            known = tidegate.record("Case", CASES[0], known_at=found.record.applied_at)
            assert known is not None
            assert known.record.fields["Status"] == "Open"
            named = tidegate.by_external_id("Case", "ExternalId__c", "E-1")
            assert named is not None
            assert named.record.id == CASES[0]
            assert [each.id for each in tidegate.records("Case", {"AccountId": account})] == CASES
            assert len(tidegate.batch("Case", CASES).records) == len(CASES)
            assert [each.version for each in tidegate.history("Case", CASES[0])] == [3, 2, 1]

    await asyncio.to_thread(read)


async def test_a_program_follows_changes_and_goes_on_behind_the_last_one_that_it_took(
    api: ServedApi, records: AppliedRecords
) -> None:
    def follow() -> None:
        with client(api) as tidegate:
            before = list(tidegate.changes("Case", waits=False))
            after = before[-1].cursor if before else ""
            for second in range(10, 16):
                records.apply(changed("Case", CASES[1], second, Status=f"s{second}"))
            taken: list[Change] = []
            for change in tidegate.changes("Case", after=after):
                taken.append(change)
                if len(taken) == 4:
                    break
            taken += tidegate.changes("Case", after=taken[-1].cursor, waits=False)
        assert [each.fields["Status"] for each in taken] == [f"s{second}" for second in range(10, 16)]

    await asyncio.to_thread(follow)


async def test_a_refusal_is_raised_with_its_problem(api: ServedApi) -> None:
    def ask() -> None:
        with client(api, "cases") as tidegate, pytest.raises(RequestRefusedError) as refused:
            tidegate.record("Contact", record_id("003", 1))
        assert refused.value.problem["type"].endswith(":records")

    await asyncio.to_thread(ask)
