"""Parquet files as COPY reads them: columns by place, types exact, lengths in bytes.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

_ROWS = 20_000


@dataclass(frozen=True)
class TargetColumn:
    """A column that is loaded, as PostgreSQL's catalogue has it."""

    name: str
    kind: str
    """PostgreSQL's name of the type: `character varying`, `bigint`, `numeric`."""
    size: int = 0
    """Bytes of a character type, precision of a decimal."""
    scale: int = 0
    has_default: bool = False

    @property
    def shown(self) -> str:
        """As in error messages."""
        if self.kind == "numeric":
            return f"DECIMAL({self.size}, {self.scale})"
        return f"VARCHAR({self.size})" if self.kind.startswith("character") else self.kind.upper()


class ScanError(Exception):
    """A file cannot be loaded: Spectrum's code, and what it says."""

    def __init__(self, code: int, context: str, column: TargetColumn | None = None) -> None:
        super().__init__(context)
        self.code = code
        self.context = context
        self.column = column


INCOMPATIBLE = 15001
TOO_LONG = 15007


class Scanned(NamedTuple):
    """A file's rows as CSV for PostgreSQL."""

    columns: list[TargetColumn]
    """In the order of the values. A column without any value is left out, unless it has a default:
    PostgreSQL's part of a load is the time of each value, null or not.
    """
    chunks: list[bytes]
    rows: int


def checked(body: bytes, columns: list[TargetColumn], url: str) -> Scanned:
    """A file as COPY takes it. Raises `ScanError`."""
    try:
        file = pq.ParquetFile(io.BytesIO(body))
        schema, leaves = file.schema_arrow, file.schema
    except (pa.ArrowException, OSError) as error:
        raise ScanError(INCOMPATIBLE, f"File '{url}' is not a Parquet file: {error}") from error
    if len(schema) != len(columns):
        raise ScanError(
            TOO_LONG,
            f"Unmatched number of columns between table and file. Table columns: {len(columns)}, "
            f"Data columns: {len(schema)}, File name: {url}",
        )
    for place, (given, column) in enumerate(zip(schema, columns, strict=True)):
        if not _fits(given.type, leaves.column(place).physical_type, column):
            raise ScanError(
                INCOMPATIBLE,
                f"File '{url}' has an incompatible Parquet schema for column '{url}.{column.name}'. "
                f"Column type: {column.shown}, Parquet schema:\noptional "
                f"{leaves.column(place).physical_type.lower()} {given.name} ({given.type})",
                column,
            )
    rows = file.read()
    for place, column in enumerate(columns):
        _check_bytes(rows.column(place), column, url)
    kept = [
        place
        for place, column in enumerate(columns)
        if column.has_default or rows.column(place).null_count < len(rows)
    ] or [0]
    return Scanned([columns[place] for place in kept], list(_csv(rows.select(kept))), len(rows))


def _check_bytes(values: pa.ChunkedArray, column: TargetColumn, url: str) -> None:
    if not column.kind.startswith("character") or not column.size:
        return
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    if longest > column.size:
        raise ScanError(
            TOO_LONG,
            f"The length of the data column {column.name} is longer than the length defined in the table. "
            f"Table: {column.size}, Data: {longest}, File name: {url}",
            column,
        )


def _csv(rows: pa.Table) -> Iterator[bytes]:
    """Nulls are empty, and every value is quoted: an empty text is no null."""
    options = pacsv.WriteOptions(include_header=False, quoting_style="all_valid")
    for batch in rows.to_batches(max_chunksize=_ROWS):
        buffer = io.BytesIO()
        pacsv.write_csv(pa.Table.from_batches([batch]), buffer, write_options=options)
        yield buffer.getvalue()


def _fits(given: pa.DataType, physical: str, column: TargetColumn) -> bool:
    """True when Redshift reads this type of Parquet into a column."""
    kind = column.kind
    if kind.startswith("character"):
        return bool(pa.types.is_string(given) or pa.types.is_large_string(given))
    if kind == "numeric":
        return bool(
            pa.types.is_decimal(given) and given.scale == column.scale and given.precision <= column.size
        )
    if kind.startswith("timestamp"):
        is_known = physical == "INT96" or (physical == "INT64" and given.unit in ("ms", "us"))
        return bool(pa.types.is_timestamp(given) and is_known)
    wanted = _TYPES.get(kind)
    return wanted is not None and bool(given == wanted)


_TYPES = {
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "date": pa.date32(),
}
