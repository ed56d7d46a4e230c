"""The addresses of accounts and contacts with their geocodes, by every way in and out (Object
Reference, "Address Compound Fields", "Compound Field Considerations and Limitations"; Change Data
Capture Developer Guide, "Get Compound Fields in Change Events").
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from sandbox.org.state.org import Org
from tests.sandbox import every_type as types
from tests.sandbox.bulk_org import bulk_client, csv_text, rows_of, until
from tests.sandbox.rest_client import V

STEMS = [("Account", "Billing"), ("Account", "Shipping"), ("Contact", "Mailing"), ("Contact", "Other")]
NAMES = {"Account": {"Name": "N"}, "Contact": {"LastName": "N"}}
PLACE = {
    "Street": "1 Mill Lane",
    "City": "Harrow",
    "Latitude": 51.580559123456784,
    "Longitude": -0.341995,
    "GeocodeAccuracy": "NearAddress",
}
SHOWN = {
    "city": "Harrow",
    "country": None,
    "geocodeAccuracy": "NearAddress",
    "latitude": 51.580559123456784,
    "longitude": -0.341995,
    "postalCode": None,
    "state": None,
    "street": "1 Mill Lane",
}
every_address = pytest.mark.parametrize(("name", "stem"), STEMS)


@pytest.fixture
async def client(org: Org) -> AsyncIterator[httpx.AsyncClient]:
    async with bulk_client(org) as found:
        yield found


def values(name: str, stem: str, **more: Any) -> dict[str, Any]:
    return {**NAMES[name], **{f"{stem}{part}": value for part, value in {**PLACE, **more}.items()}}


async def made(client: httpx.AsyncClient, name: str, body: dict[str, Any]) -> str:
    answer = await client.post(f"{V}/sobjects/{name}", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def last_body(org: Org) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(types.last_event(org))["payload"]
    return found


async def ask(client: httpx.AsyncClient, soql: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{V}/query", params={"q": soql})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["records"])


@every_address
async def test_an_address_is_shown_whole_and_by_its_parts(client, name, stem):
    record = await made(client, name, values(name, stem))
    [row] = await ask(client, f"SELECT {stem}Address, {stem}Latitude, {stem}GeocodeAccuracy FROM {name}")
    assert row[f"{stem}Address"] == SHOWN
    assert (row[f"{stem}Latitude"], row[f"{stem}GeocodeAccuracy"]) == (51.580559123456784, "NearAddress")
    whole = (await client.get(f"{V}/sobjects/{name}/{record}")).json()
    assert (whole[f"{stem}Address"], whole[f"{stem}Longitude"]) == (SHOWN, -0.341995)


@every_address
async def test_an_address_is_described_with_all_that_it_has(client, name, stem):
    told = (await client.get(f"{V}/sobjects/{name}/describe")).json()["fields"]
    fields = {each["name"]: each for each in told}
    address = fields[f"{stem}Address"]
    assert (address["type"], address["queryByDistance"], address["createable"]) == ("address", True, False)
    parts = {part for part, field in fields.items() if field["compoundFieldName"] == f"{stem}Address"}
    assert parts == {f"{stem}{part}" for part in (*PLACE, "State", "PostalCode", "Country")}
    latitude, accuracy = fields[f"{stem}Latitude"], fields[f"{stem}GeocodeAccuracy"]
    assert (latitude["type"], latitude["precision"], latitude["scale"]) == ("double", 18, 15)
    assert (accuracy["type"], accuracy["length"], accuracy["restrictedPicklist"]) == ("picklist", 40, True)
    assert [each["value"] for each in accuracy["picklistValues"]][:2] == ["Address", "NearAddress"]


@every_address
async def test_an_event_carries_the_parts_that_changed_in_the_address(client, org, name, stem):
    record = await made(client, name, values(name, stem))
    assert last_body(org)[f"{stem}Address"] == PLACE
    patch = {f"{stem}Latitude": None, f"{stem}City": "Harrow"}
    assert (await client.patch(f"{V}/sobjects/{name}/{record}", json=patch)).status_code == 204
    assert last_body(org)[f"{stem}Address"] == {"Latitude": None}
    told = types.avro_of(org, types.last_event(org))
    assert any("-0x" in each for each in told["ChangeEventHeader"]["nulledFields"])


@every_address
async def test_bulk_jobs_write_and_read_the_parts_and_refuse_the_whole(client, name, stem):
    row = {key: str(value) for key, value in values(name, stem).items()}
    job = (await client.post(f"{V}/jobs/ingest", json={"object": name, "operation": "insert"})).json()
    await client.put(f"/{job['contentUrl']}", content=csv_text([row]), headers={"Content-Type": "text/csv"})
    path = f"{V}/jobs/ingest/{job['id']}"
    await client.patch(path, json={"state": "UploadComplete"})
    assert (await until(client, path, "JobComplete"))["numberRecordsFailed"] == 0
    parts = ", ".join(f"{stem}{part}" for part in PLACE)
    asked = {"operation": "query", "query": f"SELECT {parts} FROM {name}"}
    found = (await client.post(f"{V}/jobs/query", json=asked)).json()
    await until(client, f"{V}/jobs/query/{found['id']}", "JobComplete")
    [read] = rows_of(await client.get(f"{V}/jobs/query/{found['id']}/results"))
    assert read == {key: value for key, value in row.items() if key.startswith(stem)}
    whole = {"operation": "query", "query": f"SELECT {stem}Address FROM {name}"}
    assert (await client.post(f"{V}/jobs/query", json=whole)).status_code == 400


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"Latitude": 90.5}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"Longitude": "-180.000001"}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"GeocodeAccuracy": "Roughly"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
    ],
)
@every_address
async def test_a_geocode_that_is_no_place_is_refused(client, name, stem, wrong, code):
    answer = await client.post(f"{V}/sobjects/{name}", json=values(name, stem, **wrong))
    assert answer.json()[0]["errorCode"] == code
    await made(client, name, values(name, stem, Latitude=-90, Longitude=180.0))


@every_address
async def test_an_address_filters_and_sorts_by_distance_and_not_by_itself(client, name, stem):
    await made(client, name, values(name, stem))
    near = f"DISTANCE({stem}Address, GEOLOCATION(51.58, -0.34), 'km')"
    assert len(await ask(client, f"SELECT Id FROM {name} WHERE {near} < 2 ORDER BY {near}")) == 1
    assert await ask(client, f"SELECT Id FROM {name} WHERE {near} > 2") == []
    refused = await client.get(
        f"{V}/query", params={"q": f"SELECT Id FROM {name} WHERE {stem}Address != null"}
    )
    assert refused.status_code == 400
