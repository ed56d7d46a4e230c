"""A read copy that is set beside a running engine is filled from the warehouse."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from activities.read_copy.compare import compare_object, note_comparison
from activities.read_copy.fill import CopyFiller
from clients.warehouse.read_copy.beside import CopiedWarehouse
from clients.warehouse.read_copy.standing import standings
from clients.warehouse.redshift import RedshiftWarehouse
from clients.warehouse.sql import apply as sql
from schemas.catalogue import default_catalogue
from tests.service.read_copy.test_apply import CASE, OTHER, case, contact, count
from tests.support.engines.copied import CopiedRoad, copied

pytestmark = pytest.mark.service


@pytest.fixture
def warehouse(redshift_warehouse: RedshiftWarehouse, copy_database: str) -> Iterator[CopiedWarehouse]:
    """The copy has no tables yet: a test sets it beside the warehouse when something is applied."""
    redshift_warehouse.ensure_tables(default_catalogue())
    opened = copied(redshift_warehouse, copy_database)
    yield opened
    opened.close()


async def before(road: CopiedRoad, warehouse: CopiedWarehouse) -> None:
    """Changes of a time without a copy."""
    alone = CopiedRoad(road.store, warehouse.with_copy()[-1], lane=road.lane)
    await alone.send([case(2, "CREATE"), case(3), contact(4, "CREATE"), case(5, "CREATE", OTHER)])
    await alone.send([case(6, "DELETE", OTHER)])
    road.position = alone.position


def filler(road: CopiedRoad, warehouse: CopiedWarehouse) -> CopyFiller:
    return CopyFiller(warehouse, road.catalogue, road.protector(), records_at_once=1, pause=0)


async def test_a_fill_makes_the_copy_equal_while_batches_are_applied(
    road: CopiedRoad, warehouse: CopiedWarehouse
) -> None:
    await before(road, warehouse)
    warehouse.ensure_tables(road.catalogue)
    await road.send([case(8), contact(9)])
    assert compare_object(warehouse, road.catalogue.object("Case")) is not None
    done = [filler(road, warehouse).fill(name) for name in ("Case", "Contact")]
    assert [(each.records, each.differs) for each in done] == [(2, None), (1, None)]
    await road.send([case(10, record=OTHER), contact(11)])
    of_copy, own = await road.both()
    assert of_copy == own


async def test_an_object_is_filled_from_the_beginning_where_nothing_was_applied(
    road: CopiedRoad, warehouse: CopiedWarehouse
) -> None:
    await before(road, warehouse)
    warehouse.ensure_tables(road.catalogue)
    with warehouse.copy.reading() as reading:
        found = standings(reading)
    assert "Case" not in found
    assert found["Account"].refusal is None


async def test_a_fill_that_was_interrupted_goes_on(road: CopiedRoad, warehouse: CopiedWarehouse) -> None:
    await before(road, warehouse)
    warehouse.ensure_tables(road.catalogue)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filler(road, warehouse).fill("Case", tell=stop)
    with warehouse.copy.reading() as reading:
        row = standings(reading)["Case"]
    assert (row.after, row.filled_at, row.refusal) == (CASE, None, "is not filled yet")
    assert filler(road, warehouse).fill("Case").records == 2
    of_copy, own = await road.both()
    for table in ("audit.case_change", "curated.case_current"):
        assert of_copy[table] == own[table]


async def test_a_batch_that_only_the_warehouse_has_is_found_and_filled(
    road: CopiedRoad, warehouse: CopiedWarehouse
) -> None:
    warehouse.ensure_tables(road.catalogue)
    await road.send([case(2, "CREATE")])
    alone = CopiedRoad(road.store, warehouse.with_copy()[-1], lane=road.lane, position=road.position)
    await alone.send([case(4)])  # by a process that does not know of the copy
    found = compare_object(warehouse, road.catalogue.object("Case"))
    assert found == "1 batches of the last two days are not in it"
    note_comparison(warehouse, "Case", found)
    with warehouse.copy.reading() as reading:
        assert "1 batches" in (standings(reading)["Case"].refusal or "")
    done = filler(road, warehouse).fill("Case")
    assert (done.changes, done.differs) == (1, None)
    with warehouse.copy.reading() as reading:
        rows = reading.fetch("SELECT applied_at FROM audit.case_change ORDER BY change_order")
    # Behind every cursor that was given out before.
    assert rows[1][0] > rows[0][0] + timedelta(0)


async def test_what_is_on_its_way_to_the_warehouse_is_no_difference(
    road: CopiedRoad, warehouse: CopiedWarehouse
) -> None:
    warehouse.ensure_tables(road.catalogue)
    await road.send([case(2, "CREATE")])
    ahead = CopiedRoad(road.store, warehouse.copy, lane=road.lane, position=road.position)
    await ahead.send([case(4), case(5, "CREATE", OTHER)])
    assert compare_object(warehouse, road.catalogue.object("Case")) is None


async def test_a_record_that_differs_is_found(road: CopiedRoad, warehouse: CopiedWarehouse) -> None:
    warehouse.ensure_tables(road.catalogue)
    await road.send([case(2, "CREATE"), case(3)])
    with warehouse.copy.transaction() as transaction:
        transaction.execute("DELETE FROM audit.case_change")
        transaction.execute("DELETE FROM curated.case_current")
    spec = road.catalogue.object("Case")
    assert compare_object(warehouse, spec) == "1 records differ"
    assert filler(road, warehouse).fill("Case", afresh=True).differs is None
    assert count(warehouse.copy, sql.change_table(spec)) == 2
