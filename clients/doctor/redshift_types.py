"""The types of Redshift's columns beside the catalogue's (Amazon Redshift Database Developer Guide,
"SVV_COLUMNS"). No cluster has run this.
"""

from clients.database.address import Database
from clients.database.connect import connect_redshift
from clients.warehouse.psycopg_errors import translated_psycopg
from clients.warehouse.redshift_sql import type_name
from clients.warehouse.shadow.schemas import schemas_of
from clients.warehouse.sql.apply import TABLES_OF_OPS, tables_of
from schemas.catalogue import Catalogue
from schemas.tables import Column

_SPELLED = {"VARCHAR": "character varying", "TIMESTAMPTZ": "timestamp with time zone"}
"""The view's spelling of types and names in our statements."""
TYPES = (
    "SELECT table_schema || '.' || table_name, column_name, data_type FROM svv_columns "
    "WHERE table_schema IN ('{}', '{}', '{}')"
)


def wrong_redshift_types(dsn: Database, catalogue: Catalogue) -> list[str]:
    """A sentence for each column that is there with another type than the catalogue's; lengths are
    not compared.
    """
    with (
        translated_psycopg("Redshift"),
        connect_redshift(dsn) as connection,
    ):
        rows = connection.execute(TYPES.format(*schemas_of("")).encode()).fetchall()
    there = {(str(table), str(column)): str(kind) for table, column, kind in rows}
    tables: dict[str, tuple[Column, ...]] = dict(TABLES_OF_OPS)
    for spec in catalogue.objects.values():
        tables |= tables_of(spec)
    return [
        f"The warehouse has {table}.{column.name} as {there[table, column.name]}, the catalogue makes it {wanted}"
        for table, columns in tables.items()
        for column in columns
        if (table, column.name) in there and (wanted := spelled(column)) != there[table, column.name]
    ]


def spelled(column: Column) -> str:
    """The column's type as the view spells it, without length and scale."""
    bare = type_name(column).partition("(")[0]
    return _SPELLED.get(bare, bare).lower()
