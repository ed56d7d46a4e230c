"""Rows by the million: Redshift unloads them to S3, and what comes is what a query gives."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from activities.reconcile.compare_digests import DigestComparison, _Comparison
from clients.storage.objects import ObjectStore
from clients.warehouse import Warehouse
from clients.warehouse.redshift import RedshiftWarehouse
from clients.warehouse.redshift_unload import UNLOAD_PREFIX
from clients.warehouse.sql.apply import current_table
from sandbox.redshift import launch
from schemas.catalogue import Catalogue
from schemas.reconcile_steps import CompareFactsInput, ReadFacts, Scope
from schemas.tables import Column, Kind, arrow_schema, current_columns
from tests.support.builders.bus import protector
from tests.support.builders.catalogues import with_fields

pytestmark = pytest.mark.service

NOW = datetime(2026, 3, 4, 5, 6, 7, 891_000, tzinfo=UTC)
KINDS = tuple(Column(f"a_{kind}", kind, scale=2 if kind is Kind.DECIMAL else 0, size=80) for kind in Kind)
VALUES = {
    "a_text": 'it\'s \u00e9\u20ac, "quoted"',
    "a_boolean": True,
    "a_integer": -(2**60),
    "a_double": 0.1,
    "a_decimal": Decimal("-12345678901234.25"),
    "a_date": date(2026, 1, 31),
    "a_timestamp": NOW,
}


@pytest.fixture
def whole(any_warehouse: Warehouse) -> Warehouse:
    any_warehouse.ensure_tables(catalogue())
    fill(any_warehouse)
    return any_warehouse


@pytest.fixture
def without_rights(redshift_database: str, store: ObjectStore) -> Iterator[RedshiftWarehouse]:
    """Its role loads, and may not unload."""
    opened = RedshiftWarehouse(redshift_database, store=store, copy_role=launch.LOAD_ROLE)
    opened.ensure_tables(catalogue())
    fill(opened)
    yield opened
    opened.close()


def catalogue() -> Catalogue:
    return with_fields({})


def fill(warehouse: Warehouse) -> None:
    """More accounts than are read at once."""
    spec = catalogue().object("Account")
    columns = current_columns(spec)
    times = dict.fromkeys(("changed_at", "applied_at", "last_modified_date"), NOW)
    rows = [
        {
            "record_id": f"001{number:012d}AAA",
            "name": f"it's {number}",
            "is_deleted": number % 7 == 0,
            "is_complete": True,
            "version": 1,
            "last_change_order": "1",
            "batch": "lane/1",
            **times,
        }
        for number in range(120)
    ]
    with warehouse.transaction() as transaction:
        transaction.load(current_table(spec), columns, pa.Table.from_pylist(rows, arrow_schema(columns)))


def comparison(warehouse: Warehouse, store: ObjectStore) -> _Comparison:
    given = DigestComparison(warehouse, store, catalogue(), protector(), rows_at_once=50)
    read = ReadFacts(prefix="none/", pages=0, rows=0, calls=0, asked_from=NOW)
    request = CompareFactsInput(
        org="o", object="Account", run="r", scope=Scope(has_fields=True), read=read, number=1
    )
    return _Comparison(given, request)


def test_an_export_gives_the_rows_of_its_query(
    redshift_warehouse: RedshiftWarehouse, store: ObjectStore
) -> None:
    rows = pa.Table.from_pylist([VALUES, {}], arrow_schema(KINDS))
    before = set(store.keys(UNLOAD_PREFIX))
    with redshift_warehouse.transaction() as transaction:
        transaction.stage("stage_kinds", KINDS, rows)
        query = f"SELECT {', '.join(column.sql for column in KINDS)} FROM stage_kinds WHERE a_text = 'it''s' OR TRUE"
        exported = [row for some in transaction.export(query) or () for row in some]
        assert sorted(exported, key=str) == sorted(transaction.fetch(query), key=str)
    assert set(store.keys(UNLOAD_PREFIX)) <= before


def test_every_row_is_compared_once_in_whatever_way_it_is_read(whole: Warehouse, store: ObjectStore) -> None:
    compared = comparison(whole, store)
    exported = pa_rows(compared._exported())
    with whole.reading() as reading:
        assert exported == pa_rows(compared._every(reading))
    assert len(exported) == 120


def test_a_role_without_the_right_to_unload_reads_by_pages(
    without_rights: RedshiftWarehouse, store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(pa_rows(comparison(without_rights, store)._exported())) == 120
    assert "are read by pages" in caplog.text


def pa_rows(parts: Iterator) -> list[tuple]:
    return sorted(tuple(row) for part in parts for row in part.tolist())
