"""Reading writebacks from a file, so many rows at a time, and accepting them. One bad row concerns
no other.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from schemas.writeback.files import (
    CHUNK_ROWS,
    MOST_LINE,
    MOST_REFUSALS,
    SHOWN_REFUSALS,
    FileFormat,
    FileIntake,
)
from schemas.writeback.messages import Intake, RefusedWriteback
from transforms.writeback.parse_rows import RowForm

_BLOCK = 4 * 1024 * 1024
_HEADER = 256 * 1024


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


class FileReading:
    """One file on its way into the store."""

    def __init__(self, form: RowForm, submit: Callable[[list[Any]], Intake]) -> None:
        self._form = form
        self._submit = submit
        self.rows = self.accepted = self.repeated = 0
        self.refusals: list[RefusedWriteback] = []
        """All of them, by row."""
        self.trouble = ""
        self.objects: set[str] = set()
        """Of what was accepted again: whose queues have something to do."""

    def read(self, stream: BinaryIO, file_format: FileFormat) -> None:
        """Read and accept it to its end, or to where it cannot be read."""
        try:
            for chunk in _chunks(_READERS[file_format](stream)):
                self._take(chunk)
                _require_few(len(self.refusals))
        except UnreadableError as error:
            self.trouble = f"Reading stopped after row {self.rows:,}: {error}. What was accepted stays; then hand it in again."

    def result(self, refusals_key: str | None = None) -> FileIntake:
        """Its outcome so far. `refusals_key`: where all refusals were put."""
        return FileIntake(
            rows=self.rows,
            accepted=self.accepted,
            repeated=self.repeated,
            refused=len(self.refusals),
            refusals=tuple(self.refusals[:SHOWN_REFUSALS]),
            refusals_key=refusals_key,
            trouble=self.trouble,
        )

    def _take(self, chunk: list[Numbered]) -> None:
        good = [each for each in chunk if each.row is not None]
        items = [self._form.writeback(each.number, each.row or {}) for each in good]
        answer = self._submit(items)
        bad = [
            RefusedWriteback(index=each.number, key="", field="", message=each.message)
            for each in chunk
            if each.row is None
        ]
        numbered = [each.model_copy(update={"index": good[each.index].number}) for each in answer.refused]
        self.refusals += sorted((*bad, *numbered), key=lambda each: each.index)
        new = [items[each.index] for each in answer.accepted if each.is_new]
        self.objects |= {str(each["object"]) for each in new}
        self.accepted += len(new)
        self.repeated += len(answer.accepted) - len(new)
        self.rows += len(chunk)


def _require_few(refusals: int) -> None:
    if refusals > MOST_REFUSALS:
        raise UnreadableError(f"more than {MOST_REFUSALS:,} rows are refused; correct the file as a whole")


def _chunks(rows: Iterator[Numbered]) -> Iterator[list[Numbered]]:
    """The rows in pieces; what came before a place that cannot be read comes all the same."""
    chunk: list[Numbered] = []
    try:
        for row in rows:
            chunk.append(row)
            if len(chunk) == CHUNK_ROWS:
                yield chunk
                chunk = []
    except UnreadableError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _ndjson(stream: BinaryIO) -> Iterator[Numbered]:
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
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )
        rows = (row for batch in reader for row in batch.to_pylist())
        yield from _with_odd(rows, odd, len(names))
    except pa.ArrowInvalid:
        # Arrow's own words may say a value.
        raise UnreadableError("from there on it is no CSV in UTF-8; correct it") from None


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
    start = stream.read(_HEADER)
    stream.seek(0)
    try:
        first = start.decode("utf-8-sig", errors="ignore").splitlines()[0]
        [names] = csv.reader([first])
    except (IndexError, ValueError, csv.Error):
        raise UnreadableError("it has no header; begin it with the names of the columns") from None
    if len(set(names)) < len(names):
        raise UnreadableError("two columns have one name; leave one of them out")
    return names


def _parquet(stream: BinaryIO) -> Iterator[Numbered]:
    number = 0
    try:
        for batch in pq.ParquetFile(stream).iter_batches(batch_size=CHUNK_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield Numbered(number, row)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
        raise UnreadableError("it is no Parquet file, or a broken one; write it again") from None


_READERS: dict[FileFormat, Callable[[BinaryIO], Iterator[Numbered]]] = {
    FileFormat.CSV: _csv,
    FileFormat.NDJSON: _ndjson,
    FileFormat.PARQUET: _parquet,
}
