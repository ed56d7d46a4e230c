"""An engine in the test's process, over an org of its own."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from clients.objectstore import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from tests.served_org import served_org
from tests.small_engine import SmallEngine, serving_engine


@pytest.fixture
async def engine(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[SmallEngine]:
    """Serving; its org is empty."""
    async with served_org(tmp_path) as served:
        made = SmallEngine(client, served, store, warehouse, database, org=f"b{uuid.uuid4().hex[:10]}")
        async with serving_engine(made) as engine:
            yield engine
