"""`python -m clients.writeback.row_reader`: reads one file of the bucket in a process of its own.

What is in a file may inflate a thousandfold, or keep a decoder busy for a minute. Here it costs
bounded memory and processor time, and none of the API's. The question comes on standard input as
JSON; rows go to standard output in pieces, each with its length before it.
"""

import resource
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from clients.storage.object_reader import open_object
from clients.storage.objects import ObjectStore, S3Address
from clients.writeback.file_rows import Numbered, UnreadableError, rows_of
from clients.writeback.plain_values import plain
from schemas.errors import ObjectMissingError, TidegateError
from schemas.writeback.files import (
    CHUNK_ROWS,
    FREE_INFLATED,
    MOST_INFLATED,
    MOST_LINE,
    READER_BYTES,
    READER_CPU_SECONDS,
    FileFormat,
)

LENGTH = struct.Struct(">I")
_PIECE_CELLS = 200_000
TOO_LARGE = "it inflates to more than a file of its size may; hand in its rows as a CSV"


def main() -> int:
    """Answer one question; the exit code is 0 whenever the answer is whole."""
    asked = orjson.loads(sys.stdin.buffer.read())
    out = sys.stdout.buffer
    _bound()
    try:
        _send_rows(out, ObjectStore(S3Address(**asked["address"])), asked)
    except UnreadableError as error:
        _send(out, {"trouble": str(error)})
    except MemoryError:
        _send(out, {"trouble": TOO_LARGE})
    except ObjectMissingError:
        _send(out, {"missing": True})
    except TidegateError:
        _send(out, {"unavailable": True})
    else:
        _send(out, {"end": True})
    return 0


def _bound() -> None:
    """From here on the process may take so much and no more."""
    pa.set_cpu_count(1)
    pages = int(Path("/proc/self/statm").read_text().split()[5])  # data and stack (proc(5))
    most = pages * resource.getpagesize() + READER_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (READER_CPU_SECONDS, READER_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _send_rows(out: BinaryIO, store: ObjectStore, asked: dict[str, Any]) -> None:
    stored = store.size(asked["key"]) or 0
    most = FREE_INFLATED + MOST_INFLATED * stored
    with open_object(store, asked["key"]) as stream:
        try:
            for piece in _pieces(rows_of(stream, FileFormat(asked["format"])), most):
                out.write(LENGTH.pack(len(piece)) + piece)
        finally:
            out.flush()


def _pieces(rows: Iterator[Numbered], most: int) -> Iterator[bytes]:
    """The rows as JSON, so many at once, and `most` bytes in all; those before a place that cannot
    be read come all the same.
    """
    lines: list[bytes] = []
    size = cells = total = 0
    trouble: UnreadableError | None = None
    try:
        for row in rows:
            line = _line(row)
            total += len(line)
            _require_bounded(total, most)
            if lines and (size + len(line) > MOST_LINE or cells > _PIECE_CELLS or len(lines) == CHUNK_ROWS):
                yield b"[" + b",".join(lines) + b"]"
                lines, size, cells = [], 0, 0
            lines.append(line)
            size += len(line)
            cells += 1 + len(row.row or ())
    except UnreadableError as error:
        trouble = error
    if lines:
        yield b"[" + b",".join(lines) + b"]"
    if trouble is not None:
        raise trouble


def _require_bounded(total: int, most: int) -> None:
    if total > most:
        raise UnreadableError(TOO_LARGE)


def _line(row: Numbered) -> bytes:
    try:
        line = orjson.dumps([row.number, plain(row.row), row.message])
    except (TypeError, ValueError):
        line = b""
    if not line or len(line) > MOST_LINE:
        said = (
            f"This row is longer than {MOST_LINE:,} bytes. Shorten it."
            if line
            else "A value of this row is none of JSON's. Write texts, numbers, booleans or times."
        )
        return orjson.dumps([row.number, None, said])
    return line


def _send(out: BinaryIO, answer: dict[str, Any]) -> None:
    body = orjson.dumps(answer)
    out.write(LENGTH.pack(len(body)) + body)
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
