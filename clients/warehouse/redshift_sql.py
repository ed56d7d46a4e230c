"""The SQL and the Parquet files of Redshift, made by pure functions.

No cluster has run this: what AWS' pages leave open is marked "unverified" where it matters.
"""

from collections.abc import Sequence
from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clients.warehouse.sql.apply import QUARANTINE
from schemas.errors import StatementError
from schemas.tables import CURATED, UTF8_BYTES, Column, Kind

MAX_TEXT_BYTES = 65_535
"""Most bytes of a VARCHAR: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html"""
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
    "change": "record_id, change_order",
}


def create_statement(table: str, columns: Sequence[Column]) -> str:
    """The DDL of one permanent table.

    No primary keys: Redshift does not enforce them, yet its planner trusts them. A record's rows
    lie on one slice in every table of its object, so that the fold's joins move nothing between
    nodes.
    """
    keys = _SORT_KEYS.get(table.rpartition("_")[2])
    options = f"DISTSTYLE KEY DISTKEY(record_id) SORTKEY({keys})" if keys else "DISTSTYLE AUTO"
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
    """A temporary table, distributed as the tables that it is joined with."""
    return (
        f"CREATE TEMP TABLE {name} ({_definitions(columns, required=False)}) DISTSTYLE KEY DISTKEY(record_id)"
    )


def lock_statement(table: str, known: frozenset[str], prefix: str = "") -> str:
    """Lock for the object whose tables are called after `table`; quarantine's for an object that
    has none.

    LOCK is the transaction's first statement: the snapshot is taken by the first query after it,
    so that it shows what the transaction before has committed. It is ACCESS EXCLUSIVE and so
    makes readers of the table wait until commit; Redshift has no weaker one.
    https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
    """
    current = f"{prefix}{CURATED}.{table}_current"
    return f"LOCK TABLE {current if current in known else prefix + QUARANTINE}"


def copy_statement(table: str, columns: Sequence[Column], url: str, role: str) -> str:
    """Load one Parquet object. Its columns are matched by position, and by type:
    https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
    """
    names = ", ".join(column.sql for column in columns)
    return f"COPY {table} ({names}) FROM {sql_literal(url)} IAM_ROLE {sql_literal(role)} FORMAT AS PARQUET"


def parquet_of(table: str, columns: Sequence[Column], rows: pa.Table) -> bytes:
    """The rows as one Parquet object, in exactly the order and the types of `columns`.

    Raises `StatementError` for a text beyond `MAX_TEXT_BYTES`: COPY from Parquet has no
    TRUNCATECOLUMNS, and would fail with a message that may show the row.
    """
    typed = rows.select([column.name for column in columns]).cast(
        pa.schema([(c.name, c.arrow) for c in columns])
    )
    for column in columns:
        if column.kind is Kind.TEXT and (
            size := pc.max(pc.binary_length(typed[column.name])).as_py() or 0
        ) > _bytes(column):
            detail = (
                f"{column.name} holds a text of {size} bytes; a Redshift column of it takes {_bytes(column)}"
            )
            raise StatementError(statement=f"COPY {table}", detail=detail)
    buffer = BytesIO()
    # Version 1.0 writes the encodings that every reader knows; our types look the same in it.
    pq.write_table(typed, buffer, compression="snappy", version="1.0")
    return buffer.getvalue()


def type_name(column: Column) -> str:
    """The column's type in Redshift. A VARCHAR's length is in bytes, a column's size in
    characters.
    """
    if column.kind is Kind.DECIMAL:
        return f"NUMERIC(18, {column.scale})"
    if column.kind is Kind.TEXT:
        return f"VARCHAR({_bytes(column)})"
    return _TYPES[column.kind]


def _bytes(column: Column) -> int:
    return min(UTF8_BYTES * column.size, MAX_TEXT_BYTES) if column.size else MAX_TEXT_BYTES


def _definitions(columns: Sequence[Column], *, required: bool) -> str:
    return ", ".join(
        f"{column.sql} {type_name(column)}{' NOT NULL' if required and column.required else ''}"
        for column in columns
    )


def sql_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
