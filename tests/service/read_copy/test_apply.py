"""A batch is applied to the read copy and to the warehouse, once to each."""

from typing import Any

import pytest

from clients.warehouse import Warehouse
from clients.warehouse.read_copy.beside import CopiedWarehouse
from clients.warehouse.sql import apply as sql
from tests.laws.test_law_4_applied_whole import FailingWarehouse, PowerCut, as_warehouse, cut_power
from tests.support.builders.bus import event, stamps
from tests.support.engines.copied import CopiedRoad

pytestmark = pytest.mark.service

CASE, OTHER, CONTACT = "500000000000001AAA", "500000000000002AAA", "003000000000001AAA"


def case(replay_id: int, change_type: str = "UPDATE", record: str = CASE, **fields: Any) -> dict[str, Any]:
    values = {"Subject": f"subject {replay_id}", "Status": "New", **stamps(), **fields}
    return event(replay_id, values, object_name="Case", change_type=change_type, record_ids=[record])


def contact(replay_id: int, change_type: str = "UPDATE") -> dict[str, Any]:
    fields = {"Name": {"LastName": "Lund"}, "Email": "lund@example.org", **stamps()}
    return event(replay_id, fields, object_name="Contact", change_type=change_type, record_ids=[CONTACT])


def count(warehouse: Warehouse, table: str) -> int:
    with warehouse.reading() as reading:
        return int(reading.fetch(f"SELECT COUNT(*) FROM {table}")[0][0])


async def test_the_copy_has_the_rows_of_the_warehouse(road: CopiedRoad) -> None:
    await road.send([case(2, "CREATE"), contact(3, "CREATE"), case(4)])
    results = await road.send([case(6), contact(7)])
    assert {name: each.applied for name, each in results.items()} == {"Case": 1, "Contact": 1}
    # out of order: the record is folded again, in both
    await road.send([case(5)])
    of_copy, own = await road.both()
    assert of_copy == own
    assert len(own["curated.case_current"]) == 1
    assert len(own["audit.case_change"]) == 4


async def test_a_batch_that_failed_behind_the_copy_is_applied_once_when_done_again(
    road: CopiedRoad, warehouse: CopiedWarehouse
) -> None:
    (item,) = (await road.stage(road.land([case(2, "CREATE")]))).values()
    of_copy, own = warehouse.with_copy()
    failing = as_warehouse(FailingWarehouse(own, 1, cut_power))
    broken = CopiedWarehouse(failing, of_copy)
    with pytest.raises(PowerCut):
        await CopiedRoad(road.store, broken).apply(item)
    assert [count(each, sql.LEDGER) for each in (of_copy, own)] == [1, 0]
    assert (await road.apply(item)).applied == 1
    assert [count(each, sql.LEDGER) for each in (of_copy, own)] == [1, 1]
    assert [count(each, "audit.case_change") for each in (of_copy, own)] == [1, 1]


async def test_the_copy_keeps_none_of_the_books_of_the_warehouse(
    road: CopiedRoad, warehouse: CopiedWarehouse
) -> None:
    unknown = event(2, {"Subject": "s", **stamps(), "Nobody__c": 1}, object_name="Case", change_type="CREATE")
    # an update of a record that was never seen asks for a snapshot
    await road.send([unknown, case(3, record=OTHER)])
    of_copy, own = warehouse.with_copy()
    books = (sql.QUALITY, sql.QUARANTINE, sql.REREAD)
    assert sum(count(own, table) for table in books) > 0
    assert sum(count(of_copy, table) for table in books) == 0


async def test_a_write_that_forgets_the_copy_is_refused(warehouse: CopiedWarehouse) -> None:
    with (
        pytest.raises(RuntimeError, match="not in its read copy"),
        warehouse.transaction() as transaction,
    ):
        transaction.execute("DELETE FROM curated.case_current")
