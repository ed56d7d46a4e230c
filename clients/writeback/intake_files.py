"""Reading writebacks from a file, so many rows at a time, and accepting them. One bad row concerns
no other.
"""

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from clients.writeback.file_rows import Numbered, UnreadableError, rows_of
from schemas.writeback.files import (
    CHUNK_ROWS,
    MOST_REFUSALS,
    SHOWN_REFUSALS,
    FileFormat,
    FileIntake,
)
from schemas.writeback.messages import Intake, RefusedWriteback
from transforms.writeback.parse_rows import RowForm


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
        self.take(_chunks(rows_of(stream, file_format)))

    def take(self, chunks: Iterator[list[Numbered]]) -> None:
        """Accept rows that are read elsewhere, as `read` does."""
        try:
            for chunk in chunks:
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
