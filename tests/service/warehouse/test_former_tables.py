"""A warehouse of a release that put no names on record: its tables go on, or somebody hears why
they do not.
"""

from typing import Any

import psycopg
import pytest

from clients.warehouse.former_tables import former_names
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.stored_names import keep_names
from schemas.catalogue import Catalogue
from schemas.errors import SettingsError

pytestmark = pytest.mark.service

LONGEST = "Abcde_fghi_" + 44 * "j" + "__c"
"""Its tables' names begin with 55 bytes: the most that worked in PostgreSQL before there was a
bound.
"""
TEXT: dict[str, Any] = {"type": "string"}


def catalogue(name: str = "Thing__c", **fields: dict[str, Any]) -> Catalogue:
    entry = {"label": "T", "key_prefix": "a0x", "history": True, "fields": {"Title__c": TEXT, **fields}}
    return Catalogue.model_validate({"objects": {name: entry}})


def older(database: str, table: str, *columns: str) -> None:
    """The tables as release 0.1 has left them."""
    with psycopg.connect(database) as connection:
        for schema in ("curated", "audit"):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}".encode())
        more = "".join(f", {name} TEXT" for name in ("title", *columns))
        for called in (f"audit.{table}_change", f"curated.{table}_current", f"curated.{table}_history"):
            connection.execute(f"CREATE TABLE {called} (record_id TEXT{more})".encode())


def names(warehouse: PostgresWarehouse) -> dict[str, str]:
    with warehouse.transaction() as transaction:
        return dict(transaction.fetch("SELECT field, name FROM ops.names"))


@pytest.mark.parametrize("name", ["Abcd_" + 44 * "j" + "__c", LONGEST])
def test_a_table_of_49_bytes_or_more_keeps_its_name(
    warehouse: PostgresWarehouse, database: str, name: str
) -> None:
    table = name.removesuffix("__c").lower()
    assert 49 <= len(table) <= 55
    older(database, table)
    named = keep_names(warehouse, catalogue(name))
    assert named.object(name).table == table
    warehouse.ensure_tables(named)
    existing = warehouse.existing_columns()
    assert [each for each in existing if each.startswith("curated.")] == [
        f"curated.{table}_current",
        f"curated.{table}_history",
    ]


def test_tables_with_the_longest_name_are_made(warehouse: PostgresWarehouse) -> None:
    named = keep_names(warehouse, catalogue(LONGEST))
    assert len(warehouse.ensure_tables(named)) >= 3
    assert warehouse.ensure_tables(named) == []


@pytest.mark.parametrize("name", ["unknown_fields", "isolated_fields", "field_findings"])
def test_a_fields_column_that_is_ours_by_now_is_refused_until_it_is_renamed(
    warehouse: PostgresWarehouse, database: str, name: str
) -> None:
    older(database, "thing", name)
    file = catalogue("Thing__c", **{f"{name.title()}__c": TEXT})
    new = file.object("Thing__c").columns[f"{name.title()}__c"]
    with pytest.raises(SettingsError, match=f"RENAME COLUMN {name} TO {new}"):
        keep_names(warehouse, file)
    assert names(warehouse) == {}
    with psycopg.connect(database) as connection:
        for table in ("audit.thing_change", "curated.thing_current", "curated.thing_history"):
            connection.execute(f"ALTER TABLE {table} RENAME COLUMN {name} TO {new}".encode())
    keep_names(warehouse, file)
    assert names(warehouse)[f"{name.title()}__c"] == new


@pytest.mark.parametrize("name", ["unknown_fields", "isolated_fields"])
def test_a_column_that_is_ours_by_now_is_refused_though_its_field_is_gone(
    warehouse: PostgresWarehouse, database: str, name: str
) -> None:
    older(database, "thing", name)
    with pytest.raises(SettingsError, match=f"{name} in thing's tables is a field's column"):
        keep_names(warehouse, catalogue())


def test_a_table_whose_name_is_another_by_now_is_named() -> None:
    """Redshift has taken longer names."""
    name = "Ab" + 54 * "c" + "__c"
    objects = catalogue(name).objects
    table = objects[name].table
    assert table != name.removesuffix("__c").lower()
    former = f"curated.ab{54 * 'c'}_current"
    (problem,) = former_names(objects, objects, {former: {"title"}})
    assert f"ALTER TABLE {former} RENAME TO {table}_current" in problem
    assert former_names(objects, objects, {f"curated.{table}_current": {"title"}}) == []


def test_tables_of_this_release_are_no_obstacle(warehouse: PostgresWarehouse) -> None:
    """Also where their names are not on record."""
    both = catalogue(
        Unknown_Fields__c=TEXT, Isolated_Fields__c=TEXT, Field_Findings__c=TEXT, Version__c=TEXT, Title=TEXT
    )
    warehouse.ensure_tables(both)
    assert keep_names(warehouse, both).object("Thing__c").columns == both.object("Thing__c").columns
