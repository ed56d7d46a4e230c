"""Records by external id, by parent, in batches, with protected fields, and as they were."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.warehouse.live_catalogue import LiveCatalogue
from schemas.catalogue import default_catalogue
from tests.support.engines.applied_records import AppliedRecords, changed, record_id
from tests.support.engines.served_api import ServedApi
from transforms.pii import Protector
from workers.security.keys import open_key_ring

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
ACCOUNT = record_id("001", 1)


@pytest.fixture(scope="module")
def records(api: ServedApi) -> AppliedRecords:
    catalogue = LiveCatalogue.over(default_catalogue(), api.warehouse)
    ring = open_key_ring(api.settings, api.store, api.warehouse, catalogue)
    return AppliedRecords(api.warehouse, api.store, catalogue, Protector(ring, catalogue))


async def problem(api: ServedApi, path: str, caller: str = "records") -> tuple[int, str]:
    response = await api.ask("GET", path, caller)
    return response.status_code, response.json()["type"].rpartition(":")[2]


async def test_a_record_is_found_by_its_external_id_until_it_is_deleted(
    api: ServedApi, records: AppliedRecords
) -> None:
    case = record_id("500", 11)
    records.apply(changed("Case", case, 1, "CREATE", ExternalId__c="C/17", Status="New"))
    path = "/v1/records/Case/by/ExternalId__c/C/17"
    assert (await api.get(path, "records"))["id"] == case
    records.apply(changed("Case", case, 2, "DELETE"))
    assert await problem(api, path) == (404, "not-found")
    assert (await api.get(f"/v1/records/Case/{case}", "records"))["is_deleted"]
    assert await problem(api, "/v1/records/Case/by/Status/New") == (422, "invalid-request")


async def test_children_of_a_parent_come_page_by_page_each_once(
    api: ServedApi, records: AppliedRecords
) -> None:
    children = [record_id("500", 100 + number) for number in range(7)]
    records.apply(*(changed("Case", each, 1, "CREATE", AccountId=ACCOUNT) for each in children))
    records.apply(changed("Case", record_id("500", 200), 1, "CREATE", AccountId=record_id("001", 2)))
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await api.get(f"/v1/records/Case?where=AccountId:{ACCOUNT}&limit=3&after={after}", "records")
        found += [each["id"] for each in page["records"]]
        after = page["next"]
    assert found == children
    for odd in ("Status:New", "AccountId", "AccountId:x", "ExternalId__c:%00"):
        assert await problem(api, f"/v1/records/Case?where={odd}") == (422, "invalid-request")


async def test_a_batch_has_what_is_there_and_names_what_is_missing(
    api: ServedApi, records: AppliedRecords
) -> None:
    there = [record_id("500", 300 + number) for number in range(5)]
    records.apply(*(changed("Case", each, 1, "CREATE", Status="New") for each in there))
    missing = record_id("500", 399)
    body = {"ids": [there[0][:15], *there, missing]}
    response = await api.ask("POST", "/v1/records/Case/batch", "records", json=body)
    found = response.json()
    assert [each["id"] for each in found["records"]] == there
    assert (found["missing"], found["freshness"]["commit"] > 0) == ([missing], True)
    many = {"ids": [record_id("500", number) for number in range(1_001)]}
    assert (await api.ask("POST", "/v1/records/Case/batch", "records", json=many)).status_code == 422


async def test_a_protected_field_is_decrypted_in_scope_and_each_reading_is_on_record(
    api: ServedApi, records: AppliedRecords
) -> None:
    contact = record_id("003", 11)
    records.apply(changed("Contact", contact, 1, "CREATE", LastName="Muster", Email="m@example.org"))
    path = f"/v1/records/Contact/{contact}"
    found = await api.get(f"{path}?decrypt=Email", "contacts")
    assert (found["fields"]["Email"], "LastName" in found["withheld"]) == ("m@example.org", True)
    [act] = [act for _, act in api.audit.find(act="record.read") if act.target.endswith(contact)]
    assert (act.by, act.detail) == ("contacts", "values of Email, by the API")
    assert await problem(api, f"{path}?decrypt=LastName", "contacts") == (403, "decrypt")
    assert await problem(api, f"{path}?decrypt=Email", "records") == (403, "decrypt")
    assert await problem(api, f"{path}?decrypt=Nothing", "contacts") == (422, "invalid-request")
    await api.get(path, "contacts")
    assert len([act for _, act in api.audit.find(act="record.read") if act.target.endswith(contact)]) == 1


async def test_a_read_of_values_that_cannot_be_put_on_record_shows_none(
    api: ServedApi, records: AppliedRecords
) -> None:
    contact = record_id("003", 12)
    records.apply(changed("Contact", contact, 1, "CREATE", LastName="Muster", Email="n@example.org"))
    with api.audit.transaction() as transaction:
        transaction.exec_driver_sql("ALTER TABLE audit_log RENAME TO audit_log_away")
    try:
        response = await api.ask("GET", f"/v1/records/Contact/{contact}?decrypt=Email", "contacts")
    finally:
        with api.audit.transaction() as transaction:
            transaction.exec_driver_sql("ALTER TABLE audit_log_away RENAME TO audit_log")
    assert response.status_code >= 500
    assert "example.org" not in response.text


async def test_a_record_is_shown_as_it_was_and_as_it_was_known(
    api: ServedApi, records: AppliedRecords
) -> None:
    case = record_id("500", 21)

    async def status(**times: str) -> Any:
        response = await api.ask("GET", f"/v1/records/Case/{case}", "records", params=times)
        return response.json()["fields"]["Status"] if response.status_code == 200 else response.status_code

    records.apply(changed("Case", case, 1, "CREATE", Status="New"))
    before = datetime.now(UTC) + timedelta(milliseconds=2)
    await _until(before)
    records.apply(changed("Case", case, 9, Status="Closed"))
    middle = datetime.now(UTC) + timedelta(milliseconds=2)
    await _until(middle)
    records.apply(changed("Case", case, 5, Status="Open"))  # it comes late
    at = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
    moment = {n: (at + timedelta(seconds=n)).isoformat() for n in (0, 3, 7, 10)}
    assert [await status(as_of=moment[n]) for n in moment] == [404, "New", "Open", "Closed"]
    assert await status(known_at=before.isoformat()) == "New"
    assert await status(known_at=middle.isoformat()) == "Closed"
    assert await status(known_at=middle.isoformat(), as_of=moment[7]) == "New"


async def _until(moment: datetime) -> None:
    while datetime.now(UTC) <= moment:
        pass


async def test_versions_come_newest_first_and_page_by_page(api: ServedApi, records: AppliedRecords) -> None:
    case = record_id("500", 31)
    records.apply(changed("Case", case, 1, "CREATE", Status="s1"))
    for second in range(2, 6):
        records.apply(changed("Case", case, second, Status=f"s{second}"))
    path = f"/v1/records/Case/{case}/history?limit=3"
    first = await api.get(path, "records")
    assert [each["fields"]["Status"] for each in first["versions"]] == ["s5", "s4", "s3"]
    assert first["versions"][1]["valid_to"] == first["versions"][0]["changed_at"]
    second = await api.get(f"{path}&before={first['next']}", "records")
    assert ([each["version"] for each in second["versions"]], second["next"]) == ([2, 1], None)
