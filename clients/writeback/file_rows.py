"""The rows of a file of writebacks: CSV, NDJSON or Parquet, one after the other, within bounds.

Whatever bytes come, a file gives rows, or `UnreadableError` with what to do and nothing of what is
in it.
"""

import codecs
import csv
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from schemas.writeback.files import (
    MOST_COLUMNS,
    MOST_GROUP_BYTES,
    MOST_LINE,
    MOST_ROWS,
    FileFormat,
)

_HEADER = 256 * 1024
_PARQUET_ROWS = 1_000
"""Rows that are laid open at once."""
_WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableError(ValueError):
    """The file cannot be read on; the message says why and what to do, and nothing of what is in
    it.
    """


class Numbered(NamedTuple):
    """A row, or why it is none."""

    number: int
    """1 for the first."""
    row: dict[str, Any] | None
    message: str = ""


def rows_of(stream: BinaryIO, file_format: FileFormat) -> Iterator[Numbered]:
    """The rows of a file in order; raises `UnreadableError` where it cannot be read on."""
    for each in _READERS[file_format](stream):
        if each.number > MOST_ROWS:
            raise UnreadableError(f"it has more than {MOST_ROWS:,} rows; hand them in as several files")
        yield each


def _require_utf8(stream: BinaryIO) -> None:
    """Refuse what announces itself as UTF-16 or UTF-32; the stream stands at its beginning, after a
    mark of UTF-8.
    """
    start = stream.read(len(codecs.BOM_UTF32_LE))
    if start.startswith(_WIDE_MARKS):
        raise UnreadableError("it is in UTF-16 or UTF-32; save it as UTF-8")
    stream.seek(len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0)


def _ndjson(stream: BinaryIO) -> Iterator[Numbered]:
    _require_utf8(stream)
    number = 0
    while line := stream.readline(MOST_LINE):
        if not line.strip():
            continue
        number += 1
        if len(line) == MOST_LINE and not line.endswith(b"\n"):
            raise UnreadableError(f"a line is longer than {MOST_LINE:,} bytes; end each row with a line feed")
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        if isinstance(row, dict):
            yield Numbered(number, row)
        else:
            yield Numbered(number, None, "This line is no JSON object. Write one object a line.")


def _csv(stream: BinaryIO) -> Iterator[Numbered]:
    names = _header(stream)
    odd: deque[int] = deque()
    """Rows with more or fewer cells than the header."""

    def skip(row: pa_csv.InvalidRow) -> str:
        odd.append(row.number - 1)  # Arrow counts the header
        return "skip"

    try:
        reader = pa_csv.open_csv(
            pa.PythonFile(stream, "r"),
            # Only a reader without threads knows which row it skips.
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=MOST_LINE),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )
        rows = (row for batch in reader for row in batch.to_pylist())
        yield from _with_odd(rows, odd, len(names))
    except (pa.ArrowException, ValueError, OverflowError) as error:
        if isinstance(error, UnreadableError):
            raise
        # Arrow's own words may say a value.
        raise UnreadableError(_csv_trouble(error)) from None


def _csv_trouble(error: Exception) -> str:
    if "straddl" in str(error):
        return f"a row is longer than {MOST_LINE:,} bytes, as after a quote that nothing closes; correct it"
    return "from there on it is no CSV in UTF-8; correct it"


def _with_odd(rows: Iterator[dict[str, Any]], odd: deque[int], cells: int) -> Iterator[Numbered]:
    """The rows with their numbers, and in their places those that were skipped: their numbers are
    in `odd` before the next row comes.
    """
    message = (
        f"This row has more or fewer cells than the {cells} of the header. Put texts with commas in quotes."
    )
    number = 0
    for row in rows:
        number += 1
        while odd and odd[0] == number:
            odd.popleft()
            yield Numbered(number, None, message)
            number += 1
        yield Numbered(number, row)
    yield from (Numbered(each, None, message) for each in odd)


def _header(stream: BinaryIO) -> list[str]:
    """The column names; the stream stands where it stood."""
    _require_utf8(stream)
    begins = stream.tell()
    lines = stream.read(_HEADER).splitlines()
    stream.seek(begins)
    if not lines or not lines[0].strip():
        raise UnreadableError("it has no header; begin it with the names of the columns")
    try:
        [names] = csv.reader([lines[0].decode("utf-8")], strict=True)
    except (ValueError, csv.Error):
        raise UnreadableError(
            "its first line is no header in UTF-8; begin it with the names of the columns"
        ) from None
    if not all(name.isprintable() for name in names):
        raise UnreadableError("a column's name holds a control character; is it UTF-16? Save it as UTF-8")
    if len(names) > MOST_COLUMNS:
        raise UnreadableError(f"it has more than {MOST_COLUMNS:,} columns; leave out those of no field")
    if len(set(names)) < len(names):
        raise UnreadableError("two columns have one name; leave one of them out")
    return names


def _parquet(stream: BinaryIO) -> Iterator[Numbered]:
    number = 0
    try:
        file = pq.ParquetFile(stream)
        _require_small(file.metadata)
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield Numbered(number, row)
    except UnreadableError:
        raise
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, ArithmeticError):
        raise UnreadableError("it is no Parquet file, or a broken one; write it again") from None


def _require_small(facts: pq.FileMetaData) -> None:
    """Refuse a file that says itself that it inflates to more than a file may."""
    if facts.num_rows > MOST_ROWS:
        raise UnreadableError(f"it has more than {MOST_ROWS:,} rows; hand them in as several files")
    if facts.num_columns > MOST_COLUMNS:
        raise UnreadableError(f"it has more than {MOST_COLUMNS:,} columns; leave out those of no field")
    groups = [facts.row_group(index) for index in range(facts.num_row_groups)]
    if any(group.total_byte_size > MOST_GROUP_BYTES for group in groups):
        detail = (
            f"a row group inflates to more than {MOST_GROUP_BYTES // 2**20} MiB; write smaller row groups"
        )
        raise UnreadableError(detail)
    if facts.num_rows > sum(map(_stored, groups)) + _PARQUET_ROWS:
        # Each row names its record, which takes a byte at least, however well it is packed.
        raise UnreadableError("it has more rows than bytes, so its rows are alike; give each record once")


def _stored(group: pq.RowGroupMetaData) -> int:
    return sum(int(group.column(index).total_compressed_size) for index in range(group.num_columns))


_READERS: dict[FileFormat, Callable[[BinaryIO], Iterator[Numbered]]] = {
    FileFormat.CSV: _csv,
    FileFormat.NDJSON: _ndjson,
    FileFormat.PARQUET: _parquet,
}
