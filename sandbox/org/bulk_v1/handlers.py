"""The calls of Bulk API 1.0."""

import asyncio
import re
from typing import Any

import anyio
import orjson
from starlette.responses import Response

from sandbox.org.bulk.ingest_handlers import upsert_key
from sandbox.org.bulk.pages import PageResponse
from sandbox.org.bulk.result_file import ResultFile
from sandbox.org.bulk_v1.call import AsyncCall
from sandbox.org.bulk_v1.errors import AsyncApiError, invalid_batch, invalid_job
from sandbox.org.bulk_v1.model import CONTENT_TYPES, OPERATIONS, QUERIES, Batch, ClassicJob
from sandbox.org.bulk_v1.query_results import NOT_FOUND, result_file
from sandbox.org.bulk_v1.rows import outcomes_in
from sandbox.org.bulk_v1.runner import OUTCOMES
from sandbox.org.bulk_v1.wire import NAMESPACE, answer, request_object, speaks_json, xml_response
from sandbox.org.errors import SalesforceError
from sandbox.org.negotiation import wants_gzip
from sandbox.org.schema.jackson import told
from sandbox.org.soql.literals import full_id
from schemas.salesforce.limits import BULK_V1_BATCH_BYTES, PK_CHUNK_DEFAULT, PK_CHUNK_MAX

_CLIENT = re.compile(r"client\s*=\s*([^,;\s]+)", re.IGNORECASE)
_MEDIA_TYPES = {
    "text/csv": "CSV",
    "application/json": "JSON",
    "application/xml": "XML",
    "text/xml": "XML",
}


async def create_job(call: AsyncCall) -> Response:
    """Make a job; 201. (Bulk API 2.0 and Bulk API Developer Guide, "Bulk API: Create a Job")."""
    body = request_object(call.request, await call.request.body())
    operation, content_type = _operation(body), _content_type(body)
    entity = call.org.view(call.user_id).entities.find(str(body.get("object") or ""))
    if entity is None:
        raise invalid_job(f"Unable to find object: {told(body.get('object'))}")
    key = None
    if operation not in QUERIES:
        call.bulk.dml.writable(entity.name)
    if operation == "upsert":
        try:
            key = upsert_key(entity, body.get("externalIdFieldName"))
        except SalesforceError as error:
            raise invalid_job(error.message.removeprefix("InvalidJob : ")) from None
    now = call.jobs.now_ms()
    chunk_rows, chunk_from = _chunking(call, operation)
    job = ClassicJob(
        call.jobs.new_id(),
        operation,
        entity.name,
        content_type,
        call.user_id,
        call.version,
        now,
        now,
        _origin(call),
        concurrency=str(body.get("concurrencyMode") or "Parallel"),
        external_id=key,
        assignment_rule_id=body.get("assignmentRuleId"),
        chunk_rows=chunk_rows,
        chunk_from=chunk_from,
    )
    call.jobs.add(job)
    return answer("jobInfo", job.info(), json=speaks_json(call.request), status=201)


async def get_job(call: AsyncCall) -> Response:
    """Tell how far a job is. (Bulk API 2.0 and Bulk API Developer Guide, "Bulk API: Get Job
    Details").
    """
    return answer("jobInfo", call.job().info(), json=speaks_json(call.request))


async def change_job(call: AsyncCall) -> Response:
    """Close or abort a job. (Bulk API 2.0 and Bulk API Developer Guide, "Bulk API: Close a Job",
    "Bulk API: Abort a Job").
    """
    job = call.job()
    body = request_object(call.request, await call.request.body())
    state = str(body.get("state") or "")
    if state not in ("Closed", "Aborted"):
        raise invalid_job(f"Invalid job state: {state}")
    if state == "Closed" and job.state != "Open":
        raise AsyncApiError("InvalidJobState", f"Closing already {job.state} Job not allowed")
    if state == "Aborted" and job.state == "Aborted":
        raise AsyncApiError("InvalidJobState", "Aborting already Aborted Job not allowed")
    job.state = "Closed" if state == "Closed" else "Aborted"
    if job.state == "Aborted":
        call.bulk.runner.halt(job)
        for batch in job.batches:
            if batch.state in ("Queued", "InProgress"):
                batch.state = "NotProcessed"
    call.jobs.save(job)
    return answer("jobInfo", job.info(), json=speaks_json(call.request))


async def add_batch(call: AsyncCall) -> Response:
    """Add a batch; 201. (Bulk API 2.0 and Bulk API Developer Guide, "Bulk API: Add a Batch to a
    Job").
    """
    job = call.job()
    if job.state != "Open":
        raise AsyncApiError("InvalidJobState", f"{job.state} job cannot accept a batch")
    media_type = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    found = _MEDIA_TYPES.get(media_type)
    if found != job.content_type and not job.is_query:
        raise invalid_batch(
            f"The content type of the batch ({media_type}) does not match that of the job ({job.content_type})"
        )
    body = await _body(call)
    call.org.meters.bulk_batches.count()
    batch = call.jobs.new_batch()
    await anyio.Path(call.jobs.request_file(job, batch)).write_bytes(body)
    job.batches.append(batch)
    call.jobs.save(job, batch)
    answered = _about_batch(call, job, job.batch_info(batch), status=201)
    call.bulk.runner.start(job)
    return answered


async def list_batches(call: AsyncCall) -> Response:
    """List a job's batches. (Bulk API 2.0 and Bulk API Developer Guide, "Bulk API: Get Information
    for All Batches in a Job").
    """
    job = call.job()
    infos = [job.batch_info(batch) for batch in job.batches]
    return answer("batchInfoList", infos, json=speaks_json(call.request, job.content_type))


async def get_batch(call: AsyncCall) -> Response:
    """Tell how far a batch is. (Bulk API 2.0 and Bulk API Developer Guide, "Bulk API: Get
    Information for a Batch").
    """
    job = call.job()
    return _about_batch(call, job, job.batch_info(call.batch(job)))


async def get_request(call: AsyncCall) -> Response:
    """Give back what a batch was made of. (Bulk API 2.0 and Bulk API Developer Guide, "Bulk API:
    Get a Batch Request").
    """
    job = call.job()
    body = await anyio.Path(call.jobs.request_file(job, call.batch(job))).read_bytes()
    return Response(body, media_type=_media_type(job))


async def get_results(call: AsyncCall) -> Response:
    """The results of a query batch as a list, or what became of each row of any other.

    (Bulk API 2.0 and Bulk API Developer Guide, "Bulk API: Get Batch Results").
    """
    job = call.job()
    batch = call.batch(job)
    call.jobs.require_result(job, batch)
    if not job.is_query:
        kept = await anyio.Path(call.jobs.result_folder(job, batch) / OUTCOMES).read_bytes()
        body, media_type = await asyncio.to_thread(outcomes_in, job.content_type, kept)
        return Response(body, media_type=media_type)
    if speaks_json(call.request, job.content_type):
        return Response(orjson.dumps([batch.result_id]), media_type="application/json")
    return xml_response(f'<result-list xmlns="{NAMESPACE}"><result>{batch.result_id}</result></result-list>')


async def get_result(call: AsyncCall) -> Response:
    """One result of a query batch. (Bulk API 2.0 and Bulk API Developer Guide, "Bulk API: Get
    Results for a Query Batch").
    """
    job = call.job()
    batch = call.batch(job)
    call.jobs.require_result(job, batch)
    if not job.is_query or call.request.path_params["result"] != batch.result_id:
        raise invalid_batch(f"Unable to find result with id: {call.request.path_params['result']}")
    fault = call.org.faults.strike("bulk.page", job.id)
    if fault is not None and fault.kind == "fail":
        raise AsyncApiError("InternalServerError", fault.message, fault.status)
    return _result(call, job, batch, cut=fault is not None and fault.kind == "truncate")


def _result(call: AsyncCall, job: ClassicJob, batch: Batch, *, cut: bool) -> Response:
    folder = call.jobs.result_folder(job, batch)
    gzipped = wants_gzip(call.request.headers.get("accept-encoding", ""))
    charset = "" if job.content_type == "JSON" else "; charset=UTF-8"
    headers = {"Content-Type": f"{_media_type(job)}{charset}"}
    if job.content_type != "CSV":
        path = result_file(folder)
        return PageResponse(b"", path, (0, path.stat().st_size), headers=headers, gzipped=gzipped, cut=cut)
    file = ResultFile(folder)
    if not batch.processed:
        return PageResponse(NOT_FOUND, None, (0, 0), headers=headers, gzipped=gzipped, cut=cut)
    return PageResponse(
        file.header, file.lines, file.span(0, batch.processed), headers=headers, gzipped=gzipped, cut=cut
    )


def _about_batch(call: AsyncCall, job: ClassicJob, info: dict[str, object], *, status: int = 200) -> Response:
    return answer("batchInfo", info, json=speaks_json(call.request, job.content_type), status=status)


def _media_type(job: ClassicJob) -> str:
    return next(media_type for media_type, name in _MEDIA_TYPES.items() if name == job.content_type)


def _operation(body: dict[str, Any]) -> str:
    asked = str(body.get("operation") or "")
    found = next((each for each in OPERATIONS if each.lower() == asked.lower()), None)
    if found is None:
        raise invalid_job(f"Unknown operation: {asked}")
    return found


def _content_type(body: dict[str, Any]) -> str:
    asked = str(body.get("contentType") or "XML").upper()
    if asked not in CONTENT_TYPES:
        raise AsyncApiError("FeatureNotEnabled", f"Content type {asked} is not supported")
    return asked


def _origin(call: AsyncCall) -> str:
    """`changeOrigin` of what the job writes."""
    client = _CLIENT.search(call.request.headers.get("sforce-call-options", ""))
    return f"com/salesforce/api/bulkapi/{call.version:.1f}" + (f";client={client[1]}" if client else "")


def _chunking(call: AsyncCall, operation: str) -> tuple[int | None, str | None]:
    """Rows of a chunk and the Id to begin with, of `Sforce-Enable-PKChunking: true;
    chunkSize=50000; startRow=001…`.

    `parent` names the object whose keys a sharing or history object is cut by, and changes
    nothing for others (Bulk API 2.0 and Bulk API Developer Guide, "PK Chunking Header").
    """
    words = [word.strip() for word in call.request.headers.get("sforce-enable-pkchunking", "").split(";")]
    options = {
        name.strip().lower(): value.strip() for name, _, value in (word.partition("=") for word in words)
    }
    if words[0].lower() in ("", "false") or operation not in QUERIES:
        return None, None
    size = options.get("chunksize", str(PK_CHUNK_DEFAULT))
    if not size.isdecimal() or not 0 < int(size) <= PK_CHUNK_MAX:
        raise invalid_job(f"PK chunking size must be between 1 and {PK_CHUNK_MAX}: {size}")
    start = options.get("startrow")
    if start and full_id(start) is None:
        raise invalid_job(f"Invalid startRow: {start}")
    return int(size), full_id(start) if start else None


async def _body(call: AsyncCall) -> bytes:
    """The body of a batch; raises InvalidBatch beyond the size of a batch."""
    body = bytearray()
    async for piece in call.request.stream():
        body += piece
        if len(body) > BULK_V1_BATCH_BYTES:
            raise invalid_batch(f"Exceeded max size of a batch: {BULK_V1_BATCH_BYTES} bytes")
    return bytes(body)
