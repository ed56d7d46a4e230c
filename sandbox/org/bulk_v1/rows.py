"""A batch's rows as rows to write, from CSV, JSON or XML, and what became of them in the same three
formats.

(Bulk API 2.0 and Bulk API Developer Guide, "Bulk API: Prepare Data Files", "Get Batch Results").
"""

import csv
import io
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import orjson

from sandbox.org.bulk.csv_reader import open_upload
from sandbox.org.bulk.csv_rows import RowMaker
from sandbox.org.bulk.errors import InvalidBatchError
from sandbox.org.bulk.ingest import VERBS
from sandbox.org.bulk_v1.model import ClassicJob
from sandbox.org.bulk_v1.wire import NAMESPACE, xml_rows
from sandbox.org.errors import SalesforceError, of_row
from sandbox.org.schema.exact import loads
from sandbox.org.schema.jackson import parse_problem
from sandbox.org.soql.entities import Entities, Entity
from sandbox.org.state.dml import Outcome, Write
from schemas.salesforce.limits import BULK_V1_BATCH_ROWS

BatchRow = Write | SalesforceError


def batch_rows(job: ClassicJob, file: Path, entities: Entities, entity: Entity) -> list[BatchRow]:
    """The rows of a request; raises `InvalidBatchError` or `AsyncApiError` for what cannot be
    read.
    """
    rows = (
        _csv_rows(job, file, entities, entity)
        if job.content_type == "CSV"
        else [_object_row(job, entity, row) for row in _objects(job, file.read_bytes())]
    )
    if not rows:
        raise InvalidBatchError("Records not found")
    if len(rows) > BULK_V1_BATCH_ROWS:
        raise InvalidBatchError(f"Records exceed the limit of {BULK_V1_BATCH_ROWS} of a batch")
    return rows


def _csv_rows(job: ClassicJob, file: Path, entities: Entities, entity: Entity) -> list[BatchRow]:
    """Bulk API 1.0 has no option for line endings: the file's own are taken."""
    with file.open("rb") as opened:
        ending = "CRLF" if opened.readline().endswith(b"\r\n") else "LF"
    upload = open_upload(file, ",", ending)
    maker = RowMaker(entities, entity, VERBS[job.operation], job.external_id, upload.header)
    return [maker.write(row) for number in range(len(upload.starts)) for row in upload.batch(number)]


def _objects(job: ClassicJob, body: bytes) -> list[dict[str, Any]]:
    if job.content_type == "XML":
        return xml_rows(body)
    try:
        rows = loads(body)
    except orjson.JSONDecodeError:
        raise InvalidBatchError(f"Failed to parse JSON: {parse_problem(body)}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidBatchError("Failed to parse JSON: an array of objects is expected")
    return rows


def _object_row(job: ClassicJob, entity: Entity, row: Mapping[str, Any]) -> BatchRow:
    verb = VERBS[job.operation]
    if verb in ("insert", "upsert"):
        return Write(verb, entity.name, row, key=job.external_id)
    fields = {name: value for name, value in row.items() if name.lower() != "id"}
    record_id = next((value for name, value in row.items() if name.lower() == "id"), None)
    if not isinstance(record_id, str) or not record_id:
        return SalesforceError("MISSING_ARGUMENT", f"Id not specified in an {verb} call")
    return Write(verb, entity.name, {} if verb in ("delete", "hardDelete") else fields, record_id)


def outcome_line(outcome: Outcome) -> bytes:
    """An outcome as it is kept: a JSON array a line."""
    error = None if outcome.error is None else of_row(outcome.error)
    told = None if error is None else [error.code, error.message, error.fields]
    return orjson.dumps([outcome.record_id, outcome.created, told], option=orjson.OPT_APPEND_NEWLINE)


def outcomes_in(content_type: str, kept: bytes) -> tuple[bytes, str]:
    """Kept outcomes in a job's format, and its media type."""
    outcomes = [orjson.loads(line) for line in kept.splitlines()]
    if content_type == "JSON":
        return orjson.dumps([_json_outcome(*each) for each in outcomes]), "application/json"
    if content_type == "XML":
        rows = "".join(_xml_outcome(*each) for each in outcomes)
        document = f'<?xml version="1.0" encoding="UTF-8"?><results xmlns="{NAMESPACE}">{rows}</results>'
        return document.encode(), "application/xml"
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["Id", "Success", "Created", "Error"])
    for record_id, created, error in outcomes:
        said = (
            "" if error is None else f"{error[0]}:{error[1]}:{','.join(error[2])}{' ' if error[2] else ''}--"
        )
        writer.writerow([record_id or "", str(error is None).lower(), str(created).lower(), said])
    return text.getvalue().encode(), "text/csv"


def _json_outcome(record_id: str | None, created: bool, error: list[Any] | None) -> dict[str, Any]:  # noqa: FBT001 -- as kept
    errors = (
        []
        if error is None
        else [{"message": error[1], "fields": error[2], "statusCode": error[0], "extendedErrorDetails": None}]
    )
    return {"success": error is None, "created": created, "id": record_id, "errors": errors}


def _xml_outcome(record_id: str | None, created: bool, error: list[Any] | None) -> str:  # noqa: FBT001 -- as kept
    flags = f"<success>{str(error is None).lower()}</success><created>{str(created).lower()}</created>"
    if error is None:
        return f"<result><id>{record_id}</id>{flags}</result>"
    fields = "".join(f"<fields>{escape(name, quote=False)}</fields>" for name in error[2])
    message = f"<message>{escape(error[1], quote=False)}</message>"
    said = f"<errors>{fields}{message}<statusCode>{error[0]}</statusCode></errors>"
    return f"<result>{said}{flags}</result>"
