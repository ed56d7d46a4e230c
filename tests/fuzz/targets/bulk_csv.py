"""CSV of Bulk API: results of a query job, results of an ingest job, and what the sandbox takes.

The first byte chooses.
"""

import tempfile
from pathlib import Path

import pyarrow as pa

from clients.salesforce.bulk.ingest_csv import ingest_results
from clients.salesforce.polled_rows import rows_of_csv
from sandbox.org.bulk.csv_reader import open_upload
from sandbox.org.bulk.errors import InvalidBatchError
from schemas.errors import UnavailableError
from tests.support.builders.bus import protector
from tests.support.builders.things import CATALOGUE, SPEC
from transforms.ingest.row_pages import page_of_csv, protect_page

_PROTECTOR = protector(CATALOGUE)
_FOLDER = Path(tempfile.mkdtemp(prefix="tidegate-fuzz-"))
_ROWS = (
    b'"Id","IsDeleted","SystemModstamp","Title__c","Count__c","Email__c","Due__c","At__c"\n'
    b'"a0x000000000001AAA","false","2026-11-25T12:00:00.000Z","a ""b"",\nc","3","a@b.c","2026-01-02",""\n'
)
_RESULTS = b'"sf__Id","sf__Created","ExternalId__c"\n"001000000000001AAA","true","A-1"\n'
_FAILED = b'"sf__Id","sf__Error","ExternalId__c"\n"","REQUIRED_FIELD_MISSING:Required: a:Name --","A-1"\n'
SEEDS = (
    b"p" + _ROWS,
    b"r" + _ROWS,
    b"i" + _RESULTS,
    b"i" + _FAILED,
    b"u" + _ROWS,
    b"u\xef\xbb\xbfA;B\r\n1;2\r\n",
)
WORDS = (
    '"Id"',
    "IsDeleted",
    "SystemModstamp",
    '""',
    "\r\n",
    "#N/A",
    "sf__Error",
    "sf__Created",
    "true",
    "1e400",
    "NaN",
)


def check(data: bytes) -> None:
    """Each reader gives rows or raises what its docstring names."""
    kind, body = data[:1], data[1:]
    if kind == b"i":
        _check_results(body)
    elif kind == b"u":
        _check_upload(body)
    else:
        _check_page(body, polled=kind == b"r")


def _check_page(body: bytes, *, polled: bool) -> None:
    try:
        if polled:
            rows_of_csv(body, SPEC)
            return
        page = page_of_csv(body, SPEC)
    except (pa.ArrowInvalid, KeyError, UnavailableError):
        return
    protected = protect_page(page, SPEC, _PROTECTOR)
    assert len(protected) == len(page)


def _check_results(body: bytes) -> None:
    try:
        list(ingest_results(body, "ExternalId__c"))
    except UnavailableError:
        return


def _check_upload(body: bytes) -> None:
    file = _FOLDER / "upload.csv"
    file.write_bytes(body)
    for separator, ending in ((",", "LF"), (";", "CRLF")):
        try:
            upload = open_upload(file, separator, ending)
        except InvalidBatchError:
            continue
        read = [row for number in range(len(upload.starts)) for row in upload.batch(number)]
        assert len(read) == upload.rows, f"{upload.rows} rows counted, {len(read)} read"
        assert all(len(row) == len(upload.header) for row in read)
