"""An engine that delivers to webhooks, and receivers."""

import uuid
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from clients.storage.objects import S3Address
from clients.warehouse.postgres import PostgresWarehouse
from tests.support.engines.webhooks import WebhookEngine, delivering, webhook_engine
from tests.support.scripted.receiver import Receiver, receiver


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


@pytest.fixture
async def idle(
    client: Client, warehouse: PostgresWarehouse, database: str, s3_address: S3Address
) -> AsyncIterator[WebhookEngine]:
    """Nothing is delivered yet."""
    async with webhook_engine(client, warehouse, database, s3_address, f"w{uuid.uuid4().hex[:10]}") as made:
        yield made


@pytest.fixture
async def hooks(idle: WebhookEngine) -> AsyncIterator[WebhookEngine]:
    """Delivering."""
    async with delivering(idle):
        yield idle


@pytest.fixture
async def healthy() -> AsyncIterator[Receiver]:
    """Takes everything."""
    async with receiver() as made:
        yield made


@pytest.fixture
async def scripted() -> AsyncIterator[Receiver]:
    """Answers as the test says."""
    async with receiver() as made:
        yield made
