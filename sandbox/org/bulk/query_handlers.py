"""`/jobs/query`: make a query job, watch it, fetch its pages."""

import asyncio
import base64
import binascii

from starlette.responses import Response

from sandbox.org.bulk.errors import (
    already_finished,
    invalid_locator,
    no_results_yet,
    not_terminated,
    wrong_version,
)
from sandbox.org.bulk.listing import listing
from sandbox.org.bulk.model import Job
from sandbox.org.bulk.pages import PageResponse
from sandbox.org.bulk.requests import chosen, csv_dialect, known_only, text
from sandbox.org.bulk.rules import bulk_query, can_be_chunked
from sandbox.org.bulk.service import Bulk
from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.negotiation import wants_gzip
from sandbox.org.rest.call import Call, json_response
from schemas.salesforce.limits import BULK_RESULT_PAGES

_FIELDS = ("operation", "query", "contentType", "columnDelimiter", "lineEnding")
_RESULT_PAGES_FROM = 58.0


def bulk_of(call: Call) -> Bulk:
    bulk: Bulk = call.request.app.state.bulk
    return bulk


async def create(call: Call) -> Response:
    """Make a query job; 200. (Bulk API 2.0 and Bulk API Developer Guide, "Create a Query Job")."""
    bulk, body = bulk_of(call), await call.json_object()
    known_only(body, _FIELDS)
    operation = chosen(body, "operation", ("query", "queryAll"))
    soql, now = text(body, "query"), bulk.jobs.now_ms()
    delimiter, line_ending = csv_dialect(body)
    # In a thread: a list of 4,000 ids takes 0.2 s to parse.
    compiled = await asyncio.to_thread(bulk_query, soql, call.service.entities, operation, created_ms=now)
    call.org.meters.bulk_query_jobs.count()
    job = Job(
        bulk.jobs.new_id(),
        "V2Query",
        operation,
        compiled.entity.name,
        call.user_id,
        call.version,
        now,
        now,
        "UploadComplete",
        delimiter,
        line_ending,
        soql=soql,
        pk_chunking=can_be_chunked(compiled),
    )
    bulk.jobs.add(job)
    answer = json_response(job.info())
    bulk.runner.start(job)
    return answer


async def list_jobs(call: Call) -> Response:
    """List the query jobs. (Bulk API 2.0 and Bulk API Developer Guide, "Get Information About All
    Query Jobs").
    """
    return json_response(listing(call, bulk_of(call), "V2Query", "/jobs/query"))


async def get(call: Call) -> Response:
    """Tell how far a query job is. (Bulk API 2.0 and Bulk API Developer Guide, "Get Information
    About a Query Job").
    """
    return json_response(_job(call).details())


async def change(call: Call) -> Response:
    """Abort a query job. (Bulk API 2.0 and Bulk API Developer Guide, "Abort a Query Job")."""
    body = await call.json_object()
    known_only(body, ("state",))
    chosen(body, "state", ("Aborted",))
    job = _job(call)
    abort(bulk_of(call), job)
    return json_response(job.info())


async def delete(call: Call) -> Response:
    """Delete a query job and its results. (Bulk API 2.0 and Bulk API Developer Guide, "Delete a
    Query Job").
    """
    return remove(bulk_of(call), _job(call))


async def results(call: Call) -> Response:
    """Fetch a page of results, or the addresses of pages.

    The last part of the path is taken in any case, as Salesforce's own `resultPages` and
    `resultpages` demand. (Bulk API 2.0 and Bulk API Developer Guide, "Get Results for a Query
    Job", "Get Parallel Results for a Query Job").
    """
    part = call.path("part").lower()
    if part == "results":
        return await _page(call)
    if part == "resultpages" and call.version >= _RESULT_PAGES_FROM:
        return _result_pages(call)
    raise not_found()


def abort(bulk: Bulk, job: Job) -> None:
    """Set an unfinished job to Aborted; raises INVALIDJOBSTATE."""
    if job.is_finished:
        raise already_finished("Aborting", job.state)
    job.state = "Aborted"
    bulk.jobs.save(job)
    bulk.runner.halt(job)


def remove(bulk: Bulk, job: Job) -> Response:
    """Delete a job that is not at work; 204 without a body."""
    if job.state in ("Open", "InProgress"):
        raise not_terminated()
    bulk.runner.halt(job)
    bulk.jobs.remove(job)
    return Response(status_code=204)


def _job(call: Call) -> Job:
    return bulk_of(call).jobs.find(call.path("id"), "V2Query")


def _complete(call: Call) -> Job:
    job = _job(call)
    if job.version != call.version:
        raise wrong_version(job.version)
    if job.state != "JobComplete":
        raise no_results_yet(job.state)
    return job


async def _page(call: Call) -> Response:
    job, bulk = _complete(call), bulk_of(call)
    first = _first_row(call, job)
    wanted = _positive(call, "maxRecords") or job.page_rows
    count = min(wanted, job.processed - first)
    fault = call.org.faults.strike("bulk.page", job.id)
    if fault is not None and fault.kind == "fail":
        raise SalesforceError(fault.code, fault.message, fault.status)
    result = bulk.result(job.id)
    more = first + count < job.processed
    headers = {
        "Sforce-NumberOfRecords": str(count),
        "Sforce-Locator": _locator(first + count) if more else "null",
    }
    return PageResponse(
        result.header,
        result.lines,
        result.span(first, count),
        headers=headers,
        gzipped=wants_gzip(call.request.headers.get("accept-encoding", "")),
        cut=fault is not None and fault.kind == "truncate",
    )


def _result_pages(call: Call) -> Response:
    job = _complete(call)
    first, size = _first_row(call, job), job.page_rows
    ends = max(job.processed, 1)
    starts = range(first, ends, size)
    some = starts[:BULK_RESULT_PAGES]
    done = len(starts) <= BULK_RESULT_PAGES
    base = f"{call.base}/jobs/query/{job.id}"
    following = None if done else f"{base}/resultpages?locator={_locator(starts[BULK_RESULT_PAGES])}"
    urls = [{"resultUrl": f"{base}/results?locator={_locator(start)}"} for start in some]
    return json_response({"resultPages": urls, "nextRecordsUrl": following, "done": done})


def _locator(row: int) -> str:
    """The locator of the page that begins at that row: base64 without padding, as Salesforce's
    looks.
    """
    return base64.urlsafe_b64encode(str(row).encode()).decode().rstrip("=")


def _first_row(call: Call, job: Job) -> int:
    locator = call.request.query_params.get("locator", "")
    if not locator:
        return 0
    try:
        row = base64.urlsafe_b64decode(locator.rstrip("=") + "=" * (-len(locator.rstrip("=")) % 4)).decode(
            "ascii"
        )
    except (binascii.Error, ValueError):
        raise invalid_locator() from None
    if not row.isdecimal() or int(row) > job.processed:
        raise invalid_locator()
    return int(row)


def _positive(call: Call, name: str) -> int | None:
    value = call.request.query_params.get(name)
    if value is None:
        return None
    if not value.isdecimal() or int(value) == 0:
        raise SalesforceError("API_ERROR", f"{name} must be a positive number")
    return int(value)
