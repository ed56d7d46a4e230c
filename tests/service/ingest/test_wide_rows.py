"""Records that are wider than a row of PostgreSQL: by one change or by several, their last fields
are unknown and named.
"""

import random
import string
from typing import Any

import pytest

from activities.apply.rebuild import rebuild_records
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.postgres_tables import MAX_ROW_BYTES
from clients.warehouse.sql import apply as sql
from clients.warehouse.sql.apply import read_changes
from clients.warehouse.sql.reconcile import read_rebuilt
from schemas.catalogue import Catalogue
from schemas.tables import current_columns, history_columns
from tests.support.builders.batches import Road, contents
from tests.support.builders.bus import event
from transforms.catalogue.warehouse_names import within
from transforms.reconcile.verify_fold import check_log

pytestmark = pytest.mark.service

OBJECT = "Thing__c"
RECORD = "a0x000000000001AAA"
CHANCE = random.Random(4)
TEXT = {"type": "string", "length": 200}
AMOUNT = {"type": "currency", "scale": 0}


def road_of(store: ObjectStore, warehouse: PostgresWarehouse, fields: dict[str, dict[str, Any]]) -> Road:
    thing = {"label": "Things", "key_prefix": "a0x", "history": True, "fields": fields}
    catalogue = Catalogue.model_validate({"objects": {OBJECT: thing}})
    bounded = within(catalogue, most_bytes=None, most_row_bytes=MAX_ROW_BYTES)
    warehouse.ensure_tables(bounded)
    return Road(store, warehouse, bounded)


def change(number: int, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return event(number, body, object_name=OBJECT, change_type=kind, record_ids=[RECORD])


def a_text() -> str:
    return "".join(CHANCE.choices(string.ascii_letters + string.digits, k=100))


def unknown(road: Road) -> set[str]:
    with road.warehouse.transaction() as transaction:
        ((names,),) = transaction.fetch("SELECT unknown_fields FROM curated.thing_current")
    return set(names.split(",")) if names else set()


def expect_named(road: Road) -> None:
    """The open rows are the unknown fields, and the tables follow from the log."""
    spec = road.catalogue.object(OBJECT)
    with road.warehouse.transaction() as transaction:
        rows = transaction.fetch(
            "SELECT field FROM ops.quality WHERE resolved_at IS NULL AND severity = 'isolate' AND rule = 'too_wide'"
        )
    assert sorted(spec.columns[field] for (field,) in rows) == sorted(unknown(road))
    before = contents(road.warehouse, road.catalogue)
    with road.warehouse.transaction() as transaction:
        rebuild_records(transaction, spec, [RECORD])
        current, history = (
            transaction.fetch(read_rebuilt(table, columns))
            for table, columns in (
                (sql.current_table(spec), current_columns(spec)),
                (sql.history_table(spec), history_columns(spec)),
            )
        )
        checked = check_log(transaction.fetch(read_changes(spec)), current, history, spec)
    assert checked.altered == []
    assert contents(road.warehouse, road.catalogue) == before


MANY: dict[str, tuple[dict[str, dict[str, Any]], dict[str, Any]]] = {
    "eighteen digits": (
        {f"F{n}__c": AMOUNT for n in range(640)},
        {f"F{n}__c": 10**17 + n for n in range(640)},
    ),
    "texts and numbers by turns": (
        {f"F{n}__c": {"type": "double"} if n % 2 else TEXT for n in range(570)},
        {f"F{n}__c": n + 0.5 if n % 2 else a_text() for n in range(570)},
    ),
    "texts that are compressed": (
        {f"F{n}__c": {"type": "double"} if n % 2 else TEXT for n in range(570)},
        {f"F{n}__c": n + 0.5 if n % 2 else 100 * "x" for n in range(570)},
    ),
    "texts of every length": (
        {f"F{n}__c": {"type": "boolean"} if n % 3 == 1 else TEXT for n in range(800)},
        {f"F{n}__c": True if n % 3 == 1 else a_text()[: n % 60] for n in range(800)},
    ),
    "every type": (
        {f"F{n}__c": (TEXT, {"type": "date"}, AMOUNT, {"type": "int"})[n % 4] for n in range(800)},
        {f"F{n}__c": (a_text(), "2026-01-31", 123_456_789, 7)[n % 4] for n in range(800)},
    ),
}


@pytest.mark.parametrize("case", MANY)
async def test_a_change_that_is_too_wide_lands_but_for_its_last_fields(
    warehouse: PostgresWarehouse, store: ObjectStore, case: str
) -> None:
    fields, body = MANY[case]
    road = road_of(store, warehouse, fields)
    results = await road.send([change(1, "CREATE", body)])
    assert (results[OBJECT].applied, results[OBJECT].quarantined) == (1, 0)
    columns = list(road.catalogue.object(OBJECT).columns.values())
    lost = unknown(road)
    assert 0 < len(lost) < len(columns) / 2
    assert lost == set(columns[-len(lost) :])
    expect_named(road)


WIDE = {f"F{n}__c": TEXT for n in range(800)}


def filled(first: int, end: int) -> dict[str, Any]:
    return {f"F{n}__c": a_text() for n in range(first, end)}


@pytest.mark.parametrize("is_one_batch", [True, False], ids=["one batch", "two batches"])
async def test_changes_that_are_too_wide_together_leave_the_last_fields_unknown_until_there_is_room(
    warehouse: PostgresWarehouse, store: ObjectStore, is_one_batch: bool
) -> None:
    road = road_of(store, warehouse, WIDE)
    columns = list(road.catalogue.object(OBJECT).columns.values())
    first, second = change(1, "CREATE", filled(0, 400)), change(2, "UPDATE", filled(400, 800))
    for batch in [[first, second]] if is_one_batch else [[first], [second]]:
        await road.send(batch)
    lost = unknown(road)
    assert lost == set(columns[-len(lost) :])
    assert 300 < len(lost) < 400
    expect_named(road)

    # A change of what is left out changes nothing of that, and neither does one of a field that
    # fits.
    await road.send([change(3, "UPDATE", filled(798, 800))])
    await road.send([change(4, "UPDATE", filled(0, 1))])
    assert unknown(road) == lost
    expect_named(road)

    await road.send([change(5, "UPDATE", dict.fromkeys(filled(0, 400)))])
    assert unknown(road) == set()
    expect_named(road)
    with road.warehouse.transaction() as transaction:
        (row,) = transaction.fetch(f"SELECT {', '.join(columns[400:])} FROM curated.thing_current")
        versions = transaction.fetch(
            "SELECT unknown_fields IS NULL FROM curated.thing_history ORDER BY version"
        )
    assert None not in row, "the values that were left out are there again"
    assert [is_whole for (is_whole,) in versions] == [True, False, False, False, True]


async def test_changes_of_a_wide_object_whose_record_has_room_are_merged(
    warehouse: PostgresWarehouse, store: ObjectStore
) -> None:
    road = road_of(store, warehouse, WIDE)
    await road.send([change(1, "CREATE", filled(0, 100))])
    results = await road.send([change(2, "UPDATE", filled(100, 200))])
    assert (results[OBJECT].applied, results[OBJECT].rebuilt) == (1, 0)
    assert unknown(road) == set()
    expect_named(road)


async def test_a_late_change_that_makes_a_record_too_wide_is_taken_in(
    warehouse: PostgresWarehouse, store: ObjectStore
) -> None:
    road = road_of(store, warehouse, WIDE)
    late = await road.stage(road.land([change(1, "CREATE", filled(0, 400))]))
    await road.send([change(2, "UPDATE", filled(400, 800))])
    assert unknown(road) == set()
    road.applier(warehouse).apply([late[OBJECT]])
    assert 300 < len(unknown(road)) < 400
    expect_named(road)
