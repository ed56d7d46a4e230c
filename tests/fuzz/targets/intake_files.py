"""A file of writebacks: rows in order, each prepared or refused, or one error for the file.

The first byte chooses the format.
"""

import io
import os
import resource
import traceback
from collections.abc import Callable
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from clients.writeback.file_rows import UnreadableError, rows_of
from clients.writeback.row_reader import _line
from schemas.catalogue import default_catalogue
from schemas.writeback.files import READER_CPU_SECONDS, FileFormat, RowDefaults
from schemas.writeback.messages import RefusedWriteback
from tests.support.builders.writebacks import NOON, checks
from transforms.writeback.parse_rows import RowForm
from transforms.writeback.validate import PreparedWriteback, parse

_FORMATS = {b"c": FileFormat.CSV, b"n": FileFormat.NDJSON, b"p": FileFormat.PARQUET}
_CATALOGUE = default_catalogue()
_CHECKS = checks(_CATALOGUE)
_MOST = 50


def _parquet() -> bytes:
    sink = io.BytesIO()
    table = pa.table(
        {"external_id": ["C-1", "C-2"], "Subject": ["a", None], "Account.ExternalId__c": ["A", "B"]}
    )
    pq.write_table(table, sink)
    return sink.getvalue()


SEEDS = (
    b"cexternal_id,key,Subject,Account.ExternalId__c\nC-1,k,a roof,A-1\nC-2,,#N/A,\nC-3,k\n",
    b'cexternal_id,"Sub""ject"\r\n"C-1","a,\nb"\r\n',
    b'n{"external_id": "C-1", "Subject": "a"}\n{"external_id": "C-2", "fields": {"Subject": null}}\n[]\n',
    b'n{"external_id": "C-1", "fields": {"Account": {"ExternalId__c": "A-1"}}, "only_if": {"Status": "New"}}',
    b"p" + _parquet(),
)
WORDS = (
    "external_id", "key", '"fields":', "Subject", "Status", "Priority", "#N/A", "Account.ExternalId__c", "true", "1e5",
    '"deadline":', '"only_if":', '"unchanged_since":', "2026-11-25T12:00Z", "PAR1",
)  # fmt: skip


def check(data: bytes) -> None:
    """Rows come numbered from 1, without gaps; each is prepared, refused or said to be none."""
    form = _FORMATS.get(data[:1])
    if form is None:
        return
    if form is FileFormat.PARQUET:
        _apart(lambda: _read(form, data[1:]))
    else:
        _read(form, data[1:])


def _apart(work: Callable[[], None]) -> None:
    """Arrow ends its process at some broken files, which is why the engine reads files in a process
    of their own.
    """
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (READER_CPU_SECONDS, READER_CPU_SECONDS))
            work()
        except Exception:
            os.write(writer, traceback.format_exc()[-4_000:].encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        words = said.read().decode()
    os.waitpid(child, 0)
    assert not words, words


def _read(form: FileFormat, body: bytes) -> None:
    rows = RowForm(_CATALOGUE, form, RowDefaults(object="Case"), "fuzz")
    try:
        for expected, each in enumerate(islice(rows_of(io.BytesIO(body), form), _MOST), 1):
            assert each.number == expected, f"row {each.number} came where {expected} was to come"
            assert (each.row is None) == bool(each.message)
            _check_row(rows, _line(each))
    except UnreadableError:
        return


def _check_row(rows: RowForm, line: bytes) -> None:
    number, row, _ = orjson.loads(line)
    if row is not None:
        check_writeback(number, rows.writeback(number, row))


def check_writeback(index: int, item: Any) -> None:
    """The parsed writeback is prepared or refused, and can be stored as JSON."""
    read = parse(index, item)
    if not isinstance(read, RefusedWriteback):
        _CHECKS.fingerprint(read)
        found = _CHECKS.check(index, read, NOON)
        if isinstance(found, PreparedWriteback):
            orjson.dumps([found.fields, found.only_if, found.external_id])
            return
        read = found
    assert read.message, "a refusal without words"
    read.model_dump_json().encode()
