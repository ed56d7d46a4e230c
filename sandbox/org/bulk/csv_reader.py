"""An uploaded CSV: checked once as a whole, then read batch by batch without holding it in memory.

The dialect is the job's and not guessed: a line that ends otherwise fails the job, as in
Salesforce (Bulk API 2.0 and Bulk API Developer Guide, "Prepare CSV Files").
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from sandbox.org.bulk.errors import InvalidBatchError
from sandbox.org.bulk.model import LINE_ENDINGS
from schemas.salesforce.limits import (
    BULK_FIELD_MAX_CHARACTERS,
    BULK_HEADER_MAX_CHARACTERS,
    BULK_INTERNAL_BATCH_ROWS,
)

CsvRow = list[str]


@dataclass(frozen=True, slots=True)
class Upload:
    """A CSV that can be read: its header and where each of its batches begins."""

    file: Path
    separator: str
    line_ending: str
    """LF or CRLF."""
    header: CsvRow
    starts: list[int]
    """Byte offset of each batch's first row."""
    rows: int

    def batch(self, number: int) -> list[CsvRow]:
        """The rows of one batch."""
        with self.file.open("rb") as file:
            file.seek(self.starts[number])
            reader = _Reader(file, self.separator, self.line_ending)
            return list(islice(reader.rows(len(self.header)), BULK_INTERNAL_BATCH_ROWS))


def open_upload(file: Path, separator: str, line_ending: str) -> Upload:
    """Read the file through; raises `InvalidBatchError` for what is no CSV of that dialect."""
    with file.open("rb") as opened:
        if opened.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            opened.seek(0)
        reader = _Reader(opened, separator, line_ending, opened.tell())
        header = reader.header()
        starts, count = [reader.end], 0
        for _ in reader.rows(len(header)):
            count += 1
            if count % BULK_INTERNAL_BATCH_ROWS == 0:
                starts.append(reader.end)
    batches = -(-count // BULK_INTERNAL_BATCH_ROWS)
    return Upload(file, separator, line_ending, header, starts[:batches], count)


class _Reader:
    """Python's CSV reader over bytes, which knows where the row it gave last ends."""

    def __init__(self, file: BinaryIO, separator: str, line_ending: str, start: int = 0) -> None:
        self.end = start
        self._file = file
        self._line_ending = line_ending
        self._last = ""
        self._rows = csv.reader(self._lines(), delimiter=separator, strict=True)

    def header(self) -> CsvRow:
        first = self._next()
        if not first or not any(first):
            raise InvalidBatchError("Unable to read the header row")
        if len(self._last) > BULK_HEADER_MAX_CHARACTERS:
            raise InvalidBatchError(f"CSV header exceeds {BULK_HEADER_MAX_CHARACTERS} characters")
        return [name.strip() for name in first]

    def rows(self, width: int) -> Iterator[CsvRow]:
        """Every row; an empty line is none."""
        while (row := self._next()) is not None:
            if not row:
                continue
            if len(row) != width:
                raise InvalidBatchError(
                    f"Record has {len(row)} fields where the header names {width}: {','.join(row)[:80]}"
                )
            yield row

    def _next(self) -> CsvRow | None:
        try:
            row = next(self._rows, None)
        except csv.Error as error:
            is_long = "field limit" in str(error)
            why = (
                f"a field exceeds {BULK_FIELD_MAX_CHARACTERS} characters"
                if is_long
                else "a quote is not closed"
            )
            raise InvalidBatchError(f"Failed to parse CSV: {why}") from None
        except UnicodeDecodeError:
            raise InvalidBatchError("CSV is not UTF-8") from None
        if row is not None and self._last.endswith("\n") and not self._ends_well():
            raise InvalidBatchError(
                f"LineEnding is invalid on user data. Current LineEnding setting is {self._line_ending}"
            )
        return row

    def _ends_well(self) -> bool:
        return self._last.endswith("\r\n") == (LINE_ENDINGS[self._line_ending] == "\r\n")

    def _lines(self) -> Iterator[str]:
        while line := self._file.readline():
            self.end += len(line)
            self._last = line.decode("utf-8")
            yield self._last


# The module's own limit is the same number; it is set so that nobody depends on a coincidence.
csv.field_size_limit(BULK_FIELD_MAX_CHARACTERS)
