"""Law 12 over a read copy: an erasure, a rotation of keys and the end of a month in the warehouse
reach the copy as they reach the warehouse.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import time_machine

from activities.read_copy.compare import compare_object
from activities.read_copy.fill import CopyFiller
from clients.retention.archived_months import archived_months
from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse import Warehouse
from clients.warehouse.read_copy.beside import CopiedWarehouse
from clients.warehouse.redshift import RedshiftWarehouse
from schemas.security.retention import MonthState
from tests.databases import new_database
from tests.service.keys.test_key_rotation import TABLES, Rotating
from tests.support.builders.bus import event, stamps
from tests.support.builders.retention import retention, run_at, within
from tests.support.builders.things import CATALOGUE, THING
from tests.support.engines.copied import CopiedRoad, copied
from tests.support.engines.erasing import Erasures
from tests.support.engines.keeping import CONTACTS, LATER, LOG, START, committed
from transforms.retention.periods import Month

pytestmark = pytest.mark.service

GONE, STAYS = CONTACTS[:2]


@pytest.fixture
def copy_database(postgres_port: int) -> Iterator[str]:
    with new_database(postgres_port) as dsn:
        yield dsn


@pytest.fixture
def warehouse(redshift_warehouse: RedshiftWarehouse, copy_database: str) -> Iterator[CopiedWarehouse]:
    opened = copied(redshift_warehouse, copy_database)
    yield opened
    opened.close()


@pytest.fixture
def road(warehouse: CopiedWarehouse, store: ObjectStore) -> CopiedRoad:
    made = CopiedRoad(store, warehouse)
    warehouse.ensure_tables(made.catalogue)
    return made


def contact(number: int, record: str, kind: str = "UPDATE", **fields: Any) -> dict[str, Any]:
    values = {"Name": {"LastName": f"{record} person"}, "Email": f"{record}@example.org", **stamps()}
    return event(number, values | fields, object_name="Contact", change_type=kind, record_ids=[record])


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def everything(dsn: str) -> str:
    """Every row of every table of a database, as one text."""
    tables = rows(
        dsn,
        "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('curated', 'audit', 'ops')",
    )
    return "\n".join(str(rows(dsn, f"SELECT t::text FROM {table} AS t")) for (table,) in tables)


def tokens_of(dsn: str, record: str) -> set[str]:
    """The record's e-mail tokens in the change log."""
    query = f"SELECT email FROM audit.contact_change WHERE record_id = '{record}' AND email IS NOT NULL"
    return {token for (token,) in rows(dsn, query)}


async def test_an_erasure_takes_the_values_out_of_the_copy(
    road: CopiedRoad, database: str, copy_database: str
) -> None:
    await road.send([contact(2, GONE, "CREATE"), contact(3, STAYS, "CREATE")])
    await road.send([contact(4, GONE, Title="Captain")])
    tokens, kept = tokens_of(copy_database, GONE), tokens_of(copy_database, STAYS)
    assert tokens
    assert kept
    done = await Erasures(road, database).erase(GONE)
    assert done["read copy audit.contact_change"].rewritten == done["audit.contact_change"].rewritten == 2
    left = everything(copy_database)
    assert not [token for token in tokens if token in left]
    assert all(token in left for token in kept)
    # Staged before the erasure, delivered after it.
    await road.send([contact(5, GONE, Email="late@example.org")])
    assert tokens_of(copy_database, GONE) == set()
    of_copy, own = await road.both()
    assert of_copy == own


async def test_a_fill_brings_no_values_of_who_was_erased(
    road: CopiedRoad, warehouse: CopiedWarehouse, database: str, copy_database: str
) -> None:
    own = warehouse.with_copy()[-1]
    alone = CopiedRoad(road.store, own, lane=road.lane)
    await alone.send([contact(2, GONE, "CREATE"), contact(3, STAYS, "CREATE")])
    await Erasures(alone, database).erase(GONE)
    assert CopyFiller(warehouse, road.catalogue, road.protector(), pause=0).fill("Contact").differs is None
    assert tokens_of(copy_database, GONE) == set()
    assert rows(copy_database, "SELECT record_id FROM ops.erased") == [(GONE,)]
    road.position = alone.position
    await road.send([contact(4, GONE, Email="late@example.org")])
    assert tokens_of(copy_database, GONE) == set()


async def test_a_rotation_brings_the_tables_of_both_under_the_new_key(
    warehouse: CopiedWarehouse, store: ObjectStore, s3_address: S3Address, database: str
) -> None:
    warehouse.ensure_tables(CATALOGUE)
    rotating = Rotating(store, s3_address, warehouse, database)
    try:
        road = CopiedRoad(store, warehouse, CATALOGUE)
        road.protector = lambda: rotating.protector  # type: ignore[method-assign]
        await road.send([rotating.change(1), rotating.change(2)])
        assert await rotating.rotate() == "2"
        await rotating.switch()
        await rotating.follow_up()
        for each in warehouse.with_copy():
            assert keys_of(each) == {"2"}
        await road.send([rotating.change(1, Title__c="later")])
        assert {keys for each in warehouse.with_copy() for keys in keys_of(each)} == {"2"}
    finally:
        rotating.register.close()
    assert compare_object(warehouse, CATALOGUE.object(THING)) is None


def keys_of(warehouse: Warehouse) -> set[str]:
    """The keys of every e-mail token in the object's tables."""
    found: set[str] = set()
    with warehouse.reading() as reading:
        for table in TABLES:
            found |= {token.split(".")[1] for (token,) in reading.fetch(f"SELECT email FROM {table}")}
    return found


async def send(road: CopiedRoad, month: Month, events: list[dict[str, Any]]) -> None:
    with time_machine.travel(within(month), tick=False):
        await road.send(events)


async def test_a_month_leaves_the_copy_with_the_warehouse(
    road: CopiedRoad, warehouse: CopiedWarehouse, s3_address: S3Address, database: str, copy_database: str
) -> None:
    first = [committed(contact(n, each, "CREATE"), START, n) for n, each in enumerate(CONTACTS, 1)]
    await send(road, START, first)
    await send(road, LATER, [committed(contact(11, STAYS, Title="Captain"), LATER, 11)])
    made = retention(s3_address, database, warehouse, road.catalogue, org=road.org)
    kept = replace(made, policy=made.policy.model_copy(update={"warehouse_months": 13}))
    try:
        await asyncio.to_thread(run_at, kept, LATER.end + timedelta(days=9))
    finally:
        made.close()
    log = f"SELECT record_id FROM {LOG}"
    assert rows(copy_database, log) == [(STAYS,)]
    assert len(rows(copy_database, "SELECT record_id FROM audit.contact_base")) == len(CONTACTS)
    for each in warehouse.with_copy():
        states = {row.month: row.state for row in archived_months(each) if row.source == LOG}
        assert states[str(START)] == MonthState.DROPPED
    of_copy, own = await road.both()
    assert of_copy == own
    # A copy that is filled afterwards gets what is left, and what the bases stand for.
    filler = CopyFiller(warehouse, road.catalogue, road.protector(), pause=0)
    assert (await asyncio.to_thread(filler.fill, "Contact", afresh=True)).differs is None
    of_copy, own = await road.both()
    for table in ("curated.contact_current", "curated.contact_history", "audit.contact_base"):
        assert of_copy[table] == own[table], table
