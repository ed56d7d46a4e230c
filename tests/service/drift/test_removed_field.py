"""A field that the catalogue has no more: its records are rebuilt, changed and settled without
it.
"""

from typing import Any

import pytest

from activities.apply.rebuild import rebuild_records
from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from schemas.catalogue import Catalogue
from tests.support.builders.batches import Road
from tests.support.builders.bus import event

pytestmark = pytest.mark.service

OBJECT = "Thing__c"
RECORD = "a0x000000000001AAA"


def catalogue(gone: dict[str, object] | None) -> Catalogue:
    fields = {"Name": {"type": "string"}} | ({} if gone is None else {"Gone__c": gone})
    thing = {"label": "Things", "key_prefix": "a0x", "history": True, "fields": fields}
    return Catalogue.model_validate({"objects": {OBJECT: thing}})


@pytest.mark.parametrize("left", [None, {"type": "int", "ignore": True}], ids=["removed", "ignored"])
async def test_a_record_with_changes_of_a_field_that_is_gone_is_rebuilt_and_changed(
    warehouse: PostgresWarehouse, store: ObjectStore, left: dict[str, object] | None
) -> None:
    before = catalogue({"type": "int"})
    warehouse.ensure_tables(before)
    road = Road(store, warehouse, before)
    body = {"Name": "one", "Gone__c": 7}
    await road.send([change(1, "CREATE", body), change(2, "UPDATE", {"Name": "two", "Gone__c": "bad"})])
    assert row(road) == ("two", "gone")
    after = catalogue(left)
    road = Road(store, warehouse, after, lane=road.lane, position=road.position)
    with warehouse.transaction() as transaction:
        rebuild_records(transaction, after.object(OBJECT), [RECORD])
    assert row(road) == ("two", None)
    await road.send([change(3, "UPDATE", {"Name": "three"})])
    assert (row(road), open_rows(road)) == (("three", None), [])


def change(number: int, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return event(number, body, object_name=OBJECT, change_type=kind, record_ids=[RECORD])


def row(road: Road) -> tuple[object, ...]:
    with road.warehouse.transaction() as transaction:
        (found,) = transaction.fetch("SELECT name, unknown_fields FROM curated.thing_current")
    return found


def open_rows(road: Road) -> list[tuple[object, ...]]:
    with road.warehouse.transaction() as transaction:
        return transaction.fetch(
            "SELECT field, rule FROM ops.quality WHERE resolved_at IS NULL AND record_id <> ''"
        )
