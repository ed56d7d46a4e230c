"""The SQL of Redshift's tables and loads, made by pure functions.

No cluster has run this: what AWS' pages leave open is marked "unverified" where it matters, and
`tidegate warehouse verify` asks a cluster about it.
"""

from collections.abc import Sequence

from clients.warehouse.redshift_values import sql_literal, text_bytes
from schemas.tables import OPS, RECORD_ID, Column, Kind

_TYPES = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.DOUBLE: "DOUBLE PRECISION",
    Kind.DATE: "DATE",
    # Loaded from Parquet INT64 timestamps that are marked UTC. AWS documents no mapping for this
    # type; that COPY takes it is known from two public loaders that do just so, PostHog's batch
    # exports (destinations/ redshift_batch_export.py) and dlt (impl/redshift/factory.py):
    # unverified here. A timestamp without a zone would be worse: pyarrow then leaves out the older
    # of Parquet's two type marks, and COPY was seen to misread the unit
    # (https://github.com/apache/arrow/issues/38000).
    Kind.TIMESTAMP: "TIMESTAMPTZ",
}
_SORT_KEYS = {
    "base": "record_id",
    "current": "record_id",
    "history": "record_id, valid_from",
    # Rows come in this order, so nothing is to be sorted later, and a bound in time skips the rest.
    "change": "applied_at",
}
_SORT_KEYS_OF_OPS = {
    "ledger": "committed_at",
    "quarantine": "quarantined_at",
    "reread": "asked_at",
    "quality_day": "day",
    "reconciliation": "ended_at",
}


def create_statement(table: str, columns: Sequence[Column]) -> str:
    """The DDL of one permanent table.

    No primary keys: Redshift does not enforce them, yet its planner trusts them. A record's rows
    lie on one slice in every table of its object, so that the fold's joins move nothing between
    nodes.
    """
    schema, _, name = table.partition(".")
    if schema.endswith(OPS):
        key = _SORT_KEYS_OF_OPS.get(name)
        options = f"DISTSTYLE AUTO SORTKEY({key})" if key else "DISTSTYLE AUTO"
    else:
        options = f"DISTSTYLE KEY DISTKEY(record_id) SORTKEY({_SORT_KEYS[name.rpartition('_')[2]]})"
    return f"CREATE TABLE IF NOT EXISTS {table} ({_definitions(columns, required=True)}) {options}"


def missing_statements(table: str, columns: Sequence[Column], existing: set[str] | None) -> dict[str, str]:
    """Tables and columns to be made -> the DDL for each. `existing`: the table's columns; None when
    there is no table.
    """
    if existing is None:
        return {table: create_statement(table, columns)}
    # Nullable although it may be required: ADD COLUMN … NOT NULL asks for a default for the rows
    # that are there.
    return {
        f"{table}.{column.name}": f"ALTER TABLE {table} ADD COLUMN {column.sql} {type_name(column)}"
        for column in columns
        if column.name not in existing
    }


def stage_statement(name: str, columns: Sequence[Column]) -> str:
    """A temporary table; one of records is distributed as the tables that it is joined with."""
    is_of_records = any(column.name == RECORD_ID.name for column in columns)
    options = "DISTSTYLE KEY DISTKEY(record_id)" if is_of_records else "DISTSTYLE EVEN"
    return f"CREATE TEMP TABLE {name} ({_definitions(columns, required=False)}) {options}"


def copy_statement(
    table: str, columns: Sequence[Column], url: str, role: str, *, is_stage: bool = False
) -> str:
    """Load one Parquet object. Its columns are matched by position, and by type:
    https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html

    `is_stage`: no statistics are made, which would cost more than the table is used for.
    """
    statistics = " STATUPDATE OFF" if is_stage else ""
    return (
        f"COPY {table} ({_names(columns)}) FROM {sql_literal(url)} IAM_ROLE {sql_literal(role)} "
        f"FORMAT AS PARQUET{statistics}"
    )


def insert_statement(table: str, columns: Sequence[Column], values: str) -> str:
    """Insert a few rows; `values` is of `inserted_values`."""
    return f"INSERT INTO {table} ({_names(columns)}) VALUES {values}"


def type_name(column: Column) -> str:
    """The column's type in Redshift."""
    if column.kind is Kind.DECIMAL:
        return f"NUMERIC(18, {column.scale})"
    if column.kind is Kind.TEXT:
        return f"VARCHAR({text_bytes(column)})"
    return _TYPES[column.kind]


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.sql for column in columns)


def _definitions(columns: Sequence[Column], *, required: bool) -> str:
    return ", ".join(
        f"{column.sql} {type_name(column)}{' NOT NULL' if required and column.required else ''}"
        for column in columns
    )
