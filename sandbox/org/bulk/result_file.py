"""The result of a query job on disk: lines one after the other, and beside them where each begins.

Any run of rows is therefore one range of bytes, found by two reads of eight bytes; pages are the
same whenever they are fetched.
"""

from array import array
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from sqlite3 import Connection
from threading import Event
from typing import BinaryIO

import orjson

from sandbox.org.bulk.csv_sql import (
    header_line,
    is_whole_object,
    line_sql,
    numbered_sql,
    numbers_statement,
    range_sql,
    result_columns,
)
from sandbox.org.bulk.model import Job
from sandbox.org.soql.compiled import CompiledQuery

_BLOCK_ROWS = 1_000
_OFFSET_BYTES = 8


class StoppedError(Exception):
    """The job was aborted, or the org stops: nothing more is to be done for it."""


class ResultFile:
    """The three files of one result."""

    def __init__(self, folder: Path) -> None:
        self._header = folder / "header.csv"
        self.lines = folder / "rows.csv"
        self._offsets = folder / "rows.offsets"

    @property
    def header(self) -> bytes:
        return self._header.read_bytes()

    def write(self, connection: Connection, compiled: CompiledQuery, job: Job, stop: Event) -> int:
        """Write the whole result; returns its rows. Raises `StoppedError`. Runs in a thread."""
        columns = result_columns(compiled, job.version)
        self._header.write_text(header_line(columns, job.separator, job.newline), "utf-8", newline="")
        line = line_sql(compiled, columns, job.separator, job.newline)
        job.processed = end = 0
        with self.lines.open("wb") as lines, self._offsets.open("wb") as offsets:
            offsets.write(bytes(_OFFSET_BYTES))
            for block, lengths in _blocks(connection, compiled, line):
                if stop.is_set():
                    raise StoppedError
                end = _append(lines, offsets, block, lengths, end)
                job.processed += len(lengths)
        return job.processed

    def span(self, first: int, count: int) -> tuple[int, int]:
        """The bytes of `count` rows from row `first` on: where they begin and where they end."""
        with self._offsets.open("rb") as offsets:
            return _offset(offsets, first), _offset(offsets, first + count)


def _append(lines: BinaryIO, offsets: BinaryIO, block: bytes, lengths: list[int], end: int) -> int:
    lines.write(block)
    ends = array("Q", accumulate(lengths, initial=end))
    offsets.write(memoryview(ends)[1:])
    return ends[-1]


def _offset(offsets: BinaryIO, row: int) -> int:
    offsets.seek(row * _OFFSET_BYTES)
    return int(array("Q", offsets.read(_OFFSET_BYTES))[0])


def _blocks(connection: Connection, compiled: CompiledQuery, line: str) -> Iterator[tuple[bytes, list[int]]]:
    """Lines, many at a time, and the length of each: a step of SQLite for every row would fight for
    Python's lock.
    """
    if is_whole_object(compiled):
        last = connection.execute(f'SELECT max(rowid) FROM "{compiled.entity.name}"').fetchone()[0] or 0
        sql = range_sql(compiled, line)
        for low in range(0, last, _BLOCK_ROWS):
            yield _block(connection, sql, (low, low + _BLOCK_ROWS))
        return
    statement = numbers_statement(compiled)
    numbers = array("q", orjson.loads(connection.execute(statement.sql, statement.params).fetchone()[0]))
    sql = numbered_sql(compiled, line)
    for start in range(0, len(numbers), _BLOCK_ROWS):
        some = orjson.dumps(numbers[start : start + _BLOCK_ROWS].tolist()).decode()
        yield _block(connection, sql, (some,))


def _block(
    connection: Connection, sql: str, parameters: tuple[int, int] | tuple[str]
) -> tuple[bytes, list[int]]:
    block, lengths = connection.execute(sql, parameters).fetchone()
    return block or b"", orjson.loads(lengths)
