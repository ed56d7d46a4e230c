"""The rows of a file in the bucket, read by a process of its own (`row_reader`)."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import IO, Any

import orjson

from clients.storage.objects import S3Address
from clients.writeback.file_rows import Numbered, UnreadableError
from clients.writeback.row_reader import LENGTH
from schemas.errors import ObjectMissingError, UnavailableError
from schemas.writeback.files import MOST_LINE, READER_SECONDS, FileFormat

_COMMAND = (sys.executable, "-m", "clients.writeback.row_reader")
_LONGEST_PIECE = 4 * MOST_LINE
_TOO_MUCH = (
    "reading on takes more memory or time than a file may, or it is broken; hand in its rows in smaller "
    "files, or write it again with plain encodings"
)


def rows_apart(address: S3Address, key: str, file_format: FileFormat) -> Iterator[list[Numbered]]:
    """The file's rows in pieces of some megabytes. Blocks.

    Raises:
        ObjectMissingError: The bucket has no such object.
        UnavailableError: The bucket does not answer.
        UnreadableError: The file cannot be read on, or costs more than a file may.
    """
    place = address.place(key)
    own = replace(address, bucket=place.bucket, kms_key_id=place.kms_key_id, classes={})
    asked = {"address": asdict(own), "key": key, "format": str(file_format)}
    with _reader() as child:
        late = threading.Timer(READER_SECONDS, child.kill)
        late.start()
        try:
            _ask(child, orjson.dumps(asked))
            yield from _answers(child, place.bucket, key)
        finally:
            late.cancel()
            child.kill()


def _reader() -> "subprocess.Popen[bytes]":
    # It needs AWS' own variables, and none of our settings.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
    environment["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    return subprocess.Popen(  # noqa: S603 -- our own program
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )


def _ask(child: "subprocess.Popen[bytes]", question: bytes) -> None:
    assert child.stdin is not None  # noqa: S101 -- as it was opened
    try:
        child.stdin.write(question)
        child.stdin.close()
    except BrokenPipeError:
        return  # it has ended, and its answer says how


def _answers(child: "subprocess.Popen[bytes]", bucket: str, key: str) -> Iterator[list[Numbered]]:
    assert child.stdout is not None  # noqa: S101 -- as it was opened
    while (answer := _answer(child.stdout)) is not None:
        if isinstance(answer, list):
            yield [Numbered(*each) for each in answer]
        elif "trouble" in answer:
            raise UnreadableError(answer["trouble"])
        elif "missing" in answer:
            raise ObjectMissingError(bucket=bucket, key=key)
        elif "unavailable" in answer:
            raise UnavailableError(system="S3", detail="the file could not be read to its end")
        else:
            return
    raise UnreadableError(_TOO_MUCH)


def _answer(stream: IO[bytes]) -> Any:
    """The next piece; None when the process ended without a word."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    if length > _LONGEST_PIECE:
        return None
    body = stream.read(length)
    return orjson.loads(body) if len(body) == length else None
