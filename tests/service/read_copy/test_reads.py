"""The API of an engine whose warehouse is Redshift reads records and changes from the copy."""

from collections.abc import AsyncIterator

import httpx
import pytest

from activities.read_copy.compare import note_comparison
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.read_copy.beside import CopiedWarehouse
from clients.warehouse.read_copy.standing import standings, write_standing
from schemas.settings.services import ReadCopySettings, WarehouseSettings
from tests.service.read_copy.test_apply import CASE, case
from tests.support.builders.waiting import SLOWNESS
from tests.support.engines.copied import CopiedRoad
from tests.support.engines.served_api import serving_api, settings_for, tokens_and_entries
from workers.settings import Settings

pytestmark = pytest.mark.service


@pytest.fixture
def settings(redshift_database: str, copy_database: str, database: str, s3_address: S3Address) -> Settings:
    """Of an engine with a copy."""
    _, entries = tokens_and_entries()
    made = settings_for(dsn=database, s3=s3_address, tokens=entries)
    warehouse = WarehouseSettings.model_validate(
        {"kind": "redshift", "dsn": redshift_database, "copy_role": "arn:aws:iam::1:role/none"}
    )
    beside = ReadCopySettings.model_validate({"dsn": copy_database})
    return made.model_copy(update={"warehouse": warehouse, "read_copy": beside})


async def client_of(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    token = tokens_and_entries_of(settings)
    async with (
        serving_api(settings) as url,
        httpx.AsyncClient(
            base_url=url,
            timeout=20 * SLOWNESS,
            trust_env=False,
            headers={"Authorization": f"Bearer {token}"},
        ) as http,
    ):
        yield http
