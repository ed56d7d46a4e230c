"""A stand-in for Redshift with a read copy."""

from collections.abc import Iterator

import pytest

from clients.storage.objects import ObjectStore
from clients.warehouse.read_copy.beside import CopiedWarehouse
from clients.warehouse.redshift import RedshiftWarehouse
from schemas.catalogue import default_catalogue
from tests.databases import new_database
from tests.support.engines.copied import CopiedRoad, copied


@pytest.fixture
def copy_database(postgres_port: int) -> Iterator[str]:
    """The connection string of the copy's database, which is empty."""
    with new_database(postgres_port) as dsn:
        yield dsn


@pytest.fixture
def warehouse(redshift_warehouse: RedshiftWarehouse, copy_database: str) -> Iterator[CopiedWarehouse]:
    """With its tables; nothing was applied yet."""
    opened = copied(redshift_warehouse, copy_database)
    opened.ensure_tables(default_catalogue())
    yield opened
    opened.close()


@pytest.fixture
def road(warehouse: CopiedWarehouse, store: ObjectStore) -> CopiedRoad:
    return CopiedRoad(store, warehouse)
