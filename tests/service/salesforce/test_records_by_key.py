"""Records by their external ids: as asked for, as they are, in few calls."""

from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from clients.salesforce.records_by_external_id import RecordsByKey
from sandbox.org.faults.faults import FaultRule
from schemas.catalogue import FieldSpec, FieldType, default_catalogue
from schemas.errors import CallTooSlowError, SchemaChangedError, UnavailableError
from tests.support.engines.served_org import ServedOrg, served_org

KEY = "ExternalId__c"
ACCOUNT = default_catalogue().object("Account")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path) as found:
        await found.sessions.session()
        yield found


def made(served: ServedOrg, external_id: str | None, **fields: Any) -> str:
    return served.org.create("Account", {"Name": "A", KEY: external_id, **fields})


async def read(served: ServedOrg, *external_ids: str, fields: tuple[str, ...] = ("Name",), **options: Any):
    return await RecordsByKey(served.http).read(ACCOUNT, KEY, external_ids, fields, **options)


async def test_a_thousand_records_are_one_call_by_the_orgs_count(served: ServedOrg):
    ids = {f"external-id-of-some-length-{number:05d}": "" for number in range(1_000)}
    for external_id in ids:
        ids[external_id] = made(served, external_id)
    before = served.org.meters.api_calls.used
    found = await read(served, *ids)
    assert served.org.meters.api_calls.used - before == 1
    assert {external_id: seen.record_id for external_id, seen in found.items()} == ids


async def test_a_thousand_ids_are_one_call_however_long_they_are(served: ServedOrg):
    ids = [f"{number:03d}" + 40 * "é" for number in range(1_000)]
    for external_id in ids:
        made(served, external_id)
    served.calls()
    assert sorted(await read(served, *ids)) == ids
    assert served.calls() == ["POST /composite"]


async def test_what_looks_like_a_reference_inside_a_call_is_asked_for_as_it_is(served: ServedOrg):
    ids = ["@{query0}", *(f"A-{number:03d}" for number in range(300))]
    for external_id in ids:
        made(served, external_id)
    served.calls()
    assert sorted(await read(served, *ids)) == sorted(ids)
    assert served.calls() == ["POST /composite"]


async def test_an_address_is_no_longer_than_the_org_takes(served: ServedOrg):
    external_ids = [f"{number:03d}" + 61 * "x" for number in range(200)]
    made(served, external_ids[7])
    assert list(await read(served, *external_ids, fields=tuple(ACCOUNT.fields))) == [external_ids[7]]


async def test_what_is_not_there_is_absent(served: ServedOrg):
    made(served, "A-1")
    assert list(await read(served, "A-1", "A-2")) == ["A-1"]
    assert await read(served) == {}


async def test_a_record_comes_with_its_times_and_its_author(served: ServedOrg):
    record_id = made(served, "A-1", Phone="1", Verified__c=True)
    [seen] = (await read(served, "A-1", fields=("Name", "Phone", "Verified__c"))).values()
    assert seen.record_id == record_id
    assert seen.values == {"Name": "A", "Phone": "1", "Verified__c": True}
    assert seen.modified_by == served.org.identity.user_id
    assert seen.modified_at == seen.system_modstamp
    assert seen.modified_at.astimezone(UTC).utcoffset() == timedelta(0)
    assert not seen.is_deleted


async def test_ids_are_told_as_they_were_asked_for(served: ServedOrg):
    record_id = made(served, "a-É1")
    assert {key: seen.record_id for key, seen in (await read(served, "A-é1", "a-É1")).items()} == {
        "A-é1": record_id,
        "a-É1": record_id,
    }


async def test_case_counts_where_the_field_says_so(served: ServedOrg):
    made(served, "a-1")
    assert list(await read(served, "A-1", "a-1", is_case_sensitive=True)) == ["a-1"]


@pytest.mark.parametrize(
    "external_id", ["O'Neill", "back\\slash", "per%cent_", 'quo"te', "a&b=c+d", "new\nline", "@{x}"]
)
async def test_every_character_is_asked_for_as_it_is(served: ServedOrg, external_id: str):
    made(served, external_id)
    made(served, "other")
    assert list(await read(served, external_id)) == [external_id]


async def test_a_deleted_record_is_told_unless_a_live_one_has_its_id(served: ServedOrg):
    first = made(served, "A-1")
    served.org.delete("Account", first)
    [seen] = (await read(served, "A-1")).values()
    assert (seen.record_id, seen.is_deleted) == (first, True)
    second = made(served, "A-1")
    [seen] = (await read(served, "A-1")).values()
    assert (seen.record_id, seen.is_deleted, seen.is_ambiguous) == (second, False, False)


async def test_a_parents_field_is_asked_for_by_its_path(served: ServedOrg):
    account = made(served, "A-1")
    for external_id, parent in (("C-1", account), ("C-2", None)):
        served.org.create("Contact", {"LastName": "L", KEY: external_id, "AccountId": parent})
    contact = default_catalogue().object("Contact")
    found = await RecordsByKey(served.http).read(contact, KEY, ["C-1", "C-2"], [f"Account.{KEY}"])
    assert [found[each].values for each in ("C-1", "C-2")] == [
        {f"Account.{KEY}": "A-1"},
        {f"Account.{KEY}": None},
    ]


async def test_pages_that_the_org_cuts_short_are_read_to_the_end(served: ServedOrg):
    served.org.dials.queries.page_rows = 50
    ids = [f"A-{number:03d}" for number in range(220)]
    for external_id in ids:
        made(served, external_id)
    assert sorted(await read(served, *ids)) == ids


async def test_a_number_is_asked_for_as_a_number_and_found_in_any_form(served: ServedOrg):
    spec = ACCOUNT.model_copy(
        update={
            "fields": {
                **ACCOUNT.fields,
                "HouseholdSize__c": FieldSpec(type=FieldType.DOUBLE, external_id=True),
            }
        }
    )
    made(served, None, HouseholdSize__c=12)
    found = await RecordsByKey(served.http).read(spec, "HouseholdSize__c", ["12", "12.0", "13"], ())
    assert sorted(found) == ["12", "12.0"]


FAILURES = [
    ({"kind": "status", "status": 503}, UnavailableError),
    ({"kind": "reset_after"}, UnavailableError),
    ({"kind": "latency", "seconds": 0.5}, CallTooSlowError),
]


@pytest.mark.parametrize(("rule", "error"), FAILURES)
@pytest.mark.parametrize("count", [5, 205])
async def test_a_read_that_fails_has_no_unknown_outcome(
    served: ServedOrg,
    monkeypatch: pytest.MonkeyPatch,
    rule: dict[str, Any],
    error: type[Exception],
    count: int,
):
    monkeypatch.setattr("clients.salesforce.http._SHORT_SECONDS", 0.25)
    served.org.faults.add(FaultRule(point="http", times=1, match="/", **rule))
    with pytest.raises(Exception) as caught:
        await read(served, *(f"A-{number}" for number in range(count)))
    assert type(caught.value).__name__ in (error.__name__, "RateLimitedError")


@pytest.mark.parametrize("count", [5, 205])
async def test_a_field_that_the_org_has_not_is_a_matter_for_the_schemas_check(served: ServedOrg, count: int):
    with pytest.raises(SchemaChangedError, match="Nothing__c"):
        await read(served, *(f"A-{number}" for number in range(count)), fields=("Nothing__c",))
