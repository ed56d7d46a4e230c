"""`/jobs/ingest`: make an ingest job, give it its rows, watch it, fetch what became of them."""

from pathlib import Path
from typing import Any

import anyio
import orjson
from starlette.responses import Response

from sandbox.org.bulk.errors import already_finished, invalid_job, invalid_state, several_contents
from sandbox.org.bulk.ingest import UPLOAD_FILE, VERBS
from sandbox.org.bulk.listing import listing
from sandbox.org.bulk.model import Job
from sandbox.org.bulk.multipart import form_parts
from sandbox.org.bulk.outcomes import outcome_file
from sandbox.org.bulk.pages import PageResponse
from sandbox.org.bulk.query_handlers import abort, bulk_of, remove
from sandbox.org.bulk.requests import chosen, csv_dialect, known_only, text
from sandbox.org.bulk.service import Bulk
from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.negotiation import wants_gzip
from sandbox.org.rest.call import Call, json_response
from sandbox.org.schema.jackson import parse_problem
from sandbox.org.soql.entities import Entity
from schemas.salesforce.limits import BULK_INGEST_MAX_BYTES, BULK_MULTIPART_MAX_CHARACTERS

_FIELDS = (
    "object", "operation", "externalIdFieldName", "contentType", "lineEnding", "columnDelimiter", "assignmentRuleId",
)  # fmt: skip


async def create(call: Call) -> Response:
    """Make an ingest job; with a multipart form its rows come along and it is closed at once.

    (Bulk API 2.0 and Bulk API Developer Guide, "Create a Job", "Upload Job Data").
    """
    bulk = bulk_of(call)
    content_type = call.request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        job = _new_job(call, bulk, await call.json_object())
        bulk.jobs.add(job)
        return json_response(job.info())
    parts = form_parts(await call.request.body(), content_type)
    if set(parts) != {"job", "content"}:
        raise SalesforceError("CLIENTINPUTERROR", "ClientInputError : A form has the parts job and content")
    if len(parts["content"].decode("utf-8", "replace")) > BULK_MULTIPART_MAX_CHARACTERS:
        message = f"The content of a form is limited to {BULK_MULTIPART_MAX_CHARACTERS} characters"
        raise SalesforceError("CLIENTINPUTERROR", f"ClientInputError : {message}")
    job = _new_job(call, bulk, _object(parts["job"]))
    bulk.jobs.add(job)
    await anyio.Path(_upload(bulk, job)).write_bytes(parts["content"])
    return _closed(bulk, job)


async def list_jobs(call: Call) -> Response:
    """List the ingest jobs. (Bulk API 2.0 and Bulk API Developer Guide, "Get Information About All
    Jobs").
    """
    return json_response(listing(call, bulk_of(call), "V2Ingest", "/jobs/ingest"))


async def get(call: Call) -> Response:
    """Tell how far an ingest job is. (Bulk API 2.0 and Bulk API Developer Guide, "Get Information
    About a Job").
    """
    return json_response(_job(call).details())


async def upload(call: Call) -> Response:
    """Take a job's rows; 201 without a body, once. (Bulk API 2.0 and Bulk API Developer Guide,
    "Upload Job Data").
    """
    bulk, job = bulk_of(call), _job(call)
    path = anyio.Path(_upload(bulk, job))
    if await path.exists():
        raise several_contents(job.id)
    if job.state != "Open":
        raise invalid_state(f"Job must be Open to take data. Job state: {job.state}")
    media_type = call.request.headers.get("content-type", "text/csv").partition(";")[0].strip().lower()
    if media_type != "text/csv":
        raise SalesforceError(
            "CLIENTINPUTERROR", f"ClientInputError : Content-Type {media_type} is not text/csv", 415
        )
    draft, size = path.with_suffix(".draft"), 0
    async with await draft.open("wb") as file:
        async for piece in call.request.stream():
            size += len(piece)
            if size > BULK_INGEST_MAX_BYTES:
                message = f"The data of a job is limited to {BULK_INGEST_MAX_BYTES} bytes"
                raise SalesforceError("CLIENTINPUTERROR", f"ClientInputError : {message}", 413)
            await file.write(piece)
    await draft.rename(path)
    return Response(status_code=201)


async def change(call: Call) -> Response:
    """Close or abort a job. (Bulk API 2.0 and Bulk API Developer Guide, "Close or Abort a Job")."""
    bulk, body = bulk_of(call), await call.json_object()
    known_only(body, ("state",))
    state = chosen(body, "state", ("UploadComplete", "Aborted"))
    job = _job(call)
    if state == "Aborted":
        abort(bulk, job)
        return json_response(job.info())
    if job.state != "Open":
        raise already_finished("Closing", job.state)
    return _closed(bulk, job)


async def delete(call: Call) -> Response:
    """Delete a job. (Bulk API 2.0 and Bulk API Developer Guide, "Delete a Job")."""
    return remove(bulk_of(call), _job(call))


async def results(call: Call) -> Response:
    """Fetch the rows that were written, that failed, or that the job did not come to; the path is
    taken in any case.

    (Bulk API 2.0 and Bulk API Developer Guide, "Get Job Successful Record Results", "Get Job
    Failed Record Results", "Get Job Unprocessed Record Results").
    """
    bulk, job = bulk_of(call), _job(call)
    path = outcome_file(bulk.jobs.folder(job.id), call.path("part"))
    if path is None:
        raise not_found()
    if not job.is_finished:
        raise invalid_state(f"Results are available when the job is complete. Job state: {job.state}")
    size = path.stat().st_size if path.exists() else 0
    return PageResponse(
        b"",
        path if size else None,
        (0, size),
        headers={},
        gzipped=wants_gzip(call.request.headers.get("accept-encoding", "")),
    )


def _job(call: Call) -> Job:
    return bulk_of(call).jobs.find(call.path("id"), "V2Ingest")


def _new_job(call: Call, bulk: Bulk, body: dict[str, Any]) -> Job:
    known_only(body, _FIELDS)
    entity = call.service.entities.find(text(body, "object"))
    if entity is None:
        raise invalid_job(f"Unable to find object: {body['object']}")
    operation = chosen(body, "operation", tuple(VERBS))
    bulk.dml.writable(entity.name)
    delimiter, line_ending = csv_dialect(body)
    now = bulk.jobs.now_ms()
    return Job(
        bulk.jobs.new_id(),
        "V2Ingest",
        operation,
        entity.name,
        call.user_id,
        call.version,
        now,
        now,
        "Open",
        delimiter,
        line_ending,
        origin=call.origin.replace("/api/rest/", "/api/bulkapi/"),
        external_id=upsert_key(entity, body.get("externalIdFieldName")) if operation == "upsert" else None,
        assignment_rule_id=body.get("assignmentRuleId"),
    )


def upsert_key(entity: Entity, name: object) -> str:
    """The field by which rows are matched; it must be an external id, or Id."""
    if not isinstance(name, str) or not name:
        raise invalid_job(
            f"External ID was blank for {entity.name}. An External ID must be specified for upsert."
        )
    field = entity.by_lower_name.get(name.lower())
    if field is None or not (field.kind == "id" or (field.spec is not None and field.spec.external_id)):
        raise invalid_job(
            f"Field name provided, {name} does not match an External ID, Salesforce Id, or indexed field for {entity.name}"
        )
    return field.name


def _closed(bulk: Bulk, job: Job) -> Response:
    """Close the job and answer; it is taken up after the answer was made."""
    path = _upload(bulk, job)
    if not path.exists():
        raise invalid_state("No data was uploaded for the job")
    job.state = "UploadComplete"
    bulk.jobs.save(job)
    answer = json_response(job.info())
    bulk.runner.start(job)
    return answer


def _upload(bulk: Bulk, job: Job) -> Path:
    return bulk.jobs.folder(job.id) / UPLOAD_FILE


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise SalesforceError("JSON_PARSER_ERROR", parse_problem(body)) from None
    if not isinstance(found, dict):
        raise SalesforceError("JSON_PARSER_ERROR", "The part job is no JSON object")
    return found
