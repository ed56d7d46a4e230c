"""Records by the HTTP API: applied by the engine's own applier, read over a socket."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from clients.warehouse.live_catalogue import LiveCatalogue
from clients.warehouse.sql.ledger import find_last_commit
from schemas.catalogue import default_catalogue
from tests.support.engines.applied_records import AppliedRecords, changed, record_id
from tests.support.engines.served_api import NOWHERE, ServedApi, serving_api
from transforms.pii import Protector
from workers.security.keys import open_key_ring
from workers.settings import Settings

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
CASE, CONTACT = record_id("500", 1), record_id("003", 1)


@pytest.fixture(scope="module")
def records(api: ServedApi) -> AppliedRecords:
    catalogue = LiveCatalogue.over(default_catalogue(), api.warehouse)
    ring = open_key_ring(api.settings, api.store, api.warehouse, catalogue)
    return AppliedRecords(api.warehouse, api.store, catalogue, Protector(ring, catalogue))


async def read(api: ServedApi, path: str, caller: str = "records", **headers: str) -> Any:
    response = await api.ask("GET", path, caller, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_record_is_shown_as_its_last_change_left_it(api: ServedApi, records: AppliedRecords) -> None:
    records.apply(changed("Case", CASE, 1, "CREATE", Status="New", Subject="A", IsClosed=False))
    records.apply(changed("Case", CASE, 2, Status="Decided"))
    found = await read(api, f"/v1/records/Case/{CASE}")
    told = {name: found[name] for name in ("object", "id", "version", "is_deleted", "is_complete")}
    assert told == {"object": "Case", "id": CASE, "version": 2, "is_deleted": False, "is_complete": True}
    assert found["fields"]["Status"] == "Decided"
    assert found["changed_at"] == "2026-09-21T14:13:22.000Z"
    assert await read(api, f"/v1/records/Case/{CASE[:15]}") == found


async def test_the_freshness_is_that_of_the_last_commit_of_the_object(
    api: ServedApi, records: AppliedRecords
) -> None:
    records.apply(changed("Case", CASE, 3, Status="Open"))
    found = await read(api, f"/v1/records/Case/{CASE}")
    with api.warehouse.transaction() as transaction:
        [(number, applied_at)] = transaction.fetch(find_last_commit(), ["Case"])
    told = found["freshness"]
    assert (told["commit"], datetime.fromisoformat(told["applied_at"])) == (number, applied_at)
    assert told["applied_at"] == found["applied_at"]
    records.apply(changed("Case", record_id("500", 2), 4, "CREATE", Status="New"))
    later = await read(api, f"/v1/records/Case/{CASE}")
    assert (later["freshness"]["commit"], later["version"]) == (number + 1, found["version"])


async def test_an_unchanged_record_is_not_sent_again(api: ServedApi, records: AppliedRecords) -> None:
    records.apply(changed("Case", CASE, 5, Status="Waiting"))
    first = await api.ask("GET", f"/v1/records/Case/{CASE}", "records")
    etag = {"If-None-Match": first.headers["etag"]}
    records.apply(changed("Case", record_id("500", 3), 6, "CREATE", Status="New"))
    second = await api.ask("GET", f"/v1/records/Case/{CASE}", "records", headers=etag)
    assert (second.status_code, second.content) == (304, b"")
    assert int(second.headers["tidegate-commit"]) == int(first.headers["tidegate-commit"]) + 1
    records.apply(changed("Case", CASE, 7, Status="Closed"))
    third = await api.ask("GET", f"/v1/records/Case/{CASE}", "records", headers=etag)
    assert (third.status_code, third.json()["fields"]["Status"]) == (200, "Closed")


async def test_protected_fields_are_withheld(api: ServedApi, records: AppliedRecords) -> None:
    records.apply(changed("Contact", CONTACT, 1, "CREATE", LastName="Muster", Email="m@example.org"))
    response = await api.ask("GET", f"/v1/records/Contact/{CONTACT}", "records")
    found = response.json()
    assert {"Email", "LastName"} <= set(found["withheld"])
    assert not set(found["withheld"]) & set(found["fields"])
    assert "Muster" not in response.text
    assert "tg1." not in response.text


async def test_a_record_is_shown_to_whom_its_object_is_in_the_scope_of(api: ServedApi) -> None:
    path = f"/v1/records/Contact/{CONTACT}"
    for caller in ("reader", "operator", "cases"):
        response = await api.ask("GET", path, caller)
        assert (response.status_code, response.json()["type"]) == (403, "urn:tidegate:problem:records")
    assert (await api.ask("GET", path, "contacts")).status_code == 200


async def test_a_read_without_parameters_is_answered_as_one_with_them(
    api: ServedApi, records: AppliedRecords
) -> None:
    records.apply(changed("Case", CASE, 8, Status="Short"))
    path = f"/v1/records/Case/{CASE}"
    assert await read(api, path) == await read(api, f"{path}?decrypt=")
    for caller, headers in (("guest", {}), ("writer", {}), ("records", {"If-None-Match": "x" * 5_000})):
        short, long = [
            await api.ask("GET", each, caller, headers=headers) for each in (path, f"{path}?decrypt=")
        ]
        assert (short.status_code, short.json()["type"]) == (long.status_code, long.json()["type"])
        assert short.status_code in (403, 422)


async def test_a_redshift_warehouse_is_answered_501_with_the_setting_to_change(api: ServedApi) -> None:
    redshift = {"kind": "redshift", "copy_role": "arn:aws:iam::1:role/r", "dsn": NOWHERE}
    given = api.settings.model_dump()
    given["api"]["console"] = {}
    settings = Settings.model_validate(given | {"warehouse": redshift, "operational": {"dsn": NOWHERE}})
    headers = {"Authorization": f"Bearer {api.tokens['records']}"}
    async with serving_api(settings) as url, httpx.AsyncClient(base_url=url, headers=headers) as http:
        for path in (f"/v1/records/Case/{CASE}", "/v1/records/Case", "/v1/changes?object=Case"):
            response = await http.get(path)
            assert (response.status_code, response.json()["type"]) == (
                501,
                "urn:tidegate:problem:no-read-store",
            )
            assert "TIDEGATE_READ_COPY__DSN" in response.json()["detail"]


async def test_what_is_not_there_or_no_id_is_refused_by_its_name(api: ServedApi) -> None:
    gone = await api.ask("GET", f"/v1/records/Case/{record_id('500', 99)}", "records")
    assert (gone.status_code, gone.json()["type"]) == (404, "urn:tidegate:problem:not-found")
    odd = await api.ask("GET", "/v1/records/Case/500x", "records")
    assert (odd.status_code, odd.json()["errors"][0]["field"]) == (422, "path.id")
    unknown = await api.ask("GET", f"/v1/records/Nothing__c/{CASE}", "records")
    assert (unknown.status_code, unknown.json()["type"]) == (422, "urn:tidegate:problem:unknown-object")
