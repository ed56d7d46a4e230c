"""Rows of several tables in one COPY: where each value lies, and how a table gets its rows."""

import pyarrow as pa

from clients.warehouse.loads import Load, by_table
from clients.warehouse.redshift_shipment import (
    MOST_COLUMNS,
    PART,
    SHIPPED,
    shipments,
    slots_of,
    take_out_statement,
)
from schemas.tables import RECORD_ID, Column, Kind

NAME, CITY = Column("name", Kind.TEXT, 40), Column("city", Kind.TEXT, 40)
NOTE, COUNT = Column("note", Kind.TEXT, 80), Column("count", Kind.INTEGER, required=True)


def load(table: str, columns: tuple[Column, ...], *rows: tuple[object, ...]) -> Load:
    names = [column.name for column in columns]
    schema = pa.schema([(column.name, column.arrow) for column in columns])
    return Load(
        table, columns, pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema)
    )


PEOPLE = load("curated.people", (RECORD_ID, NAME, CITY), ("1", "Ada", "Oslo"))
THINGS = load(
    "curated.things", (RECORD_ID, NOTE, COUNT, NAME), ("2", "old", 7, "lamp"), ("3", None, 8, "pot")
)


def test_columns_of_one_type_share_a_slot_over_all_tables() -> None:
    assert [slot.name for slot in slots_of(PEOPLE.columns)] == ["record_id", "varchar_160_1", "varchar_160_2"]
    assert [slot.name for slot in slots_of(THINGS.columns)] == [
        "record_id",
        "varchar_320_1",
        "bigint_1",
        "varchar_160_1",
    ]


def test_a_slot_takes_null_whatever_the_column_asks_for() -> None:
    assert not any(slot.required for slot in slots_of(THINGS.columns))


def test_every_file_of_a_shipment_has_the_same_columns() -> None:
    (shipment,) = shipments([PEOPLE, THINGS])
    names = [column.name for column in shipment.columns]
    assert names == [PART.name, "record_id", "bigint_1", "varchar_160_1", "varchar_160_2", "varchar_320_1"]
    assert [shipment.file(each).schema.names for each in (PEOPLE, THINGS)] == [names, names]
    assert [tuple(row.values()) for row in shipment.file(THINGS).to_pylist()] == [
        ("curated.things", "2", 7, "lamp", None, "old"),
        ("curated.things", "3", 8, "pot", None, None),
    ]


def test_a_table_gets_its_own_rows() -> None:
    assert take_out_statement(THINGS, "shadow_x_curated.things") == (
        'INSERT INTO shadow_x_curated.things ("record_id", "note", "count", "name") '
        'SELECT "record_id", "varchar_320_1", "bigint_1", "varchar_160_1" '
        f"FROM {SHIPPED} WHERE part = 'curated.things'"
    )


def test_more_columns_than_a_table_has_are_two_shipments() -> None:
    wide = [
        load(f"curated.t{size}", tuple(Column(f"c{n}", Kind.TEXT, size) for n in range(MOST_COLUMNS // 2)))
        for size in (10, 20, 30)
    ]
    found = shipments(wide)
    assert [len(each.loads) for each in found] == [1, 1, 1]
    assert all(len(each.columns) <= MOST_COLUMNS for each in found)


def test_loads_of_one_table_are_one_load() -> None:
    more = load("curated.people", PEOPLE.columns, ("4", "Bo", None))
    merged = by_table([PEOPLE, THINGS, more])
    assert [each.table for each in merged] == ["curated.people", "curated.things"]
    assert merged[0].rows["record_id"].to_pylist() == ["1", "4"]
