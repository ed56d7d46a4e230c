"""Fields that the catalogue has no more are archived as texts, on both warehouses the same ones."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from clients.retention.sources import warehouse_sources
from clients.warehouse import Warehouse
from clients.warehouse.sql.apply import change_table
from schemas.tables import arrow_schema, change_columns
from tests.support.builders.catalogues import Fields, with_fields

pytestmark = pytest.mark.service

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
REMOVED: Fields = {
    "Is_Urgent__c": {"type": "boolean"},
    "Visits__c": {"type": "int"},
    "Seen__c": {"type": "date"},
    "Note__c": {"type": "string", "length": 40},
}


def test_a_removed_field_of_any_kind_is_read_as_a_text(any_warehouse: Warehouse) -> None:
    before, after = with_fields({"Case": REMOVED}), with_fields({})
    any_warehouse.ensure_tables(before)
    spec = before.object("Case")
    columns = change_columns(spec)
    names = [spec.columns[name] for name in REMOVED]
    values = [(True, 7, AT.date(), "a"), (False, None, None, None), (None, None, None, None)]
    rows = [row(str(number), dict(zip(names, some, strict=True))) for number, some in enumerate(values)]
    with any_warehouse.transaction() as transaction:
        table = pa.Table.from_pylist(rows, schema=arrow_schema(columns))
        transaction.load(change_table(spec), columns, table)
    sources = warehouse_sources(any_warehouse, after)
    (source,) = [each for each in sources if each.name == change_table(spec)]
    found = source.read((AT, AT + timedelta(days=1)))
    assert [tuple(each[name] for name in names) for each in found.to_pylist()] == [
        ("true", "7", "2026-03-04", "a"),
        ("false", None, None, None),
        (None, None, None, None),
    ]


def row(number: str, values: dict[str, object]) -> dict[str, object]:
    """A change in the columns that must have a value."""
    times = dict.fromkeys(("changed_at", "received_at", "applied_at"), AT)
    return {
        "record_id": f"50000000000000{number}AAA",
        "change_order": number,
        "change_type": "UPDATE",
        "batch": "lane/1",
        **times,
        **values,
    }
