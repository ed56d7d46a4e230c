"""A file of writebacks: its format, its name for keys, and its rows handed in."""

import hashlib
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from cli.output import TALK
from clients.writeback.intake_files import FileReading
from schemas.catalogue import Catalogue
from schemas.errors import SettingsError
from schemas.writeback.files import FileFormat, RowDefaults
from schemas.writeback.messages import Intake
from transforms.writeback.parse_rows import RowForm


def read_file(
    accept: Callable[[list[Any]], Intake],
    catalogue: Catalogue,
    defaults: RowDefaults,
    file: str,
    file_format: FileFormat | None,
) -> FileReading:
    """Hand the rows of a file to `accept`, part by part; returns what became of them.

    Args:
        accept: Takes writebacks; answers which were accepted.
        catalogue: By which the rows are read.
        defaults: What the rows do not say themselves.
        file: Path; "-" = NDJSON on stdin.
        file_format: None = the file's ending says it.
    """
    kind = file_format or _format_of(file)
    if not defaults.object and kind is not FileFormat.NDJSON:
        raise SettingsError("The rows of this file do not say their object. Give --object.")
    if defaults.object:
        catalogue.object(defaults.object)
    with _opened(file) as stream, TALK.status("reading") as status:
        # The same file has the same keys wherever it lies, and another one of the same name has others.
        name = f"{Path(file).name}:{_digest(stream)}"
        stream.seek(0)

        def accepted(items: list[Any]) -> Intake:
            answer = accept(items)
            status.update(f"reading: {reading.rows + len(items):,} rows")
            return answer

        reading = FileReading(RowForm(catalogue, kind, defaults, name), accepted)
        reading.read(stream, kind)
    return reading


def _digest(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while part := stream.read(1024 * 1024):
        digest.update(part)
    return digest.hexdigest()[:16]


def _format_of(file: str) -> FileFormat:
    ending = "ndjson" if file == "-" else Path(file).suffix.lower().lstrip(".")
    try:
        return FileFormat({"jsonl": "ndjson"}.get(ending, ending))
    except ValueError:
        raise SettingsError(
            f"The ending of {Path(file).name} does not say how it is written. Give --format csv, ndjson or parquet."
        ) from None


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """The file, which can be read twice; what comes on stdin is held in memory."""
    if file == "-":
        yield io.BytesIO(sys.stdin.buffer.read())
        return
    if not Path(file).is_file():
        raise SettingsError(f"There is no file {file}. Correct the path.")
    with Path(file).open("rb") as opened:
        yield opened
