"""The API of an engine whose warehouse is Redshift reads records and changes from the copy."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from activities.read_copy.compare import note_comparison
from clients.storage.objects import S3Address
from clients.warehouse.read_copy.beside import CopiedWarehouse
from clients.warehouse.read_copy.standing import standings, write_standing
from sandbox.redshift import launch
from schemas.settings.services import ReadCopySettings, WarehouseSettings
from tests.service.read_copy.test_apply import CASE, OTHER, case
from tests.support.builders.waiting import SLOWNESS, until
from tests.support.engines.copied import CopiedRoad
from tests.support.engines.served_api import serving_api, settings_for, tokens_and_entries
from workers.settings import Settings

pytestmark = pytest.mark.service


@pytest.fixture
def tokens() -> tuple[dict[str, str], list[dict[str, object]]]:
    return tokens_and_entries()


@pytest.fixture
def settings(
    redshift_database: str,
    copy_database: str,
    database: str,
    s3_address: S3Address,
    tokens: tuple[dict[str, str], list[dict[str, object]]],
) -> Settings:
    """Of an engine with a copy."""
    made = settings_for(dsn=database, s3=s3_address, tokens=tokens[1])
    warehouse = WarehouseSettings.model_validate(
        {"kind": "redshift", "dsn": redshift_database, "copy_role": launch.COPY_ROLE}
    )
    beside = ReadCopySettings.model_validate({"dsn": copy_database})
    return made.model_copy(update={"warehouse": warehouse, "read_copy": beside})


@pytest.fixture
async def http(
    settings: Settings, tokens: tuple[dict[str, str], list[dict[str, object]]]
) -> AsyncIterator[httpx.AsyncClient]:
    """A reader of every record."""
    headers = {"Authorization": f"Bearer {tokens[0]['records']}"}
    async with (
        serving_api(settings) as url,
        httpx.AsyncClient(base_url=url, timeout=20 * SLOWNESS, trust_env=False, headers=headers) as opened,
    ):
        yield opened


def unmark(warehouse: CopiedWarehouse, name: str) -> None:
    """As if the object were not filled yet."""
    with warehouse.copy.transaction() as transaction:
        row = standings(transaction)[name]
        write_standing(transaction, row._replace(filled_at=None))


async def test_records_history_and_changes_come_from_the_copy(
    road: CopiedRoad, http: httpx.AsyncClient
) -> None:
    await road.send([case(2, "CREATE"), case(3)])
    found = await http.get(f"/v1/records/Case/{CASE}")
    assert found.status_code == 200, found.text
    assert (found.json()["fields"]["Subject"], found.json()["version"]) == ("subject 3", 2)
    versions = await http.get(f"/v1/records/Case/{CASE}/history")
    assert len(versions.json()["versions"]) == 2
    fed = await http.get("/v1/changes", params={"object": "Case"})
    assert [each["change_type"] for each in fed.json()["changes"]] == ["create", "update"]
    missing = await http.get(f"/v1/records/Case/{OTHER}")
    assert missing.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/records/Case/{OTHER}",
        f"/v1/records/Case/{OTHER}/history",
        "/v1/records/Case",
        "/v1/changes?object=Case",
    ],
)
async def test_an_object_that_is_not_filled_is_refused_and_not_missing(
    road: CopiedRoad, warehouse: CopiedWarehouse, http: httpx.AsyncClient, path: str
) -> None:
    await road.send([case(2, "CREATE")])
    unmark(warehouse, "Case")
    found = await http.get(path)
    assert (found.status_code, found.json()["type"]) == (503, "urn:tidegate:problem:read-copy-not-ready")
    assert "tidegate warehouse fill Case" in found.json()["detail"]


async def test_an_object_that_differs_is_refused_from_then_on(
    road: CopiedRoad, warehouse: CopiedWarehouse, http: httpx.AsyncClient
) -> None:
    await road.send([case(2, "CREATE")])
    assert (await http.get(f"/v1/records/Case/{CASE}")).status_code == 200
    await asyncio.to_thread(note_comparison, warehouse, "Case", "1 records differ")

    async def is_refused() -> bool:
        return (await http.get(f"/v1/records/Case/{CASE}")).status_code == 503

    await until(is_refused)
    assert "1 records differ" in (await http.get(f"/v1/records/Case/{CASE}")).json()["detail"]


async def test_redshift_without_a_copy_answers_501(
    settings: Settings, tokens: tuple[dict[str, str], list[dict[str, object]]]
) -> None:
    alone = settings.model_copy(update={"read_copy": None})
    headers = {"Authorization": f"Bearer {tokens[0]['records']}"}
    async with (
        serving_api(alone) as url,
        httpx.AsyncClient(base_url=url, timeout=20 * SLOWNESS, trust_env=False, headers=headers) as http,
    ):
        found = await http.get(f"/v1/records/Case/{CASE}")
    assert found.status_code == 501
    assert "TIDEGATE_READ_COPY__DSN" in found.json()["detail"]
