"""An engine in the test's process, over an org of its own; and the HTTP API, once for a module."""

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from clients.database.audit_log import AuditLog
from clients.dependencies import Clients
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import default_catalogue
from tests.databases import new_database
from tests.support.builders.bus import protector
from tests.support.engines.lanes_of_org import OrgLanes, serving_lanes
from tests.support.engines.served_api import ServedApi, served_api
from tests.support.engines.served_org import served_org
from tests.support.engines.small_engine import SmallEngine, serving_engine

TABLES_STAND = frozenset(
    {
        "backfill",
        "drift",
        "ingest",
        "keys",
        "planner",
        "quality",
        "reconcile",
        "repair",
        "replay",
        "retention",
    }
)
"""Folders of tests that need the engine's tables, and where none is about how they are made."""


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The connection string of the test's database, with tables in `TABLES_STAND`."""
    stand = request.path.parent.name in TABLES_STAND
    found: str = request.getfixturevalue("database_with_tables" if stand else "empty_database")
    return found


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[SmallEngine]:
    """Serving; its org is empty."""
    async with served_org(tmp_path) as served:
        made = SmallEngine(client, served, store, warehouse, database, org=f"b{uuid.uuid4().hex[:10]}")
        async with serving_engine(made) as engine:
            yield engine


@pytest.fixture
async def lanes(
    client: Client, store: ObjectStore, database_with_tables: str, tmp_path: Path
) -> AsyncIterator[OrgLanes]:
    """Serving; its org is empty, and no lane is started yet."""
    audit, warehouse = AuditLog(database_with_tables), PostgresWarehouse(database_with_tables)
    clients = Clients(client, store, warehouse, default_catalogue(), audit, protector())
    async with serving_lanes(clients, tmp_path, read_every=timedelta(hours=1)) as served:
        yield served
    audit.close()
    warehouse.close()


@pytest.fixture(scope="module")
def module_database(postgres_port: int) -> Iterator[str]:
    """The connection string of a database that is empty when the module begins."""
    with new_database(postgres_port) as dsn:
        yield dsn


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(temporal_server: str, module_database: str, s3_address: S3Address) -> AsyncIterator[ServedApi]:
    client = await Client.connect(temporal_server, data_converter=pydantic_data_converter, identity="tests")
    async with served_api(client, temporal_server, module_database, s3_address) as served:
        yield served
