"""Writebacks of which one is unlike the others: it concerns no other, and is sent as it was meant or not at all."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from temporalio.client import Client

from clients.objectstore import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import DEFAULT_CATALOGUE, load_catalogue
from tests.served_org import served_org
from tests.small_engine import SmallEngine, serving_engine
from tests.writing_back import WritingEngine, writing


@pytest.fixture
async def two_keys(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, tmp_path: Path
) -> AsyncIterator[WritingEngine]:
    """Of an org in which accounts have two external id fields."""
    file = tmp_path / "catalogue.yaml"
    known = yaml.safe_load(DEFAULT_CATALOGUE.read_text())
    other = {"type": "string", "length": 64, "external_id": True}
    known["objects"]["Account"]["fields"]["OtherId__c"] = other
    file.write_text(yaml.safe_dump(known))
    async with served_org(tmp_path / "org", file) as served:
        org, catalogue = f"b{uuid.uuid4().hex[:10]}", load_catalogue(file)
        made = SmallEngine(client, served, store, warehouse, database, org, catalogue)
        async with serving_engine(made) as engine, writing(engine) as found:
            yield found


async def test_each_record_is_found_by_the_external_id_field_that_its_writeback_names(
    two_keys: WritingEngine,
) -> None:
    two_keys.accepted(
        *(
            {
                "object": "Account",
                "external_id": f"{field}-{number}",
                "key_field": field,
                "key": f"{field}-{number}",
                "fields": {"Name": f"{field} {number}"},
            }
            for number in range(3)
            for field in ("ExternalId__c", "OtherId__c")
        )
    )
    await two_keys.start("Account")
    rows = await two_keys.settled()
    assert {row.state for row in rows} == {"done"}
    connection = two_keys.engine.served.org.store.connection
    found = connection.execute(
        'SELECT Name, ExternalId__c, OtherId__c FROM "Account" ORDER BY Name'
    ).fetchall()
    assert [tuple(row) for row in found] == [
        *((f"ExternalId__c {number}", f"ExternalId__c-{number}", None) for number in range(3)),
        *((f"OtherId__c {number}", None, f"OtherId__c-{number}") for number in range(3)),
    ]
