"""Rows on their way into Redshift: as a Parquet object that COPY reads, or as values of an
INSERT.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.errors import StatementError
from schemas.tables import UTF8_BYTES, Column, Kind

MAX_TEXT_BYTES = 65_535
"""Most bytes of a VARCHAR: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html"""
MOST_VALUES = 1_000
"""Values of rows that are inserted. More go by COPY, which costs an object in S3 and about a second
before its first row.
"""
_MOST_BYTES = 1_000_000
"""Of an INSERT's values. A statement may have 16 MB:
https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql.html
"""


def text_bytes(column: Column) -> int:
    """Bytes of a text column: a VARCHAR's length is in bytes, a column's size in characters."""
    if not column.size:
        return MAX_TEXT_BYTES
    return min(column.size * (1 if column.is_ascii else UTF8_BYTES), MAX_TEXT_BYTES)


def sql_literal(text: str) -> str:
    """A text as a statement has it. It must hold no backslash, which Redshift may take for an
    escape.
    """
    return "'" + text.replace("'", "''") + "'"


def typed_rows(table: str, columns: Sequence[Column], rows: pa.Table) -> pa.Table:
    """The rows in exactly the order and the types of `columns`.

    Raises `StatementError` for a text that its column does not take: staging has counted the bytes
    of fields, so it is one of ours. COPY would fail with a message that may show the row.
    """
    typed = rows.select([column.name for column in columns]).cast(
        pa.schema([(c.name, c.arrow) for c in columns])
    )
    for column in columns:
        if column.kind is not Kind.TEXT:
            continue
        size, most = pc.max(pc.binary_length(typed[column.name])).as_py() or 0, text_bytes(column)
        if size > most:
            detail = f"{column.name} holds a text of {size} bytes; a Redshift column of it takes {most}"
            raise StatementError(statement=f"COPY {table}", detail=detail)
    return typed


def parquet_of(typed: pa.Table) -> bytes:
    """Rows of `typed_rows` as one Parquet object."""
    buffer = BytesIO()
    # Version 1.0 writes the encodings that every reader knows; our types look the same in it.
    pq.write_table(typed, buffer, compression="snappy", version="1.0")
    return buffer.getvalue()


def inserted_values(columns: Sequence[Column], typed: pa.Table) -> str | None:
    """Rows of `typed_rows` as the values of one INSERT; None when they are too many, too long, or
    hold a text that is not safe in a statement.
    """
    if len(typed) * len(columns) > MOST_VALUES:
        return None
    rows = typed.to_pylist()
    texts = [value for row in rows for value in row.values() if isinstance(value, str)]
    # Redshift may take a backslash for an escape, and has no character NUL.
    if sum(map(len, texts)) * UTF8_BYTES > _MOST_BYTES or any(
        "\\" in text or "\x00" in text for text in texts
    ):
        return None
    if any(isinstance(value, float) and not isfinite(value) for row in rows for value in row.values()):
        return None
    return ", ".join(f"({', '.join(_literal(row[c.name]) for c in columns)})" for row in rows)


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | Decimal():
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        case float():
            return f"CAST('{value!r}' AS DOUBLE PRECISION)"
        case datetime():
            return f"CAST('{value.isoformat(sep=' ')}' AS TIMESTAMPTZ)"
        case date():
            return f"CAST('{value.isoformat()}' AS DATE)"
        case _:
            return sql_literal(str(value))
